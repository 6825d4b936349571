"""`landfall-bench drain`: events/s, CPU and WAL of a backlog, Landfall beside Spark's own JDBC sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import click
import psycopg
from psycopg import sql

from benchmarks.contenders.process import NAMES, Contender
from benchmarks.instruments.cpu import PARTS, cpu_seconds, difference, wait_until_quiet
from benchmarks.instruments.events import STREAM, ends, produce
from benchmarks.instruments.figures import median
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import load_contracts

WARM_UP = 300_000
ORDER = ("landfall", "jdbc", "noop")


@dataclass(frozen=True)
class Run:
    """One contender drained one backlog."""

    contender: str
    round: int
    events: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    wal_bytes: int

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_per_million(self) -> dict[str, float]:
        """CPU seconds per million events, by part."""
        return {part: 1e6 * self.cpu_seconds.get(part, 0.0) / self.events for part in PARTS}


@click.command(name="drain")
@click.option("--events", default=1_000_000, show_default=True, help="Events of each measured run.")
@click.option("--rounds", default=3, show_default=True, help="Runs of each contender, in turns.")
@click.option("--warm-up", default=WARM_UP, show_default=True, help="Events that each contender drains before.")
@click.option("--plain-inserts", is_flag=True, help="Also the JDBC sink without rewritten inserts.")
@measured
def command(events: int, rounds: int, warm_up: int, plain_inserts: bool, say: Say) -> Part:
    """Events/s, CPU and WAL of a backlog, beside Spark's JDBC sink.

    Landfall, Spark's JDBC sink and a sink that drops everything drain the same backlog in turns.

    Every contender is one process with a warm Spark session; all read the same records of one topic with six
    partitions, and what each has written is counted before the next one starts.
    """
    return measure(say, events, rounds, warm_up, (*ORDER, "jdbc-plain") if plain_inserts else ORDER)


def measure(
    say: Say, events: int = 1_000_000, rounds: int = 3, warm_up: int = WARM_UP, names: Sequence[str] = ORDER
) -> Part:
    """Events/s, CPU and WAL of each run; medians; Landfall's rate by that of the JDBC sink, round by round."""
    with temporary_servers() as settings, ExitStack() as stack:
        make_jdbc_table(settings)
        contenders = [stack.enter_context(Contender(name, settings)) for name in names]
        runs: list[Run] = []
        for number in range(rounds + 1):
            starts, count = ends(settings), events if number else warm_up
            say(f"drain: {count:,} events are produced for " + (f"round {number}" if number else "the warm-up"))
            produce(settings, count, seed=number + 1)
            for contender in contenders:
                run = drain(settings, contender, number, count, starts)
                say(f"drain: {NAMES[run.contender]}: {run.rate:,.0f} events/s")
                runs.append(run)
    return summary([run for run in runs if run.round])


def drain(settings: Settings, contender: Contender, number: int, count: int, starts: Mapping[int, int]) -> Run:
    """One run, and a look at what it has written. Raises RuntimeError when that is not all."""
    with connect(settings.as_writer, autocommit=True) as connection:
        wait_until_quiet(settings.home)
        wal = wal_position(connection)
        before = cpu_seconds(settings.home, contender.process)
        seconds = contender.drain(starts)
        cpu = difference(before, cpu_seconds(settings.home, contender.process))
        written = wal_position(connection) - wal
        check_written(connection, contender.name, count)
    return Run(contender.name, number, count, seconds, cpu, written)


def make_jdbc_table(settings: Settings) -> None:
    """A plain table for the JDBC sink: no index, no partitions, nothing that would slow it down."""
    fields = load_contracts()[STREAM].field_names
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in fields)
    with connect(settings.as_admin, autocommit=True) as admin:
        admin.execute("create schema benchmark authorization landing_writer")
    with connect(settings.as_writer, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "create table benchmark.product_views (kafka_partition integer not null, kafka_offset bigint not null,"
                " kafka_timestamp timestamptz, kafka_key bytea, {})"
            ).format(columns)
        )


def check_written(connection: psycopg.Connection, name: str, count: int) -> None:
    """Counts the rows of a run and clears them away, so that each run writes into an empty table."""
    if name == "noop":
        return
    table = sql.Identifier("landing" if name == "landfall" else "benchmark", STREAM)
    row = connection.execute(
        sql.SQL("select count(*), count(distinct (kafka_partition, kafka_offset)) from {}").format(table)
    ).fetchone()
    if row != (count, count):
        raise RuntimeError(f"{NAMES[name]}: {count:,} events drained, but (rows, distinct) are {row}")
    connection.execute(sql.SQL("truncate {}").format(table))


def wal_position(connection: psycopg.Connection) -> int:
    """Bytes of WAL ever written."""
    row = connection.execute("select pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


def summary(runs: Sequence[Run]) -> Part:
    """The tables of all runs, of the medians and of the ratios."""
    by_name = {
        name: [run for run in runs if run.contender == name] for name in dict.fromkeys(r.contender for r in runs)
    }
    columns = ["events/s", *PARTS, "CPU together", "WAL B/event"]
    unit = "CPU in seconds per million events"
    each = Table(f"Drain, each run ({unit})", ["contender", "round", *columns])
    for run in runs:
        each.rows.append((NAMES[run.contender], run.round, *figures(run)))
    medians = Table(f"Drain, median of {max(map(len, by_name.values()))} ({unit})", ["contender", *columns])
    for name, own in by_name.items():
        medians.rows.append((NAMES[name], *(median(values) for values in zip(*map(figures, own), strict=True))))
    ratios = {name: ratio(by_name["landfall"], own) for name, own in by_name.items() if name.startswith("jdbc")}
    for name, found in ratios.items():
        shown = ", ".join(f"{value:.2f}" for value in found)
        medians.notes.append(f"Events/s, Landfall : {NAMES[name]} = {median(found):.2f} (median of {shown})")
    raw = {"runs": [asdict(run) | {"events_per_second": run.rate} for run in runs], "ratios": ratios}
    return Part("drain", [each, medians], raw)


def figures(run: Run) -> list[float]:
    """The figures of a run in the order of the tables' columns."""
    cpu = run.cpu_per_million
    return [run.rate, *cpu.values(), sum(cpu.values()), run.wal_bytes / run.events]


def ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> list[float]:
    """Our rate by theirs, round by round: both saw the machine in about the same mood."""
    rates = {run.round: run.rate for run in theirs}
    return [run.rate / rates[run.round] for run in ours if run.round in rates]
