"""`landfall-bench all`: every measurement, one after another."""

from __future__ import annotations

import click

from benchmarks import drain, idle, latency, memory, refresh, restart
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.tables import Part


@click.command(name="all")
@click.option("--quick", is_flag=True, help="A tenth of the events: to see that it works, not for figures.")
@measured
def command(quick: bool, say: Say) -> list[Part]:
    """Every measurement but the kills, one after another.

    Each on servers of its own; about a quarter of an hour."""
    share = 10 if quick else 1
    return [
        drain.measure(say, events=1_000_000 // share, warm_up=300_000 // share),
        latency.measure(say, seconds=60 / share),
        idle.measure(say),
        restart.measure(say, events=300_000 // share),
        memory.measure(say, events=5_000_000 // share),
        refresh.measure(say),
    ]
