"""Late, repeated and broken messages, mixed into a generator's events by share."""

import random
from dataclasses import dataclass

import numpy as np

from simulator.batch import Batch, Generator, MixedBatch, Seconds
from simulator.malformed import broken

LATE_SECONDS = (15 * 60, 3 * 86_400)
"""How much earlier than now a late event happened: more than marts allow for, up to three days."""

_REMEMBERED = 5_000
_OTHER_PARTITION_SHARE = 0.5  # of repeated messages: a producer that restarts may send to another partition


@dataclass(frozen=True)
class Shares:
    """Shares of all messages, 0 to 1. A late event is neither repeated nor broken: the sum is at most 1."""

    late: float = 0.0
    duplicates: float = 0.0
    malformed: float = 0.0


NOTHING_MIXED = Shares()


class Mixture:
    """One stream's messages: fresh events and, by `shares`, late ones, earlier messages once more, and broken ones."""

    def __init__(self, generator: Generator, shares: Shares, seed: int, stream: str) -> None:
        self._generator = generator
        self._shares = shares
        self._rng = random.Random(f"mixture {stream} {seed}")
        self._numbers = np.random.default_rng([seed, sum(stream.encode())])
        self._sent: list[tuple[bytes, bytes]] = []

    def batch(self, seconds: Seconds) -> MixedBatch:
        """One message for each event time (epoch seconds)."""
        shares = self._shares
        if shares == NOTHING_MIXED:
            fresh = self._generator.batch(seconds)
            return MixedBatch(fresh.keys, fresh.values, fresh.unusable)
        drawn = self._numbers.random(len(seconds))
        is_broken = drawn < shares.malformed
        is_repeated = ~is_broken & (drawn < shares.malformed + shares.duplicates)
        if not self._sent:
            is_repeated[:1] = False  # nothing to repeat yet
        is_late = drawn >= 1 - shares.late
        shift = np.where(is_late, self._numbers.uniform(*LATE_SECONDS, len(seconds)), 0.0)
        is_fresh = ~(is_broken | is_repeated)

        mixed = MixedBatch([None] * len(seconds), [None] * len(seconds))
        places = np.flatnonzero(is_fresh).tolist()
        fresh = self._generator.batch((seconds - shift)[is_fresh])
        for place, key, value in zip(places, fresh.keys, fresh.values, strict=True):
            mixed.keys[place], mixed.values[place] = key, value
        mixed.unusable = [places[position] for position in fresh.unusable]
        mixed.late = np.flatnonzero(is_late & is_fresh).tolist()
        self._break(mixed, np.flatnonzero(is_broken).tolist(), seconds)
        self._repeat(mixed, np.flatnonzero(is_repeated).tolist(), seconds)
        self._remember(fresh)
        return mixed

    def _break(self, mixed: MixedBatch, places: list[int], seconds: Seconds) -> None:
        events = self._generator.batch(seconds[places]) if places else Batch([], [])
        for place, key, event in zip(places, events.keys, events.values, strict=True):
            assert event is not None
            mixed.malformed[place], mixed.values[place] = broken(self._rng, event)
            mixed.keys[place] = key

    def _repeat(self, mixed: MixedBatch, places: list[int], seconds: Seconds) -> None:
        """Messages of earlier batches once more, byte for byte; before there are any, of this one."""
        rng = self._rng
        special = {*mixed.malformed, *mixed.unusable, *places}
        for place in places:
            earlier = (
                self._sent
                or [
                    (key, value)
                    for position, (key, value) in enumerate(zip(mixed.keys[:place], mixed.values[:place], strict=True))
                    if position not in special and key is not None and value is not None
                ][-_REMEMBERED:]
            )
            if not earlier:  # the first events have no key of their own: a fresh event instead
                single = self._generator.batch(seconds[place : place + 1])
                mixed.keys[place], mixed.values[place] = single.keys[0], single.values[0]
                mixed.unusable += [place] * len(single.unusable)
                continue
            mixed.keys[place], mixed.values[place] = rng.choice(earlier)
            mixed.duplicates.append(place)
            if rng.random() < _OTHER_PARTITION_SHARE:
                mixed.partitions[place] = rng.random()

    def _remember(self, fresh: Batch) -> None:
        """Keep events that may be repeated: those with a key and a usable time, so that they repeat by key."""
        unusable = set(fresh.unusable)
        for position, (key, value) in enumerate(zip(fresh.keys, fresh.values, strict=True)):
            if key is None or value is None or position in unusable:
                continue
            if len(self._sent) < _REMEMBERED:
                self._sent.append((key, value))
            elif self._rng.random() < 0.1:
                self._sent[int(self._rng.random() * _REMEMBERED)] = (key, value)
