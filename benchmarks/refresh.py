"""`landfall-bench refresh`: a warm refresh of the models, with nothing new and with some new events."""

from __future__ import annotations

import click

from benchmarks.instruments.events import STREAM, produce
from benchmarks.instruments.figures import median
from benchmarks.instruments.landing import START_SECONDS, Landing, landing
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from warehouse.dbt_arguments import pass_arguments, refresh_arguments
from warehouse.dbt_session import DbtSession
from warehouse.refresh import first_trouble

_FINISHED = "select not exists (select from landing.loads where state = 'open')"


@click.command(name="refresh")
@click.option("--history", default=300_000, show_default=True, help="Events in the tables before.")
@click.option("--events", default=10_000, show_default=True, help="New events of each measured refresh.")
@click.option("--rounds", default=3, show_default=True, help="Refreshes of each kind, in turns.")
@measured
def command(history: int, events: int, rounds: int, say: Say) -> Part:
    """A warm refresh of the models: nothing new, some events.

    The models of the product views, in one process, as `landfall refresh --watch` runs them."""
    return measure(say, history, events, rounds)


def measure(say: Say, history: int = 300_000, events: int = 10_000, rounds: int = 3) -> Part:
    """Seconds of a refresh: the first, with `history`; then with nothing new and with `events` new ones, in turns."""
    with temporary_servers(models=True) as settings, landing(settings) as running:
        running.wait_until_started()
        session = DbtSession(settings)
        say(f"refresh: {history:,} events first")
        land(running, history, so_far=0, seed=1)
        first = run(session, refresh_arguments())
        nothing, some = [], []
        for number in range(rounds):
            nothing.append(run(session, pass_arguments([STREAM])))
            land(running, events, so_far=history + number * events, seed=2 + number)
            some.append(run(session, pass_arguments([STREAM])))
            say(f"refresh: nothing new {nothing[-1]:.2f} s, {events:,} new events {some[-1]:.2f} s")
    return summary(history, events, first, nothing, some)


def land(running: Landing, count: int, so_far: int, seed: int) -> None:
    """Produces `count` events and waits until they have landed and may be read."""
    produce(running.settings, count, seed)
    running.wait_until_landed(so_far + count, START_SECONDS)
    running.wait_for(_FINISHED, START_SECONDS)


def run(session: DbtSession, arguments: list[str]) -> float:
    """Seconds of one refresh. Raises RuntimeError when a model failed."""
    outcome = session.run(arguments)
    if not outcome.ok:
        raise RuntimeError(f"the refresh failed: {first_trouble(outcome)}")
    return outcome.seconds


def summary(history: int, events: int, first: float, nothing: list[float], some: list[float]) -> Part:
    """The table of refreshes."""
    table = Table(f"Refresh of the models, {history:,} events in the tables before (seconds)", ["", "seconds"])
    table.rows.append((f"the first, all streams, {history:,} events", first))
    table.rows.append((f"warm, nothing new (median of {len(nothing)})", median(nothing)))
    table.rows.append((f"warm, {events:,} new events (median of {len(some)})", median(some)))
    return Part("refresh", [table], {"first": first, "nothing_new": nothing, "new_events": some})
