"""What is simulated: the streams chosen, their proportions, and the event clock. No Kafka in here."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.batch import Generator, MixedBatch, Seconds
from simulator.job_tracking import JobTracking
from simulator.mixture import NOTHING_MIXED, Mixture, Shares
from simulator.people import People
from simulator.product_views import ProductViews
from simulator.web_logs import WebLogs

PROPORTIONS = {"product_views": 0.70, "web_logs": 0.20, "job_tracking": 0.10}
"""How many of all events each stream has, when all are simulated."""
STREAMS = tuple(PROPORTIONS)

TICK_SECONDS = 0.05
"""How much is made and sent at once under a rate: short, so that it adds little to a measured latency."""
LARGEST_TICK = 10_000
"""Events made at once without a rate: numpy's fixed cost per batch is spread, and 10 MB are held."""

# Events a second of *event time* where no rate is given: a shop's pace for a count, and for a duration about what the
# fastest run makes, so that event times do not run ahead of the clock by much.
_PACE_OF_COUNT, _PACE_OF_DURATION = 2_000.0, 100_000.0
_LONGEST_PAST = 86_400.0


@dataclass(frozen=True)
class Options:
    """What to simulate.

    `rate` (events/s) and `count` are over all `streams`; `duration` in seconds; what is None does not limit.
    `start`: the event time of the first event (epoch seconds); by default events happen as they are produced, and a
    count without a rate ends now. `days`: how long a past such a count is spread over, instead of at a shop's pace.
    The same options with the same `start` give the same bytes in the same order.
    """

    streams: tuple[str, ...] = STREAMS
    rate: float | None = None
    duration: float | None = None
    count: int | None = None
    seed: int = 1
    shares: Shares = NOTHING_MIXED
    start: float | None = None
    days: float | None = None

    @property
    def total(self) -> int | None:
        """How many messages will be produced in all; None when only the clock ends it."""
        counts = [self.count] if self.count is not None else []
        if self.rate is not None and self.duration is not None:
            counts.append(int(self.rate * self.duration))
        return min(counts) if counts else None

    @property
    def pace(self) -> float:
        """Events a second of event time."""
        if self.rate is not None:
            return self.rate
        if self.count is None:
            return _PACE_OF_DURATION
        if self.days is not None:
            return self.count / (self.days * 86_400)
        return max(_PACE_OF_COUNT, self.count / _LONGEST_PAST)

    @property
    def first_event(self) -> float:
        """Event time of the first event, epoch seconds."""
        if self.start is not None:
            return self.start
        if self.rate is None and self.count is not None:
            return time.time() - self.count / self.pace
        return time.time()


@dataclass(frozen=True)
class Tick:
    """Messages that are produced together: those up to the `until`-th of the run."""

    until: int
    batches: dict[str, MixedBatch]


def ticks(options: Options, people: People | None = None) -> Iterator[Tick]:
    """The run's messages in order; endless where neither a count nor a rate with a duration bounds it.

    `people`: those of an earlier run, who come back to the shop in this one and are changed by it.
    """
    shares = _split(options.streams)
    size = LARGEST_TICK if options.rate is None else max(1, min(LARGEST_TICK, int(options.rate * TICK_SECONDS)))
    total, first, pace = options.total, options.first_event, options.pace
    seed = _seed_of_run(options.seed, first)
    mixtures = {stream: _mixture(stream, share, options, seed, people) for stream, share in shares.items()}
    credit = dict.fromkeys(shares, 0.0)
    made = 0
    while total is None or made < total:
        count = size if total is None else min(size, total - made)
        counts = _counts(count, shares, credit)
        batches = {
            stream: mixtures[stream].batch(_instants(first + made / pace, count / pace, number))
            for stream, number in counts.items()
            if number
        }
        made += count
        yield Tick(made, batches)


def _split(streams: tuple[str, ...]) -> dict[str, float]:
    whole = sum(PROPORTIONS[stream] for stream in streams)
    return {stream: PROPORTIONS[stream] / whole for stream in STREAMS if stream in streams}


def _counts(count: int, shares: dict[str, float], credit: dict[str, float]) -> dict[str, int]:
    """`count` messages over the streams; `credit` carries what rounding left, so that proportions hold."""
    for stream, share in shares.items():
        credit[stream] += count * share
    counts = {stream: max(0, int(owed)) for stream, owed in credit.items()}
    for stream in sorted(credit, key=lambda name: counts[name] - credit[name])[: count - sum(counts.values())]:
        counts[stream] += 1
    for stream, number in counts.items():
        credit[stream] -= number
    return counts


def _instants(begin: float, length: float, count: int) -> Seconds:
    return begin + length * (np.arange(count) + 0.5) / count


def _seed_of_run(seed: int, first: float) -> int:
    """The seed of one run: two runs with the same seed at different times must not share event or order ids, or the
    second would be taken for duplicates of the first."""
    return int.from_bytes(hashlib.sha256(f"{seed} {first:.6f}".encode()).digest()[:8])


def _mixture(stream: str, share: float, options: Options, seed: int, people: People | None) -> Mixture:
    pace = options.pace * share
    count = None if options.total is None else int(options.total * share)
    generator: Generator
    match stream:
        case "product_views":
            generator = ProductViews(seed, pace=pace, count=count, people=people)
        case "web_logs":
            generator = WebLogs(seed, pace=pace, count=count)
        case _:
            generator = JobTracking(seed)
    return Mixture(generator, options.shares, seed, stream)
