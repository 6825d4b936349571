"""Whether work grows with the length of what it is given, or faster."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOKS = 4
"""A busy machine may disturb one look, hardly four; what takes the square of the time takes it at each."""
NO_DANGER_SECONDS = 0.02


def grows_too_fast(
    work: Callable[[T], object], given: T, four_times: T, *, clock: Callable[[], float] = time.process_time
) -> bool:
    """Whether twice as much takes more than two and a half times as long: measured by four times as much, at a length
    at which that can be told. What takes less than 20 ms is no danger, and a matter of where the first match is.

    `clock` gives seconds: of this process' CPU, or `time.perf_counter` for work that another process does.
    """
    return all(
        seconds(work, four_times, clock) > max(2.5**2 * seconds(work, given, clock), NO_DANGER_SECONDS)
        for _ in range(LOOKS)
    )


def seconds(work: Callable[[T], object], given: T, clock: Callable[[], float]) -> float:
    """The least time of three."""
    found = []
    for _ in range(3):
        began = clock()
        work(given)
        found.append(clock() - began)
    return min(found)
