"""Events to measure with: product views of about 890 bytes, from the simulator, in all their variety."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from landfall.settings import Settings
from landing_stream.topics import KafkaUnavailable, Topics
from simulator import producer
from simulator.simulation import Options

STREAM = "product_views"
_LEADER_SECONDS = 20.0


def produce(settings: Settings, count: int, seed: int) -> None:
    """`count` events as fast as they go. Raises RuntimeError when Kafka did not take them all."""
    summary = producer.run(settings, Options(streams=(STREAM,), count=count, seed=seed))
    if summary.produced != count:
        raise RuntimeError(f"only {summary.produced:,} of {count:,} events were produced: {summary.trouble}")


@contextmanager
def flowing(settings: Settings, rate: float, seed: int, streams: Sequence[str] = (STREAM,)) -> Iterator[None]:
    """Events at a steady rate, a second over all of `streams`, while the block runs."""
    stop = threading.Event()
    options = Options(streams=tuple(streams), rate=rate, seed=seed)
    thread = threading.Thread(target=producer.run, args=(settings, options), kwargs={"stop": stop}, name="simulator")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ends(settings: Settings) -> dict[int, int]:
    """Partition to the offset that its next record will have. A topic made a moment ago may have no leader yet."""
    topics = Topics(settings.kafka.client_config())
    deadline = time.monotonic() + _LEADER_SECONDS
    while True:
        try:
            return topics.latest(STREAM, topics.describe(STREAM)[1])
        except KafkaUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
