"""`landfall-bench refresh`: a warm refresh of the shop's models, behind histories of different lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from benchmarks.instruments.figures import median
from benchmarks.instruments.history import STREAM, History
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from landfall.settings import Settings
from warehouse.connect import connect
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession, Outcome
from warehouse.refresh import first_trouble
from warehouse.roles import TRANSFORMER

HISTORIES = (100_000, 1_000_000, 10_000_000)
FIRST = 10
"""Refreshes after catching up that are counted apart: it leaves a checkpoint, and vacuum, under way, and the first
change of a page after a checkpoint writes the whole page to the WAL."""
SLOWEST = 5


@click.command(name="refresh")
@click.option(
    "--history", "histories", multiple=True, type=int, default=HISTORIES, show_default=True,
    help="Events in the tables before; 100,000 a day. May be repeated.",
)  # fmt: skip
@click.option("--events", default=10_000, show_default=True, help="New events of each measured refresh.")
@click.option("--rounds", default=9, show_default=True, help="Refreshes of each kind, in turns.")
@measured
def command(histories: Sequence[int], events: int, rounds: int, say: Say) -> Part:
    """A warm refresh of the models: nothing new, some events, behind histories of different lengths.

    The models of the product views, in one process, as `landfall refresh --watch` runs them."""
    return measure(say, histories, events, rounds)


def measure(say: Say, histories: Sequence[int] = HISTORIES, events: int = 10_000, rounds: int = 9) -> Part:
    """Seconds and WAL of a refresh with nothing new and with `events` new ones, for each length of history.

    Each length has servers of its own, so that the days that the new events fall into are as busy behind all of them.
    """
    return summary(events, rounds, [behind(say, length, events, rounds) for length in sorted(histories)])


def behind(say: Say, length: int, events: int, rounds: int) -> dict[str, Any]:
    """The figures behind a history of this many events."""
    with temporary_servers(models=True) as settings:
        session, history = DbtSession(settings), History(settings)
        say(f"refresh: history grows to {length:,} events")
        history.grow(length)
        caught_up = run(session)
        rate = length / caught_up.seconds
        say(f"refresh: caught up in {caught_up.seconds:.1f} s, {rate:,.0f} events/s")
        rounds_of: dict[str, list[float]] = {"nothing_new": [], "new_events": [], "cold": [], "wal": []}
        hot = caught_up
        for seed in range(2, 2 + FIRST + rounds):
            idle = run(session)
            history.land(events, seed)
            start = wal_bytes(settings)
            hot = run(session, cold=False)
            rest = run(session)
            figures = (idle.seconds, hot.seconds, rest.seconds, wal_bytes(settings) - start)
            for values, figure in zip(rounds_of.values(), figures, strict=True):
                values.append(figure)
            say(
                f"refresh: nothing new {idle.seconds:.2f} s, {events:,} new events {hot.seconds:.2f} +"
                f" {rest.seconds:.2f} s, {figures[-1] / 1e6:.0f} MB of WAL"
            )
    return {
        "history": length, "catch_up_events_s": rate,
        **{name: values[FIRST:] for name, values in rounds_of.items()},
        **{f"first_{name}": values[:FIRST] for name, values in rounds_of.items()},
        "slowest": slowest(hot), "slowest_of_catch_up": slowest(caught_up),
    }  # fmt: skip


def run(session: DbtSession, *, cold: bool = True) -> Outcome:
    """One refresh of the stream's tables, with or without the cold ones. Raises RuntimeError when a model failed."""
    outcome = session.run(pass_arguments([STREAM], cold=cold))
    if not outcome.ok:
        raise RuntimeError(f"the refresh failed: {first_trouble(outcome)}")
    return outcome


def wal_bytes(settings: Settings) -> int:
    """Bytes of WAL written so far."""
    with connect(settings.postgres_dsn, role=TRANSFORMER) as connection:
        row = connection.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


def slowest(outcome: Outcome) -> dict[str, float]:
    """The models that took longest, in seconds; four run at once."""
    nodes = sorted(outcome.nodes, key=lambda node: -node.seconds)
    return {node.name: node.seconds for node in nodes[:SLOWEST]}


def summary(events: int, rounds: int, found: list[dict[str, Any]]) -> Part:
    """The tables of refreshes and of the slowest models."""
    table = Table(
        f"Warm refresh of the shop's models, {events:,} new events (median of {rounds}, after {FIRST})",
        [
            "history, events",
            "nothing new, s",
            "new events, hot tables, s",
            f"the first {FIRST}, s",
            "then the cold ones, s",
            "WAL, MB",
            f"the first {FIRST}, MB",
            "catching up, events/s",
        ],
    )
    for row in found:
        table.rows.append((
            f"{row['history']:,}", median(row["nothing_new"]), median(row["new_events"]),
            median(row["first_new_events"]), median(row["cold"]), median(row["wal"]) / 1e6,
            median(row["first_wal"]) / 1e6, row["catch_up_events_s"],
        ))  # fmt: skip
    if len(found) > 1:
        ratio = median(found[-1]["new_events"]) / median(found[0]["new_events"])
        table.notes.append(f"New events, hot tables, longest history : shortest = {ratio:.2f}")
    models = Table(f"The slowest models of a refresh with {events:,} new events (seconds)", ["model", "seconds"])
    models.rows.extend(found[-1]["slowest"].items())
    return Part("refresh", [table, models], {"refreshes": found})
