"""The ledger of what retention has dropped: one load a stretch of a day instead of one a second, and the same sums.

A load is merged once the day of its rows has gone from the landing, so once everybody has read it: no row says its
number any more. The last load of a stretch stands for all of it, and so do its slices, one a partition.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from landfall.errors import UserError
from warehouse.catalogue import of_kind, read_catalogue

Connection = psycopg.Connection[tuple[Any, ...]]

# Days that are noted as dropped, are gone, and have more than one load that may be merged.
DROPPED = """
select d.stream, d.landed_on
from ops.dropped_landing as d
inner join (
    select stream, (landed_at at time zone 'UTC')::date as landed_on
    from landing.loads
    where door = 'stream' and kind = 'events' and state = 'finished'
    group by 1, 2
    having count(*) > 1
) as l using (stream, landed_on)
where to_regclass(format('landing.%I', d.stream || '_' || to_char(d.landed_on, 'YYYYMMDD'))) is null
order by 1, 2
"""
# Loads of the streaming door that follow each other, all finished, and in which no partition skips an offset.
STRETCHES = """
with bounds as (
    select min(load_id) as first_load, max(load_id) as last_load
    from landing.loads
    where stream = %(stream)s and landed_at >= %(since)s and landed_at < %(until)s
),

loads as (
    select
        load_id,
        door = 'stream' and kind = 'events' and state = 'finished'
        and landed_at >= %(since)s and landed_at < %(until)s as fits
    from landing.loads cross join bounds
    where stream = %(stream)s and load_id between first_load and last_load
),

skipping as (
    select load_id, bool_or(from_offset <> before) as skips
    from (
        select
            load_id,
            from_offset,
            lag(until_offset) over (partition by topic_id, kafka_partition order by load_id) as before
        from landing.slices cross join bounds
        where stream = %(stream)s and load_id between first_load and last_load
    ) as slices
    group by 1
),

stretches as (
    select
        load_id,
        fits,
        count(*) filter (where not fits or coalesce(skips, false)) over (order by load_id) as stretch
    from loads left join skipping using (load_id)
)

select min(load_id), max(load_id), count(*)
from stretches
where fits
group by stretch
having count(*) > 1
order by 1
"""
MERGED_SLICES = """
select
    topic_id, kafka_partition, min(from_offset), max(until_offset), sum(landed), sum(quarantined), sum(holes),
    min(min_kafka_timestamp), max(max_kafka_timestamp), max(committed_at)
from landing.slices
where stream = %s and load_id between %s and %s
group by 1, 2
"""
# Accounts of loads that were merged, by the load that stands for them.
MERGED_ACCOUNTS = """
select l.load_id, {sums} from {accounts} as a
cross join lateral (
    select min(load_id) as load_id from landing.loads where stream = {stream} and load_id >= a.load_id
) as l
where l.load_id > a.load_id and a.load_id <= {until}
group by 1
"""
COUNTS = ("landed", "winners", "rejected", "duplicates", "conflicting_duplicates")
TIMES = ("newest_event_at", "newest_kafka_timestamp")


@dataclass(frozen=True)
class Stretch:
    """Loads [first, last] of a stream that become the last of them. `loads`: how many there are."""

    stream: str
    first: int
    last: int
    loads: int


def merge_loads(ops: Connection, landing: Connection, *, dry_run: bool) -> int:
    """Merges the loads of days that have gone from the landing; returns how many rows of landing.loads that spares.

    Broken off, the next call goes on: loads of a stretch go at once, and what models account for follows them.
    """
    spared = 0
    newest: dict[str, int] = {}
    for stream, day in ops.execute(DROPPED).fetchall():
        for stretch in stretches(landing, stream, day):
            spared += stretch.loads - 1
            if not dry_run:
                merge(landing, stretch)
        newest[stream] = max(newest.get(stream, 0), newest_load(landing, stream, day))
    if not dry_run:
        merge_accounts(ops, newest)
    return spared


def stretches(landing: Connection, stream: str, day: dt.date) -> list[Stretch]:
    """What can be merged of a day."""
    since = dt.datetime.combine(day, dt.time(), dt.UTC)
    bounds = {"stream": stream, "since": since, "until": since + dt.timedelta(days=1)}
    return [Stretch(stream, *row) for row in landing.execute(STRETCHES, bounds)]


def newest_load(landing: Connection, stream: str, day: dt.date) -> int:
    """The newest load that landed by the end of a day."""
    row = landing.execute(
        "select coalesce(max(load_id), 0) from landing.loads where stream = %s and landed_at < %s",
        (stream, dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(days=1)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def merge(landing: Connection, stretch: Stretch) -> None:
    """Merges a stretch: that it adds up, and skips nothing, is a constraint of the table."""
    span = (stretch.stream, stretch.first, stretch.last)
    with landing.transaction():
        slices = landing.execute(MERGED_SLICES, span).fetchall()
        landing.execute("delete from landing.slices where stream = %s and load_id between %s and %s", span)
        with landing.cursor() as cursor:
            cursor.executemany(
                "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset,"
                " landed, quarantined, holes, min_kafka_timestamp, max_kafka_timestamp, committed_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [(stretch.stream, stretch.last, *row) for row in slices],
            )
        landing.execute(
            """
            update landing.loads set loads = (
                select sum(loads) from landing.loads where stream = %s and load_id between %s and %s
            )
            where stream = %s and load_id = %s
            """,
            (*span, stretch.stream, stretch.last),
        )
        landing.execute("delete from landing.loads where stream = %s and load_id >= %s and load_id < %s", span)


def merge_accounts(ops: Connection, newest: Mapping[str, int]) -> None:
    """What every table of accounts, in whoever's schema, keeps of loads that were merged goes to those that stand for
    them. `newest`: by stream, up to which load there are such.
    """
    models = of_kind(read_catalogue(ops), "accounts")
    for stream, until in newest.items():
        if stream not in models:
            continue
        relations = ops.execute(
            "select p.relation from ops.model_progress as p"
            " inner join pg_class as c on c.oid = to_regclass(p.relation) and c.relkind in ('r', 'p')"
            " where p.source = %s and split_part(p.relation, '.', 2) = %s",
            (stream, models[stream].name),
        ).fetchall()
        for (relation,) in relations:
            _merge_accounts(ops, relation, stream, until)


def _merge_accounts(ops: Connection, relation: str, stream: str, until: int) -> None:
    accounts = sql.Identifier(*relation.split("."))
    sums = [sql.SQL("sum({0})::bigint as {0}").format(sql.Identifier(each)) for each in COUNTS]
    sums += [sql.SQL("max({0}) as {0}").format(sql.Identifier(each)) for each in TIMES]
    merged = sql.SQL(MERGED_ACCOUNTS).format(
        accounts=accounts, stream=sql.Literal(stream), until=sql.Literal(until), sums=sql.SQL(", ").join(sums)
    )
    added = [sql.SQL("{0} = a.{0} + m.{0}").format(sql.Identifier(each)) for each in COUNTS]
    added += [sql.SQL("{0} = greatest(a.{0}, m.{0})").format(sql.Identifier(each)) for each in TIMES]
    columns = _names(("load_id", *COUNTS, *TIMES))
    try:
        with ops.transaction():
            # Models hold their row as long as they fill the table.
            ops.execute("select 1 from ops.model_progress where relation = %s for share", (relation,))
            ops.execute(
                sql.SQL(
                    "with m as ({merged}), known as (update {accounts} as a set {added} from m"
                    " where a.load_id = m.load_id returning a.load_id)"
                    " insert into {accounts} ({columns}) select {columns} from m"
                    " where load_id not in (select load_id from known)"
                ).format(merged=merged, accounts=accounts, added=sql.SQL(", ").join(added), columns=columns)
            )
            ops.execute(
                sql.SQL(
                    "delete from {} as a where a.load_id <= %s"
                    " and not exists (select from landing.loads as l where l.stream = %s and l.load_id = a.load_id)"
                ).format(accounts),
                (until, stream),
            )
    except psycopg.errors.LockNotAvailable as error:
        raise UserError(f"A refresh is filling {relation}: try again when it is done.") from error


def _names(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
