"""A producer that keeps the topics fed with numbered events, some of which cannot be landed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, Message, Producer

from landfall.kafka_settings import KafkaSettings
from simulator.malformed import broken

# Stream to its share of the events and the field that holds the number.
SHARES = {"product_views": 0.90, "web_logs": 0.06, "job_tracking": 0.04}
NUMBER_FIELDS = {"product_views": "id", "web_logs": "event_id", "job_tracking": "create_time"}

_MALFORMED_EVERY = 400
_TICK_SECONDS = 0.05
_FLUSH_SECONDS = 120.0

_CONFIG = {
    "enable.idempotence": True,
    # Kafka may be away for long: nothing is given up, so that what was produced is known exactly.
    "message.timeout.ms": 0,
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.messages": 2_000_000,
    "delivery.report.only.error": True,
    "log_level": 0,
}


class Feed:
    """Produces `rate` events a second in a thread of its own, between `start` and `stop`.

    `make` gives the bytes of an event by stream and number, which then stands in the stream's one of `number_fields`.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        rate: float,
        seed: int,
        make: Callable[[str, int], bytes] | None = None,
        number_fields: Mapping[str, str] = NUMBER_FIELDS,
    ) -> None:
        self.number_fields = number_fields
        self._make = make or event
        self.produced = dict.fromkeys(SHARES, 0)
        self.malformed: dict[str, Counter[str]] = {stream: Counter() for stream in SHARES}
        self.failed = 0
        self._producer = Producer({**kafka.client_config(), **_CONFIG})
        self._rate, self._rng = rate, random.Random(f"feed {seed}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends production and waits until Kafka has acknowledged everything. Raises RuntimeError when it does not."""
        self._stop.set()
        self._thread.join()
        if (left := self._producer.flush(_FLUSH_SECONDS)) or self.failed:
            raise RuntimeError(f"Kafka did not take {left + self.failed} events: the trial proves nothing")

    @property
    def total(self) -> int:
        return sum(self.produced.values())

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(_TICK_SECONDS):
            due = int(self._rate * (time.monotonic() - began))
            for stream, share in SHARES.items():
                while self.produced[stream] < due * share:
                    self._produce(stream)
            self._producer.poll(0)

    def _produce(self, stream: str) -> None:
        number = self.produced[stream]
        value: bytes | None = self._make(stream, number)
        if number % _MALFORMED_EVERY == _MALFORMED_EVERY - 1:
            reason, value = broken(self._rng, self._make(stream, number))
            self.malformed[stream][reason] += 1
        self._producer.produce(stream, value, str(number).encode(), on_delivery=self._on_delivery)
        self.produced[stream] += 1

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        self.failed += error is not None


def event(stream: str, number: int) -> bytes:
    """An event of about 400 bytes that carries its number; one in ten has a field that no contract knows."""
    unknown = b',"unknown":{"n":1.10}' if number % 10 == 0 else b""
    return (
        b'{"%b":"%d","user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 13_4_1 like Mac OS X) AppleWebKit/605.1.15",'
        b'"current_url":"https://shop.example/de/ring-%d.html?alloy=white-375&diamond=sapphire","user_id":null,'
        b'"option":[{"option_label":"alloy","option_id":"%d","value_label":"","value_id":"%d"}],"price":"%d,00",'
        b'"show_recommendation":false,"response_time":0.25,"bid":%d%b}'
        % (NUMBER_FIELDS[stream].encode(), number, number % 800, number % 97, number % 1_000, number % 500,
           number % 9, unknown)
    )  # fmt: skip
