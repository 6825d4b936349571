"""Reads the records of Kafka partitions, a span of offsets each, in the task that lands them.

Spark plans the span; the record itself goes straight from librdkafka into an Arrow batch, past the JVM: through Spark's
own Kafka reader and Arrow's way to Python a record costs several times the CPU (see benchmarks/README.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from landfall.failures import Passing
from landing_stream.copy_rows import RECORD_SCHEMA
from landing_stream.ledger import Span
from landing_stream.topics import KafkaUnavailable
from landing_stream.witness import Witness, witness

# Batches of 20,000 events of 1 kB did best; the second bound keeps memory flat when records are large.
BATCH_RECORDS = 20_000
BATCH_BYTES = 32 << 20
# One call may bring this many records of the largest size, about 1 MB each.
_CALL_RECORDS = 500
_CALL_SECONDS = 0.5
# A partition whose leader does not answer for longer is away; the batch fails, and the query backs off.
_SILENCE_SECONDS = 30.0

# Postgres' timestamptz ends in the year 294276, Python's datetime with the year 9999.
_YEAR_10000_MS = 253_402_300_800_000

_SETTINGS: dict[str, Any] = {
    "group.id": "landfall",  # the client asks for one; offsets are never committed to it, they are in Postgres
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # A fetch that waits for new records at the broker would hold up the next slice: one is in flight at a time.
    "fetch.wait.max.ms": 5,
    # Little is fetched ahead, for what lies behind the span is thrown away; and a full queue is looked at again after
    # 2 ms, not after 1 s (the default), which held reading at 14,000 records/s. So: 2.5 µs of CPU a record.
    "fetch.max.bytes": 8 << 20,
    "max.partition.fetch.bytes": 4 << 20,
    "queued.min.messages": 5_000,
    "queued.max.messages.kbytes": 8 << 10,
    "fetch.queue.backoff.ms": 2,
    "log_level": 0,
}
_OUT_OF_RANGE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


class OffsetsLost(Passing):
    """Kafka deleted offsets of the span before they were read; the next start records the gap."""


class LogReplaced(Passing):
    """Another record stands where one has landed: the log was cut and has grown again. The next start looks for it."""


class RecordReader:
    """Reads spans of one cluster. Keeps a consumer with its connections: make one a process and keep it."""

    def __init__(self, client_config: Mapping[str, Any]) -> None:
        self._consumer = Consumer({**_SETTINGS, **client_config})

    def close(self) -> None:
        """Ends its connections."""
        self._consumer.close()

    def read(
        self, topic: str, topic_id: UUID, spans: Sequence[Span], landed: Mapping[int, Witness | None]
    ) -> Iterator[pa.RecordBatch]:
        """The spans' records, in order of offset within a partition, as batches of RECORD_SCHEMA. Offsets may be
        missing: compaction, transaction markers.

        Reading begins at the last record that has `landed` of a partition, which has to stand there still, where Kafka
        has it. Raises LogReplaced where another one does, OffsetsLost, or KafkaUnavailable when no partition has
        anything to say for 30 s.
        """
        before = {partition: last for partition, last in landed.items() if last is not None}
        wanted = {span.kafka_partition: span for span in spans}
        try:
            messages: list[Message] = []
            size = 0
            spans = [_from(span, before.get(span.kafka_partition)) for span in spans]
            or_from = {partition: wanted[partition].from_offset for partition in before}
            for message in self._messages(topic, spans, or_from):
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                assert offset is not None  # a record has both
                if offset < wanted[partition].from_offset:
                    _check_landed(partition, before[partition], _batch([message], topic_id))
                    continue
                messages.append(message)
                size += len(message)
                if len(messages) >= BATCH_RECORDS or size >= BATCH_BYTES:
                    yield _batch(messages, topic_id)
                    messages, size = [], 0
            # Nothing is fetched behind the spans while they land: at the end of a topic that is a request every 5 ms.
            self._consumer.unassign()
            if messages:
                yield _batch(messages, topic_id)
        finally:
            self._consumer.unassign()  # also when the caller has stopped half-way

    def records_at(self, topic: str, offsets: Mapping[int, int]) -> dict[int, pa.RecordBatch]:
        """The record, a batch of one, at one offset of each partition; left out where none is (compaction, a
        transaction marker).

        The offsets have to be between the topic's first and its end. Raises OffsetsLost and KafkaUnavailable.
        """
        try:
            spans = [Span(partition, at, at + 1) for partition, at in offsets.items()]
            found = self._messages(topic, spans, {}, to_the_end=True)
            return {message.partition() or 0: _batch([message], UUID(int=0)) for message in found}
        finally:
            self._consumer.unassign()

    def _messages(
        self, topic: str, spans: Sequence[Span], or_from: dict[int, int], *, to_the_end: bool = False
    ) -> Iterator[Message]:
        """`or_from`: partition to where it is read from where Kafka no longer has the first offset of its span.
        `to_the_end`: nobody waits for offsets of a span behind the end of what can be read now.
        """
        self._consumer.assign([TopicPartition(topic, span.kafka_partition, span.from_offset) for span in spans])
        left = {span.kafka_partition: span for span in spans}
        positions = {span.kafka_partition: span.from_offset for span in spans}
        heard = time.monotonic()
        while left:
            try:
                found = self._consume()
            except KafkaException as error:
                raise KafkaUnavailable(f"{_named(left)}: {error}") from error
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENCE_SECONDS:
                raise KafkaUnavailable(f"{_named(left)}: no answer for {_SILENCE_SECONDS:.0f} s")
            for message in found:
                event, partition = message.error(), message.partition()
                if partition is None or partition < 0:  # of the whole cluster
                    _check_passes(event, next(iter(left.values())))
                    continue
                span = left.get(partition)
                if span is None:
                    continue  # fetched ahead, behind the end of its span
                if event is not None and event.code() in _OUT_OF_RANGE and partition in or_from:
                    self._consumer.incremental_unassign([TopicPartition(topic, partition)])
                    self._consumer.incremental_assign([TopicPartition(topic, partition, or_from.pop(partition))])
                    continue
                if event is not None and to_the_end and event.code() == KafkaError._PARTITION_EOF:
                    position = span.until_offset
                elif event is not None:
                    position = max(positions[partition], _position_after(event, message, span))
                else:
                    offset = message.offset()
                    assert offset is not None  # a record has one
                    position = offset + 1
                    if offset < span.until_offset:
                        yield message
                positions[partition] = position
                if position >= span.until_offset:
                    del left[partition]
                    if left:
                        self._consumer.incremental_unassign([TopicPartition(topic, partition)])

    def _consume(self) -> list[Message]:
        """What has come, as soon as anything has; `consume` alone waits until there is as much as it may give."""
        first = self._consumer.poll(_CALL_SECONDS)
        return [] if first is None else [first, *self._consumer.consume(_CALL_RECORDS, timeout=0)]


def _from(span: Span, last: Witness | None) -> Span:
    """The span from the last record that has landed before it."""
    return span if last is None else Span(span.kafka_partition, last.offset, span.until_offset)


def _check_landed(partition: int, last: Witness, found: pa.RecordBatch) -> None:
    """Raises where a record before the span is not the last one that has landed, behind which none stood."""
    if witness(found, 0) != last:
        offset = found.column("kafka_offset")[0].as_py()
        raise LogReplaced(f"partition {partition}: another record stands at offset {offset} than has landed")


def _named(left: Iterable[int]) -> str:
    numbers = ", ".join(map(str, sorted(left)))
    return f"partition{'s' if ',' in numbers else ''} {numbers}"


def _position_after(event: KafkaError, message: Message, span: Span) -> int:
    """Where reading goes on after an event that is no record: at the end of the partition, behind its last offset."""
    if event.code() == KafkaError._PARTITION_EOF:
        return int(message.offset() or 0)
    _check_passes(event, span)
    return span.from_offset


def _check_passes(event: KafkaError | None, span: Span) -> None:
    """Returns where the client tries again by itself, until the silence is too long."""
    if event is not None and event.code() in _OUT_OF_RANGE:
        raise OffsetsLost(f"partition {span.kafka_partition}: Kafka no longer has all offsets from {span.from_offset}")
    # The client looks for its group's coordinator, whom nobody here asks: no right on a group is needed.
    if event is None or event.retriable() or event.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return
    if event.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE):
        raise KafkaUnavailable(f"partition {span.kafka_partition}: {event.str()}")


def _batch(messages: list[Message], topic_id: UUID) -> pa.RecordBatch:
    count = len(messages)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(topic_id.bytes, pa.binary()), count),
            pa.array([message.partition() for message in messages], pa.int32()),
            pa.array([message.offset() for message in messages], pa.int64()),
            _timestamps([message.timestamp()[1] for message in messages]),
            pa.array([message.key() for message in messages], pa.binary()),
            pa.array([message.value() for message in messages], pa.binary()),
        ],
        schema=RECORD_SCHEMA,
    )


def _timestamps(milliseconds: list[int]) -> pa.Array:
    """Kafka's timestamps. They are whatever a producer wrote: null up to 1970 (0, -1: none) and after the year 9999."""
    given = pa.array(milliseconds, pa.int64())
    usable = pc.and_(pc.greater(given, 0), pc.less(given, _YEAR_10000_MS))
    return pc.multiply(pc.if_else(usable, given, None), 1000).cast(pa.timestamp("us", "UTC"))
