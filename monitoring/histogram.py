"""A histogram of seconds that also takes records of which only the span is known."""

from collections.abc import Sequence
from math import inf

from prometheus_client.utils import floatToGoString


class Histogram:
    """Counts at or below each bound. `bounds`: seconds, ascending, without infinity."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = (*map(float, bounds), inf)
        self.counts = [0.0] * len(self.bounds)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """One observation; below zero (clocks differ) counts as zero."""
        self.add_spread(seconds, seconds, 1)

    def add_spread(self, least: float, most: float, count: float) -> None:
        """`count` observations, taken as evenly spread from `least` to `most` seconds."""
        least, most = max(0.0, least), max(0.0, least, most)
        for position, bound in enumerate(self.bounds):
            self.counts[position] += count * share_up_to(bound, least, most)
        self.sum += count * (least + most) / 2

    def buckets(self) -> list[tuple[str, float]]:
        """(bound, observations up to it), as Prometheus writes them."""
        return [(floatToGoString(bound), count) for bound, count in zip(self.bounds, self.counts, strict=True)]


def share_up_to(bound: float, least: float, most: float) -> float:
    """Which share of [least, most] lies at or below the bound: 0 to 1."""
    if bound >= most:
        return 1.0
    return 0.0 if bound <= least else (bound - least) / (most - least)
