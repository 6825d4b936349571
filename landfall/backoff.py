"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random


class Backoff:
    """Pauses in seconds: the first one, then each twice the one before, none above a bound; `reset` when it is well.

    Up to a quarter of each is left out by chance: what failed together, as all streams do when Postgres goes, does not
    come back together.
    """

    JITTER = 0.25

    def __init__(self, first: float, longest: float) -> None:
        self.first, self.longest = first, longest
        self.failures = 0
        """In a row."""

    def next(self) -> float:
        """Count a failure; the pause after it."""
        whole = min(self.first * 2 ** min(self.failures, 30), self.longest)  # 2 ** 1_100 is no float any more
        self.failures += 1
        return whole * (1 - random.uniform(0, self.JITTER))

    def reset(self) -> None:
        """It is well again: the next pause is the first one."""
        self.failures = 0
