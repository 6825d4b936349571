"""`landfall-bench restart`: from the start of `landfall land` to its first committed slice."""

from __future__ import annotations

import click

from benchmarks.instruments.events import STREAM, produce
from benchmarks.instruments.figures import median
from benchmarks.instruments.landing import START_SECONDS, Landing, landing
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect


@click.command(name="restart")
@click.option("--events", default=300_000, show_default=True, help="Backlog that waits at each start.")
@click.option("--rounds", default=3, show_default=True, help="Starts.")
@measured
def command(events: int, rounds: int, say: Say) -> Part:
    """From the start of `landfall land` to its first commit.

    A backlog waits: Python, JVM, Spark session, the door and the first batch are in the figure."""
    return measure(say, events, rounds)


def measure(say: Say, events: int = 300_000, rounds: int = 3) -> Part:
    """Seconds from the start of the process to the first slice that it has committed, each start and the median."""
    seconds: list[float] = []
    with temporary_servers() as settings:
        for number in range(1, rounds + 1):
            produce(settings, events, seed=number)
            with landing(settings) as running:
                seconds.append(first_commit(running))
                running.wait_until_landed(number * events, START_SECONDS)
            say(f"restart: {seconds[-1]:.1f} s")
    return summary(seconds, events)


def first_commit(running: Landing) -> float:
    """Seconds from the start of the process to its first committed slice, by the clock that both use."""
    values = {"started": running.started, "stream": STREAM}
    query = "from landing.slices where stream = %(stream)s and committed_at > to_timestamp(%(started)s)"
    running.wait_for(f"select exists (select {query})", START_SECONDS, **values)
    with connect(running.settings.as_transformer, autocommit=True) as connection:
        row = connection.execute(
            f"select extract(epoch from min(committed_at))::float8 - %(started)s::float8 {query}".encode(), values
        ).fetchone()
    assert row is not None
    return float(row[0])


def summary(seconds: list[float], events: int) -> Part:
    """The table of starts."""
    table = Table(
        f"Start of landfall land → first committed slice, {events:,} events waiting (seconds)", ["", "seconds"]
    )
    table.rows += [(f"start {number}", value) for number, value in enumerate(seconds, 1)]
    table.rows.append(("median", median(seconds)))
    return Part("restart", [table], {"seconds": seconds})
