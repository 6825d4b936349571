"""Under which id a topic's records land: Kafka's own, or a new one since its log was found to be another one.

Offsets of a log that was cut come again with other records. Under an id of their own these land as any others do, once
each; what had landed of the old log stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

import psycopg

from landing_stream.divergence import Partition, last_records, replaced
from landing_stream.ledger import Position, Writer, check_generation, position
from landing_stream.records import RecordReader
from landing_stream.topics import TopicOffsets

logger = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 1.0
"""A leader that has just been elected may not know its end yet: only what is seen twice counts."""


@dataclass(frozen=True)
class TopicIds:
    """A topic's id in Kafka, and the one under which its records land now."""

    kafka: UUID
    ledger: UUID


def ledger_topic_id(connection: psycopg.Connection, stream: str, kafka_topic_id: UUID) -> UUID:
    """The id under which records of the topic land now."""
    row = connection.execute(
        "select topic_id from landing.histories where stream = %s and kafka_topic_id = %s order by number desc limit 1",
        (stream, kafka_topic_id),
    ).fetchone()
    return row[0] if row else kafka_topic_id


def ledger_positions(connection: psycopg.Connection, stream: str, kafka_topic_id: UUID) -> dict[int, Position]:
    """Partition to where the ledger stands in the log that the topic has now."""
    rows = connection.execute(
        "select kafka_partition, next_offset, last_offset, last_timestamp, last_digest from landing.positions"
        " where stream = %s and kafka_topic_id = %s",
        (stream, kafka_topic_id),
    )
    return {partition: position(*values) for partition, *values in rows}


def made_again(connection: psycopg.Connection, writer: Writer, topic: str, kafka_topic_id: UUID) -> None:
    """Writes down that the topic is another one than the one that landed last, where it is."""
    row = connection.execute(
        """
        select coalesce(h.kafka_topic_id, s.topic_id)
        from landing.slices as s
        inner join landing.loads as l using (stream, load_id)
        left join landing.histories as h using (stream, topic_id)
        where s.stream = %s and l.door = %s order by s.load_id desc limit 1
        """,
        (writer.stream, writer.door),
    ).fetchone()
    if row is None or row[0] == kafka_topic_id:
        return
    logger.warning(
        "stream %s: topic %s was deleted and made again (id %s before, %s now); it is landed from its start",
        writer.stream, topic, row[0], kafka_topic_id,
    )  # fmt: skip
    with connection.transaction():
        check_generation(connection, writer)
        connection.execute(
            "insert into landing.histories (stream, kafka_topic_id, number, topic_id, reason)"
            " values (%s, %s, 0, %s, 'made_again') on conflict do nothing",
            (writer.stream, kafka_topic_id, kafka_topic_id),
        )


def settle(
    connection: psycopg.Connection, writer: Writer, topic: str, reader: RecordReader, ask: Callable[[], TopicOffsets]
) -> tuple[TopicIds, TopicOffsets]:
    """The ids of the topic, and how it is now (which `ask` tells).

    Where its log is another one than has landed, the ledger has a new id for it: partitions that are as they were go on
    where they stand, the others start where they are another one. Raises Fenced, OffsetsLost and KafkaUnavailable.
    """
    log = ask()
    ledger = ledger_positions(connection, writer.stream, log.topic_id)
    cut = replaced(log, ledger, last_records(reader, topic, log, ledger))
    if cut:
        time.sleep(_LOOK_AGAIN_SECONDS)
        log = ask()
        found = last_records(reader, topic, log, ledger)
        cut = [number for number in replaced(log, ledger, found) if number in cut]
    if not cut:
        return TopicIds(log.topic_id, ledger_topic_id(connection, writer.stream, log.topic_id)), log
    landed = _topic_ids(connection, writer.stream, log.topic_id)
    starts = {}
    for number in cut:
        earliest, latest = log.earliest[number], log.latest[number]
        partition = Partition(connection, reader, writer.stream, topic, number, earliest, latest)
        starts[number] = partition.divergence(landed[number], ledger[number].last, found.get(number))
    return TopicIds(log.topic_id, begin_history(connection, writer, log.topic_id, ledger, starts)), log


def begin_history(
    connection: psycopg.Connection,
    writer: Writer,
    kafka_topic_id: UUID,
    ledger: Mapping[int, Position],
    starts: Mapping[int, int],
) -> UUID:
    """A new id for the topic's records. `ledger`: where each partition stands; `starts`: where it is another log.

    What was replaced is recorded in landing.gaps, loudly. Raises Fenced.
    """
    with connection.transaction():
        check_generation(connection, writer)
        before = ledger_topic_id(connection, writer.stream, kafka_topic_id)
        row = connection.execute(
            "select coalesce(max(number), 0) + 1 from landing.histories where stream = %s and kafka_topic_id = %s",
            (writer.stream, kafka_topic_id),
        ).fetchone()
        assert row is not None
        topic_id = uuid5(kafka_topic_id, f"history {row[0]}")
        connection.execute(
            "insert into landing.histories (stream, kafka_topic_id, number, topic_id, reason)"
            " values (%s, %s, %s, %s, 'cut')",
            (writer.stream, kafka_topic_id, row[0], topic_id),
        )
        for number, at in sorted(ledger.items()):
            first, last = (starts[number], None) if number in starts else (at.next_offset, at.last)
            connection.execute(
                "insert into landing.offsets values (%s, %s, %s, %s, %s, %s, %s, %s)",
                (writer.stream, topic_id, number, first, first, last and last.offset, last and last.timestamp,
                 last and last.digest),
            )  # fmt: skip
            if number in starts:
                _record_cut(connection, writer.stream, before, number, first, at.next_offset)
    return topic_id


def _record_cut(
    connection: psycopg.Connection, stream: str, topic_id: UUID, partition: int, first: int, ledger: int
) -> None:
    logger.error(
        "stream %s, partition %d: Kafka's log was cut and is another one from offset %d on; offsets %d to %d of the old"
        " one had landed and stay, what it had from %d on is lost; recorded in landing.gaps, the new log lands now",
        stream, partition, first, first, ledger - 1, ledger,
    )  # fmt: skip
    connection.execute(
        "insert into landing.gaps (stream, topic_id, kafka_partition, from_offset, until_offset, reason)"
        " values (%s, %s, %s, %s, %s, 'cut')",
        (stream, topic_id, partition, first, ledger),
    )


def _topic_ids(connection: psycopg.Connection, stream: str, kafka_topic_id: UUID) -> dict[int, list[tuple[UUID, int]]]:
    """Partition to the ids under which it landed, the newest first, with the first offset of each."""
    found: dict[int, list[tuple[UUID, int]]] = {}
    rows = connection.execute(
        """
        select o.kafka_partition, o.topic_id, o.first_offset
        from landing.offsets as o left join landing.histories as h using (stream, topic_id)
        where o.stream = %s and coalesce(h.kafka_topic_id, o.topic_id) = %s
        order by coalesce(h.number, 0) desc
        """,
        (stream, kafka_topic_id),
    )
    for partition, topic_id, first_offset in rows:
        found.setdefault(partition, []).append((topic_id, first_offset))
    return found
