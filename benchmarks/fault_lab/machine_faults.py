"""Faults of the machine: clocks that are set wrong, disks that are full."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from benchmarks.fault_lab.clocks import PARTS
from benchmarks.fault_lab.disks import GIGABYTES
from benchmarks.fault_lab.lab import Fault, Lab

HOUR, DAY = 3_600.0, 86_400.0


def moved(lab: Lab, seconds: float) -> None:
    """The clock of the landing's processes, of the refresh's or of both is set wrong, and after some seconds right."""
    parts = lab.rng.choice([*((part,) for part in PARTS), PARTS])
    lab.random_moment(landing=True)
    try:
        for part in parts:
            lab.clocks.set(part, seconds)
        lab.hold(3, 12)
        lab.recovered()
        lab.refreshed()
    finally:
        if not lab.clocks.why_not:
            for part in parts:
                lab.clocks.set(part, 0.0)
    lab.moment = f"{' and '.join(parts)}, {lab.moment}"
    lab.over()
    lab.recovered()
    lab.refreshed()


def _of_clock(words: str) -> str:
    return (
        f"The clock of the landing's processes, of the refresh's or of both is {words}. They go on by it; then it is"
        " set right."
    )


CLOCKS: Mapping[str, Fault] = {
    f"clock {words}": Fault(_of_clock(words), partial(moved, seconds=seconds))
    for words, seconds in (("an hour ahead", HOUR), ("an hour back", -HOUR), ("a day ahead", DAY), ("a day back", -DAY))
}


def full(lab: Lab, name: str) -> None:
    """Its disk is full for some seconds; then there is room, and a server that has ended is started."""
    lab.random_moment(landing=True)
    lab.disks.fill(name)
    try:
        lab.hold(3, 12)
    finally:
        lab.disks.free(name)
    lab.start_servers()
    lab.over()
    lab.recovered()
    lab.refreshed()


def _of_disk(name: str) -> str:
    return (
        f"The disk under {name} is full for some seconds; then there is room, and a server that has ended is started."
    )


DISKS: Mapping[str, Fault] = {
    f"disk full, {name}": Fault(_of_disk(name), partial(full, name=name)) for name in GIGABYTES
}
