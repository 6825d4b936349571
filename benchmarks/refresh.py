"""`landfall-bench refresh`: a warm refresh of the shop's models, behind histories of different lengths."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import click
from psycopg import sql

from benchmarks.instruments.cpu import POSTGRES, cpu_seconds
from benchmarks.instruments.figures import median
from benchmarks.instruments.history import EVENTS_A_DAY, STREAM, History
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landfall.login import TRANSFORMER
from landfall.settings import Settings
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession, Outcome
from warehouse.refresh import first_trouble
from warehouse.set_apart import Refresher

HISTORIES = (100_000, 1_000_000, 10_000_000)
FIRST = 10
"""Refreshes after catching up that are counted apart: the first change of a page after a checkpoint writes the whole
page to the WAL."""
SLOWEST = 5


@click.command(name="refresh")
@click.option(
    "--history", "histories", multiple=True, type=int, default=HISTORIES, show_default=True,
    help="Events in the tables before; 100,000 a day. May be repeated.",
)  # fmt: skip
@click.option(
    "--wide-day", type=int, metavar="N", help="One more history, the longest of these, in days of N events each."
)
@click.option("--events", default=10_000, show_default=True, help="New events of each measured refresh.")
@click.option("--rounds", default=9, show_default=True, help="Refreshes of each kind, in turns.")
@measured
def command(histories: Sequence[int], wide_day: int | None, events: int, rounds: int, say: Say) -> Part:
    """A warm refresh of the models: nothing new, some events, behind histories of different lengths.

    The models of the product views, in one process, as `landfall refresh --watch` runs them, and once through dbt."""
    return measure(say, histories, events, rounds, wide_day)


def measure(
    say: Say,
    histories: Sequence[int] = HISTORIES,
    events: int = 10_000,
    rounds: int = 9,
    wide_day: int | None = None,
) -> Part:
    """Seconds and WAL of a refresh with nothing new and with `events` new ones, for each length of history; and, with
    `wide_day`, for the longest in days of so many events.

    Each length has servers of its own, so that the days that the new events fall into are as busy behind all of them;
    they take turns, so that a busy machine slows all of them alike.
    """
    with ExitStack() as stack:
        wanted = [(length, EVENTS_A_DAY) for length in sorted(histories)]
        if wide_day is not None:
            wanted.append((max(*histories, wide_day), wide_day))
        found = [Behind(stack.enter_context(temporary_servers(models=True)), *each) for each in wanted]
        for behind in found:
            behind.catch_up(say)
        for seed in range(2, 2 + FIRST + rounds):
            for behind in found:
                behind.round(say, events, seed)
    return summary(events, rounds, found)


@dataclass(frozen=True)
class Round:
    """Seconds of a pass with nothing new, of the hot tables with new events and of the cold ones after that, bytes of
    WAL of the latter two, and seconds of a hot pass with as many new events through dbt. `*_cpu`: CPU seconds of a hot
    pass in this process and in Postgres."""

    nothing_new: float
    new_events: float
    python_cpu: float
    postgres_cpu: float
    cold: float
    wal: float
    through_dbt: float
    dbt_python_cpu: float
    dbt_postgres_cpu: float


class Behind:
    """The figures behind a history of one length, in days of so many events."""

    def __init__(self, settings: Settings, length: int, a_day: int = EVENTS_A_DAY) -> None:
        self.length, self.a_day = length, a_day
        self.name = f"{length:,}" if a_day == EVENTS_A_DAY else f"{length:,}, {a_day:,} a day"
        self.rounds: list[Round] = []
        self._settings, self._session, self._history = settings, DbtSession(settings), History(settings, a_day)
        self._refresher = Refresher(self._session)

    def catch_up(self, say: Say) -> None:
        """Land the history and fill the tables from it."""
        say(f"refresh: history grows to {self.name} events")
        self._history.grow(self.length)
        outcome = well(self._session.run(pass_arguments([STREAM])))
        self.events_a_second, self.slowest_of_catch_up = self.length / outcome.seconds, slowest(outcome)
        say(f"refresh: caught up in {outcome.seconds:.1f} s, {self.events_a_second:,.0f} events/s")
        vacuum(self._settings)
        checkpoint(self._settings)

    def round(self, say: Say, events: int, seed: int) -> None:
        """One refresh of each kind."""
        idle = well(self._refresher.hot_pass([STREAM]))
        self._history.land(events, 2 * seed)
        wal = wal_bytes(self._settings)
        hot, python_cpu, postgres_cpu = self._costs(lambda: self._refresher.hot_pass([STREAM]))
        cold = well(self._refresher.cold_pass(STREAM))
        wal = wal_bytes(self._settings) - wal
        self._history.land(events, 2 * seed + 1)
        by_dbt, *dbt_cpu = self._costs(lambda: self._session.run(pass_arguments([STREAM], cold=False)))
        well(self._refresher.cold_pass(STREAM))
        done = Round(
            idle.seconds, hot.seconds, python_cpu, postgres_cpu, cold.seconds, wal, by_dbt.seconds, *dbt_cpu
        )  # fmt: skip
        self.rounds.append(done)
        self.slowest = slowest(hot)
        say(
            f"refresh: behind {self.name}: nothing new {1000 * done.nothing_new:.0f} ms, {events:,} new events"
            f" {done.new_events:.2f} + {done.cold:.2f} s, {done.wal / 1e6:.0f} MB of WAL, CPU {python_cpu:.2f} s here"
            f" and {postgres_cpu:.2f} s in Postgres; through dbt {done.through_dbt:.2f} s, CPU"
            f" {done.dbt_python_cpu:.2f} and {done.dbt_postgres_cpu:.2f} s"
        )

    def _costs(self, refresh: Callable[[], Outcome]) -> tuple[Outcome, float, float]:
        """A refresh, and the CPU seconds that it took here and in Postgres."""
        postgres, python = cpu_seconds(self._settings.home)[POSTGRES], time.process_time()
        outcome = well(refresh())
        return (
            outcome,
            time.process_time() - python,
            cpu_seconds(self._settings.home)[POSTGRES] - postgres,
        )

    def median(self, figure: str, *, first: bool = False) -> float:
        """Of a figure of the counted rounds, or of the first ones."""
        return median([getattr(done, figure) for done in (self.rounds[:FIRST] if first else self.rounds[FIRST:])])


def well(outcome: Outcome) -> Outcome:
    """The outcome of a refresh. Raises RuntimeError when a model failed."""
    if not outcome.ok:
        raise RuntimeError(f"the refresh failed: {first_trouble(outcome)}")
    return outcome


def vacuum(settings: Settings) -> None:
    """What autovacuum does in the minutes after a backlog, at once: or it takes a core from what is measured."""
    with connect(settings.as_transformer, autocommit=True) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where tableowner = %s", (TRANSFORMER,)
        ).fetchall()
        for table in tables:
            connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(*table)))


def checkpoint(settings: Settings) -> None:
    """One now, for the refreshes after it to be like those of any quarter of an hour: the backlog's own would come
    somewhere in their midst. The login may not say `checkpoint`; dropping a database makes one."""
    with connect(settings.as_admin, autocommit=True) as admin:
        admin.execute("create database dropped_for_a_checkpoint")
        admin.execute("drop database dropped_for_a_checkpoint")


def wal_bytes(settings: Settings) -> int:
    """Bytes of WAL written so far."""
    with connect(settings.as_transformer) as connection:
        row = connection.execute("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


def slowest(outcome: Outcome) -> dict[str, float]:
    """The models that took longest, in seconds; some run at once."""
    nodes = sorted(outcome.nodes, key=lambda node: -node.seconds)
    return {node.name: node.seconds for node in nodes[:SLOWEST]}


def summary(events: int, rounds: int, found: Sequence[Behind]) -> Part:
    """The tables of refreshes and of the slowest models."""
    table = Table(
        f"Warm refresh of the shop's models, {events:,} new events (median of {rounds}, after {FIRST})",
        [
            "history, events",
            "nothing new, ms",
            "new events, hot tables, s",
            f"the first {FIRST}, s",
            "then the cold ones, s",
            "WAL, MB",
            f"the first {FIRST}, MB",
            "catching up, events/s",
        ],
    )
    for behind in found:
        table.rows.append((
            behind.name, 1000 * behind.median("nothing_new"), behind.median("new_events"),
            behind.median("new_events", first=True), behind.median("cold"), behind.median("wal") / 1e6,
            behind.median("wal", first=True) / 1e6, behind.events_a_second,
        ))  # fmt: skip
    usual = [behind for behind in found if behind.a_day == EVENTS_A_DAY]
    shortest, longest = usual[0], usual[-1]
    if longest is not shortest:
        ratio = longest.median("new_events") / shortest.median("new_events")
        table.notes.append(f"New events, hot tables, longest history : shortest = {ratio:.2f}")
    if found[-1] is not longest:
        ratio = found[-1].median("new_events") / longest.median("new_events")
        table.notes.append(f"New events, hot tables, wide days : days of {EVENTS_A_DAY:,} = {ratio:.2f}")
    doors = Table(
        f"The hot tables with {events:,} new events, without dbt and through it (median of {rounds}; seconds)",
        ["history, events", "without", "CPU here", "in Postgres", "through dbt", "CPU here", "in Postgres"],
    )
    for behind in found:
        figures = ("new_events", "python_cpu", "postgres_cpu", "through_dbt", "dbt_python_cpu", "dbt_postgres_cpu")
        doors.rows.append((behind.name, *map(behind.median, figures)))
    models = Table(f"The slowest models of a refresh with {events:,} new events (seconds)", ["model", "seconds"])
    models.rows.extend(longest.slowest.items())
    raw = [
        {
            "history": behind.length,
            "events_a_day": behind.a_day,
            "catch_up_events_s": behind.events_a_second,
            "slowest_of_catch_up": behind.slowest_of_catch_up,
            "rounds": [asdict(done) for done in behind.rounds],
        }
        for behind in found
    ]
    return Part("refresh", [table, doors, models], {"refreshes": raw})
