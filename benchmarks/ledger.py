"""`landfall-bench ledger`: what the ledger takes of a stream that lands all the time, and is merged."""

from __future__ import annotations

import datetime as dt
import time

import click

from benchmarks.instruments.events import STREAM
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landing_stream.ledger import start_writer
from warehouse.merging import Connection, merge, stretches

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DETAIL_HOURS = 8
HOURLY_DAYS, DAILY_DAYS = 30, 335
"""A year behind it: as long as rows stand in the landing their loads are merged by the hour, then by the day."""
MERGED = HOURLY_DAYS * 24 + DAILY_DAYS

_LOADS = """
insert into landing.loads (stream, load_id, door, generation, state, landed_at, finished_at, loads, first_landed_at)
select
    %(stream)s, n, 'stream', 1, 'finished', l.landed_at, l.landed_at + interval '0.4 s', %(loads)s,
    case when %(loads)s > 1 then l.landed_at - interval '59 min' end
from generate_series(%(first)s::bigint, %(last)s) as n
cross join lateral (
    select %(since)s + (n - %(first)s) * %(trigger)s * interval '1 second' as landed_at
) as l
"""
_SLICES = """
insert into landing.slices (
    stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed, quarantined, holes,
    min_kafka_timestamp, max_kafka_timestamp, committed_at
)
select
    stream, load_id, '00000000-0000-0000-0000-000000000007'::uuid, p, load_id * 100, load_id * 100 + 100, 100, 0, 0,
    landed_at - %(trigger)s * interval '1 second', landed_at, landed_at + interval '0.3 s'
from landing.loads, generate_series(0, %(partitions)s - 1) as p
where stream = %(stream)s and load_id between %(first)s and %(last)s
"""
# The columns of int_product_views__accounts.
_ACCOUNTS = """
create temporary table accounts as
select
    n as load_id, 600::bigint as landed, 599::bigint as winners, 0::bigint as rejected, 1::bigint as duplicates,
    0::bigint as conflicting_duplicates, clock_timestamp() as newest_event_at,
    clock_timestamp() as newest_kafka_timestamp
from generate_series(1::bigint, %(loads)s) as n
"""
_BYTES = "select pg_total_relation_size('landing.slices') + pg_total_relation_size('landing.loads')"


@click.command(name="ledger")
@click.option("--partitions", default=6, show_default=True, help="Kafka partitions, each with records in every load.")
@click.option("--trigger", default=1.0, show_default=True, help="Seconds from load to load.")
@click.option("--hours", default=60, show_default=True, help="How long the stream lands, behind a year of it.")
@measured
def command(partitions: int, trigger: float, hours: int, say: Say) -> Part:
    """What the ledger takes of a busy stream.

    Loads and slices are written by SQL, as many as the stream would land, an hour at a time, behind the merged rows of
    a year. After each hour the one 8 hours before is merged, and the tables are vacuumed, as autovacuum would."""
    return measure(say, partitions, trigger, hours)


def measure(say: Say, partitions: int = 6, trigger: float = 1.0, hours: int = 60) -> Part:
    """Bytes of landing.loads, landing.slices and accounts, with their indexes."""
    loads = int(3_600 / trigger)
    with temporary_servers() as settings, connect(settings.as_writer, autocommit=True) as landing:
        start_writer(landing, STREAM, "stream")
        empty = count(landing, _BYTES)
        year = BEGAN - dt.timedelta(days=HOURLY_DAYS + DAILY_DAYS)
        write(landing, 1, MERGED, year, partitions, trigger=3_600, loads=loads)
        a_year = count(landing, _BYTES) - empty
        sizes, seconds = [], []
        for hour in range(hours):
            first = MERGED + 1 + hour * loads
            write(landing, first, first + loads - 1, BEGAN + dt.timedelta(hours=hour), partitions, trigger=trigger)
            if hour >= DETAIL_HOURS:
                began, since = time.monotonic(), BEGAN + dt.timedelta(hours=hour - DETAIL_HOURS)
                for stretch in stretches(landing, STREAM, since, since + dt.timedelta(hours=1)):
                    merge(landing, stretch)
                seconds.append(time.monotonic() - began)
            landing.execute("vacuum landing.slices, landing.loads")
            sizes.append(count(landing, _BYTES) - empty)
            say(f"ledger: {hour + 1} h, {sizes[-1] / 1e6:,.1f} MB")
        accounts = accounted(landing, loads * DETAIL_HOURS)
    return summary(a_year, sizes, seconds, accounts)


def write(
    landing: Connection,
    first: int,
    last: int,
    since: dt.datetime,
    partitions: int,
    *,
    trigger: float,
    loads: int = 1,
) -> None:
    """Loads [first, last] from `since` on, `trigger` seconds apart, each counting `loads`, with their slices."""
    values = {"stream": STREAM, "first": first, "last": last, "since": since, "trigger": trigger, "loads": loads}
    landing.execute(_LOADS, values)
    landing.execute(_SLICES, {**values, "partitions": partitions})


def accounted(connection: Connection, loads: int) -> int:
    """Bytes of what a model accounts for by load."""
    connection.execute(_ACCOUNTS, {"loads": loads})
    connection.execute("alter table accounts add primary key (load_id)")
    return count(connection, "select pg_total_relation_size('accounts')")


def count(connection: Connection, query: str) -> int:
    """The number that a query gives."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def summary(a_year: int, sizes: list[int], seconds: list[float], accounts: int) -> Part:
    """The table of megabytes (of 10^6 bytes)."""
    table = Table("The ledger of one busy stream (MB)", ["", "MB"])
    detail = sizes[min(DETAIL_HOURS, len(sizes)) - 1] - a_year
    table.rows += [
        (f"loads and slices of {DETAIL_HOURS} hours, none merged", detail / 1e6),
        ("accounts of these loads", accounts / 1e6),
        ("loads and slices of a year, merged by the hour for 30 days, then by the day", a_year / 1e6),
        (f"{DETAIL_HOURS} hours as they landed behind such a year, at most, over the hours measured", max(sizes) / 1e6),
        ("the same with accounts", (max(sizes) + accounts) / 1e6),
    ]
    if seconds:
        table.notes.append(f"Merging an hour took {max(seconds):.2f} s at most.")
    raw = {"year_bytes": a_year, "bytes": sizes, "merge_seconds": seconds, "accounts_bytes": accounts}
    return Part("ledger", [table], raw)
