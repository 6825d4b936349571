"""What a generator hands over: a batch of messages of one stream."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]
T = TypeVar("T")


@dataclass
class Batch:
    """Messages of one stream in the order in which they are to be produced.

    `keys` and `values` are parallel. `unusable`: positions of events that dbt is to reject (no key, or no usable event
    time).
    """

    keys: list[bytes | None]
    values: list[bytes | None]
    unusable: list[int] = field(default_factory=list)


@dataclass
class MixedBatch(Batch):
    """A batch with late, repeated and broken messages mixed in, by position.

    `malformed`: position → why the landing stream is to quarantine it. `partitions`: position → a number from 0 to 1
    that stands for a partition; every other message goes where its key sends it.
    """

    late: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    malformed: dict[int, str] = field(default_factory=dict)
    partitions: dict[int, float] = field(default_factory=dict)


class Generator(Protocol):
    """The events of one stream."""

    def batch(self, seconds: Seconds) -> Batch:
        """One event for each event time (epoch seconds)."""


def population(pace: float, *, seconds_between: float, count: int | None, visit_length: float) -> int:
    """How many visits are under way at once.

    With `pace` events a second and one event a visit every `seconds_between`; fewer when only `count` events will be
    made, so that visits of `visit_length` events come to their end, but then 20; at most 10,000, which take 20 MB.
    """
    wanted = max(pace * seconds_between, 1)
    if count is not None:
        wanted = min(wanted, max(count / (3 * visit_length), 20))
    return int(min(wanted, 10_000))


def pick(rng: random.Random, choices: Sequence[T]) -> T:
    """One of the choices, all alike; twice as fast as `rng.choice`."""
    return choices[int(rng.random() * len(choices))]
