"""Whether work grows with the length of what it is given, or faster."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOKS = 4
"""A busy machine may disturb one look, hardly four; what takes the square of the time takes it at each."""
NO_DANGER_SECONDS = 0.02


def grows_too_fast(work: Callable[[T], object], given: T, four_times: T) -> bool:
    """Whether twice as much takes more than two and a half times as long: measured by four times as much, at a length
    at which that can be told. What takes less than 20 ms is no danger, and a matter of where the first match is.
    """
    return all(seconds(work, four_times) > max(2.5**2 * seconds(work, given), NO_DANGER_SECONDS) for _ in range(LOOKS))


def seconds(work: Callable[[T], object], given: T) -> float:
    """The least time of three."""
    found = []
    for _ in range(3):
        began = time.perf_counter()
        work(given)
        found.append(time.perf_counter() - began)
    return min(found)
