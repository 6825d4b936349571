"""Messages into Kafka, counted when the broker has acknowledged them."""

import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from landfall.errors import UserError

BY_KEY = -1
"""No partition of its own: where the key sends the message, or anywhere without a key."""

_ANSWER_SECONDS = 5.0
_TOPIC_SECONDS = 3.0
"""A topic that was made a moment ago may not be listed yet."""
_MOST_IN_FLIGHT = 100_000
"""Messages handed over and not acknowledged: 100 MB of events; more did not go faster."""

# Measured on 2 cores with the broker beside it, events of all streams, made while they are sent: lz4 104,000 to 139,000
# events/s, none 91,000 to 121,000, snappy 99,000, zstd 111,000 (it costs 2 µs an event more). `produce_batch` was no
# faster than `produce` (81,000 to 117,000): it wants a dict a message.
_THROUGHPUT = {
    "enable.idempotence": True,
    "compression.type": "lz4",
    "batch.num.messages": 4_000,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 2 * _MOST_IN_FLIGHT,
    # The topic decides what is too large, not this client.
    "message.max.bytes": 100_000_000,
    # A call into Python for each message would cost 1 µs: what was handed over, is not in flight and did not fail is
    # delivered.
    "delivery.report.only.error": True,
    # Its lines about a broker that is away go to stderr, past the live table; the sentence at the end names it.
    "log_level": 2,
}


class Delivery:
    """An idempotent producer for known topics.

    `linger_ms`: how long messages wait for company. Raises UserError when Kafka does not answer or a topic is not
    there.
    """

    def __init__(self, client_config: Mapping[str, Any], topics: Collection[str], *, linger_ms: int) -> None:
        self._trouble = ""
        self._failed: Counter[str] = Counter()
        self._handed_over: Counter[str] = Counter()
        self._producer = Producer({**client_config, **_THROUGHPUT, "linger.ms": linger_ms, "error_cb": self._on_error})
        self._partitions = _partitions(self._producer, topics, str(client_config["bootstrap.servers"]))

    def send(
        self,
        topic: str,
        keys: list[bytes | None],
        values: list[bytes | None],
        partitions: Mapping[int, float] | None = None,
        stop: threading.Event | None = None,
    ) -> int:
        """Hand messages over in their order; waits while too many are in flight.

        `partitions`: position → 0 to 1, standing for a partition; other messages go where their key sends them.
        Gives how many were handed over: fewer than all when `stop` was set meanwhile or messages have failed.
        """
        produce, on_delivery = self._producer.produce, self._on_delivery
        placed = partitions or {}
        count = len(self._partitions[topic])
        done = 0
        for key, value in zip(keys, values, strict=True):
            if done % 1_000 == 0 and not self._has_room(stop):
                break
            partition = self._partitions[topic][int(placed[done] * count)] if done in placed else BY_KEY
            try:
                produce(topic, value, key, partition, on_delivery=on_delivery)
            except BufferError:  # few but large messages fill the client's memory
                if not self._retry(topic, key, value, partition, stop):
                    break
            except KafkaException as error:
                self._note(topic, error.args[0])
                done += 1
                break
            done += 1
        self._handed_over[topic] += done
        return done

    def delivered(self) -> int:
        """How many messages the broker has acknowledged so far, all topics together."""
        return max(0, self._handed_over.total() - self._failed.total() - len(self._producer))

    def finish(self, timeout: float) -> dict[str, int]:
        """Wait at most `timeout` seconds for what is in flight. Gives the messages acknowledged by topic."""
        if self._producer.flush(timeout):
            # Give up on the rest: each is reported as failed, so the counts stay right.
            self._trouble = self._trouble or f"no answer for {timeout:.0f} s"
            self._producer.purge()
            self._producer.flush(2.0)
        return {topic: count - self._failed[topic] for topic, count in self._handed_over.items()}

    @property
    def failed(self) -> int:
        """How many messages were given up."""
        return self._failed.total()

    @property
    def trouble(self) -> str:
        """Why messages failed, or what Kafka's client last complained about; empty without trouble."""
        return self._trouble

    def poll(self) -> None:
        """Serve the client's reports."""
        self._producer.poll(0)

    def _has_room(self, stop: threading.Event | None) -> bool:
        self._producer.poll(0)
        while not self._failed:
            if stop is not None and stop.is_set():
                return False
            if len(self._producer) < _MOST_IN_FLIGHT:
                return True
            self._producer.poll(0.05)
        return False

    def _retry(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int, stop: threading.Event | None
    ) -> bool:
        """Hand one message over once there is room for it; False when that is given up."""
        while not self._failed and not (stop is not None and stop.is_set()):
            self._producer.poll(0.05)
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._on_delivery)
            except BufferError:
                continue
            return True
        return False

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._note(message.topic() or "", error)

    def _note(self, topic: str, error: KafkaError) -> None:
        self._failed[topic] += 1
        given_up = error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
        if not given_up and self._failed.total() == 1:
            self._trouble = error.str()

    def _on_error(self, error: KafkaError) -> None:
        if not self._failed:
            self._trouble = error.str()


def _partitions(producer: Producer, topics: Collection[str], servers: str) -> dict[str, list[int]]:
    """The partitions of each topic. Raises UserError for a cluster or a topic that is not there."""
    deadline = time.monotonic() + _TOPIC_SECONDS
    while True:
        try:
            known = producer.list_topics(timeout=_ANSWER_SECONDS).topics
        except KafkaException as error:
            raise UserError(
                f"Kafka at {servers} does not answer ({error.args[0].str()}): start it with `landfall up`, "
                "or correct LANDFALL_KAFKA_BOOTSTRAP_SERVERS."
            ) from error
        missing = [topic for topic in topics if topic not in known]
        if not missing:
            return {topic: sorted(known[topic].partitions) for topic in topics}
        if time.monotonic() > deadline:
            raise UserError(f"Kafka at {servers} has no topic {missing[0]}: run `landfall up`, or `landfall migrate`.")
        producer.poll(0.1)
