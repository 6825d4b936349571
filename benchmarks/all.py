"""`landfall-bench all`: every measurement, one after another."""

from __future__ import annotations

from collections.abc import Iterator

import click

from benchmarks import drain, freshness, idle, latency, memory, recovery, refresh, restart
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.tables import Part


@click.command(name="all")
@click.option("--quick", is_flag=True, help="A tenth of the events: to see that it works, not for figures.")
@measured
def command(quick: bool, say: Say) -> Iterator[Part]:
    """Every measurement but the kills and the convergence, one after another.

    Each on servers of its own; about an hour and a half."""
    share = 10 if quick else 1
    yield drain.measure(say, events=1_000_000 // share, warm_up=300_000 // share)
    yield latency.measure(say, seconds=60 / share)
    yield idle.measure(say)
    yield restart.measure(say, events=300_000 // share)
    yield memory.measure(say, events=5_000_000 // share)
    yield refresh.measure(say, refresh.HISTORIES[:-1] if quick else refresh.HISTORIES)
    for mode in freshness.MODES:
        yield freshness.measure(say, mode, seconds=600 / share)
    yield recovery.measure(say, rounds=1 if quick else 3)
