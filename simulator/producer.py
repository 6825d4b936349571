"""A simulation run: ticks of messages, produced at their time."""

import threading
import time
from collections.abc import Callable

from landfall.settings import Settings
from simulator.delivery import Delivery
from simulator.people import People
from simulator.simulation import Options, ticks
from simulator.summary import StreamCounts, Summary

# Under a rate, a message waits at most this long for company; without one, larger batches go faster.
_LIVE_LINGER_MS, _LOAD_LINGER_MS = 5, 50
_FLUSH_SECONDS = 60.0
_STOPPED_FLUSH_SECONDS = 6.0
"""A stop is to be clean within 10 s, even with Kafka away."""

Progress = Callable[[int], None]


def run(
    settings: Settings,
    options: Options,
    *,
    on_progress: Progress | None = None,
    stop: threading.Event | None = None,
    people: People | None = None,
) -> Summary:
    """Produce what `options` describe into the topics named as the streams, until done or `stop` is set.

    `people`: those of an earlier run, who come back in this one.

    `on_progress` is called with the number of acknowledged messages so far, at most ten times a second. Messages that
    Kafka did not take end the run; they are counted in the summary's `failed`. Raises UserError when Kafka does not
    answer or a topic is missing.
    """
    stop = stop or threading.Event()
    linger = _LOAD_LINGER_MS if options.rate is None else _LIVE_LINGER_MS
    delivery = Delivery(settings.kafka.client_config(), options.streams, linger_ms=linger)
    summary = Summary({stream: StreamCounts() for stream in options.streams})
    began = reported = time.monotonic()
    for tick in ticks(options, people):
        if options.rate is not None and _wait(began + tick.until / options.rate, delivery, stop):
            break
        for stream, batch in tick.batches.items():
            sent = delivery.send(stream, batch.keys, batch.values, batch.partitions, stop)
            summary.streams[stream].add(batch, sent)
        now = time.monotonic()
        if on_progress is not None and now - reported >= 0.1:
            on_progress(delivery.delivered())
            reported = now
        if stop.is_set() or delivery.failed or (options.duration is not None and now - began >= options.duration):
            break
    acknowledged = delivery.finish(_STOPPED_FLUSH_SECONDS if stop.is_set() else _FLUSH_SECONDS)
    for stream, count in acknowledged.items():
        summary.streams[stream].produced = count
    summary.seconds = time.monotonic() - began
    summary.failed, summary.trouble = delivery.failed, delivery.trouble
    if on_progress is not None:
        on_progress(summary.produced)
    return summary


def _wait(until: float, delivery: Delivery, stop: threading.Event) -> bool:
    """Wait for a moment of the monotonic clock; True when stopped meanwhile."""
    delivery.poll()
    return stop.wait(max(0.0, until - time.monotonic()))
