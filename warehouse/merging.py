"""The ledger of what everybody has read: one load an hour instead of one a second, later one a day, and the same sums.

The last load of a stretch stands for all of it, and so do its slices, one a partition. Rows in the landing keep their
number: their load is the first in the ledger that is at or above it. No reader stands within a stretch, so what lies
between two loads of the ledger is read whole or not at all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

from landfall.errors import UserError
from warehouse.catalogue import of_kind, read_catalogue
from warehouse.readers import read_readers

Connection = psycopg.Connection[tuple[Any, ...]]

MOST = 2**63 - 1
"""No load has a greater number."""

# Hours (UTC) that ended before the bound and have loads that were not merged. Not whole days: a full refresh and the
# enricher read a load of the ledger in one go.
READ = """
select stream, date_trunc('hour', landed_at, 'UTC') as since, date_trunc('hour', landed_at, 'UTC') + interval '1 hour'
from landing.loads
where door = 'stream' and kind = 'events' and state = 'finished'
    and landed_at < date_trunc('hour', clock_timestamp() - make_interval(hours => %s), 'UTC')
group by 1, 2
having count(*) filter (where loads = 1) > 1
order by 1, 2
"""
# Days (UTC) that are noted as dropped, are gone, and have more than one load that may be merged.
DROPPED = """
select d.stream, l.since, l.since + interval '1 day'
from ops.dropped_landing as d
inner join (
    select stream, date_trunc('day', landed_at, 'UTC') as since
    from landing.loads
    where door = 'stream' and kind = 'events' and state = 'finished'
    group by 1, 2
    having count(*) > 1
) as l on l.stream = d.stream and (l.since at time zone 'UTC')::date = d.landed_on
where to_regclass(format('landing.%I', d.stream || '_' || to_char(d.landed_on, 'YYYYMMDD'))) is null
order by 1, 2
"""
# Loads of the streaming door that follow each other, all finished and read, and in which no partition skips an offset.
STRETCHES = """
with bounds as (
    select min(load_id) as first_load, max(load_id) as last_load
    from landing.loads
    where stream = %(stream)s and landed_at >= %(since)s and landed_at < %(until)s
),

loads as (
    select
        load_id,
        door = 'stream' and kind = 'events' and state = 'finished' and load_id <= %(read_to)s
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
# How long records waited for the landing is asked of loads after a pause: health/doctor/kafka_retention.py.
MERGED_LOAD = """
with loads as (
    select
        l.loads,
        l.landed_at,
        coalesce(l.first_landed_at, l.landed_at) as first_landed_at,
        l.longest_wait,
        (
            select b.landed_at from landing.loads as b
            where b.stream = l.stream and b.load_id < l.load_id and b.door = 'stream' and b.kind = 'events'
            order by b.load_id desc limit 1
        ) as before,
        (
            select min(s.min_kafka_timestamp) from landing.slices as s
            where s.stream = l.stream and s.load_id = l.load_id
        ) as first_record
    from landing.loads as l
    where l.stream = %(stream)s and l.load_id between %(first)s and %(last)s
)

update landing.loads as kept
set
    loads = merged.loads,
    first_landed_at = merged.first_landed_at,
    landed_at = merged.landed_at,
    longest_wait = merged.longest_wait
from (
    select
        sum(loads) as loads,
        min(first_landed_at) as first_landed_at,
        -- of the last one, unless the clock went back
        max(landed_at) as landed_at,
        max(
            case
                when loads > 1 then longest_wait
                when landed_at - before > interval '10 seconds' then least(landed_at - before, landed_at - first_record)
            end
        ) as longest_wait
    from loads
) as merged
where kept.stream = %(stream)s and kept.load_id = %(last)s
"""
# Accounts of loads that were merged, by the load that stands for them.
MERGED_ACCOUNTS = """
select l.load_id, {sums} from {accounts} as a
cross join lateral (
    select min(load_id) as load_id from landing.loads where stream = {stream} and load_id >= a.load_id
) as l
where l.load_id > a.load_id and a.load_id between {first} and {last}
group by 1
"""
COUNTS = ("landed", "winners", "rejected", "duplicates", "conflicting_duplicates")
TIMES = ("newest_event_at", "newest_kafka_timestamp")


@dataclass(frozen=True)
class Stretch:
    """Loads [first, last] of a stream, of which the last is to stay. `loads`: how many rows of the ledger they are."""

    stream: str
    first: int
    last: int
    loads: int


def merge_loads(ops: Connection, landing: Connection, hours: int, *, dry_run: bool, most: int | None = None) -> int:
    """Merges loads older than `hours` by the hour, and those whose rows have gone by the day; `most` stretches at most.

    Returns how many rows of landing.loads that spares. Broken off, the next call goes on: loads of a stretch go at
    once, and what models account for follows them. Raises UserError when a refresh holds a stream for too long.
    """
    spared = 0
    try:
        if not dry_run:
            _finish_accounts(ops)
        for stretch in islice(_stretches(ops, landing, hours), most):
            if dry_run or _merge_read(ops, landing, stretch):
                spared += stretch.loads - 1
    except psycopg.errors.LockNotAvailable as error:
        raise UserError("A refresh is filling tables: try again when it is done.") from error
    return spared


def _stretches(ops: Connection, landing: Connection, hours: int) -> Iterator[Stretch]:
    """What can be merged, by the hour first."""
    read_to = _read_to(ops)
    for spans in (landing.execute(READ, (hours,)).fetchall(), ops.execute(DROPPED).fetchall()):
        for stream, since, until in spans:
            yield from stretches(landing, stream, since, until, read_to.get(stream, MOST))


def stretches(
    landing: Connection, stream: str, since: dt.datetime, until: dt.datetime, read_to: int = MOST
) -> list[Stretch]:
    """What can be merged of the loads up to `read_to` that landed within [since, until)."""
    bounds = {"stream": stream, "since": since, "until": until, "read_to": read_to}
    return [Stretch(stream, *row) for row in landing.execute(STRETCHES, bounds).fetchall()]


def _read_to(ops: Connection) -> dict[str, int]:
    """By stream, up to which load everybody has read it; streams that nobody reads are left out."""
    found: dict[str, int] = {}
    positions = [(reader.stream, reader.position) for reader in read_readers(ops)]
    positions += ops.execute("select stream, load_id from ops.backfills where finished_at is null").fetchall()
    for stream, position in positions:
        found[stream] = min(position, found.get(stream, position))
    return found


def _merge_read(ops: Connection, landing: Connection, stretch: Stretch) -> bool:
    """Merges a stretch, unless somebody has gone back to read it again; models of the stream wait meanwhile."""
    with ops.transaction():
        ops.execute("select 1 from ops.model_progress where source = %s order by relation for share", (stretch.stream,))
        if _read_to(ops).get(stretch.stream, MOST) < stretch.last:
            return False
        merge(landing, stretch)
        for relation in _accounts(ops, stretch.stream):
            _merge_accounts(ops, relation, stretch)
        return True


def merge(landing: Connection, stretch: Stretch) -> None:
    """Merges a stretch: that it adds up, and skips nothing, is a constraint of the table."""
    span = (stretch.stream, stretch.first, stretch.last)
    with landing.transaction():
        landing.execute(MERGED_LOAD, {"stream": stretch.stream, "first": stretch.first, "last": stretch.last})
        slices = landing.execute(MERGED_SLICES, span).fetchall()
        landing.execute("delete from landing.slices where stream = %s and load_id between %s and %s", span)
        with landing.cursor() as cursor:
            cursor.executemany(
                "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset,"
                " landed, quarantined, holes, min_kafka_timestamp, max_kafka_timestamp, committed_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [(stretch.stream, stretch.last, *row) for row in slices],
            )
        landing.execute("delete from landing.loads where stream = %s and load_id >= %s and load_id < %s", span)


def _finish_accounts(ops: Connection) -> None:
    """What a call that was broken off has left to do."""
    newest = "select stream, max(load_id) from landing.loads where loads > 1 group by 1"
    for stream, until in ops.execute(newest).fetchall():
        for relation in _accounts(ops, stream):
            with ops.transaction():
                ops.execute("select 1 from ops.model_progress where relation = %s for share", (relation,))
                _merge_accounts(ops, relation, Stretch(stream, 0, until, 0))


def _accounts(ops: Connection, stream: str) -> list[str]:
    """Every table of the stream's accounts, in whoever's schema."""
    model = of_kind(read_catalogue(ops), "accounts").get(stream)
    rows = ops.execute(
        "select p.relation from ops.model_progress as p"
        " inner join pg_class as c on c.oid = to_regclass(p.relation) and c.relkind in ('r', 'p')"
        " where p.source = %s and split_part(p.relation, '.', 2) = %s",
        (stream, model and model.name),
    )
    return [relation for (relation,) in rows.fetchall()]


def _merge_accounts(ops: Connection, relation: str, stretch: Stretch) -> None:
    """What a table of accounts keeps of loads that were merged goes to those that stand for them."""
    accounts = sql.Identifier(*relation.split("."))
    first, last = sql.Literal(stretch.first), sql.Literal(stretch.last)
    sums = [sql.SQL("sum({0})::bigint as {0}").format(sql.Identifier(each)) for each in COUNTS]
    sums += [sql.SQL("max({0}) as {0}").format(sql.Identifier(each)) for each in TIMES]
    merged = sql.SQL(MERGED_ACCOUNTS).format(
        accounts=accounts, stream=sql.Literal(stretch.stream), first=first, last=last, sums=sql.SQL(", ").join(sums)
    )
    added = [sql.SQL("{0} = a.{0} + m.{0}").format(sql.Identifier(each)) for each in COUNTS]
    added += [sql.SQL("{0} = greatest(a.{0}, m.{0})").format(sql.Identifier(each)) for each in TIMES]
    ops.execute(
        sql.SQL(
            "with m as ({merged}), known as (update {accounts} as a set {added} from m"
            " where a.load_id = m.load_id returning a.load_id)"
            " insert into {accounts} ({columns}) select {columns} from m"
            " where load_id not in (select load_id from known)"
        ).format(
            merged=merged,
            accounts=accounts,
            added=sql.SQL(", ").join(added),
            columns=_names(("load_id", *COUNTS, *TIMES)),
        )
    )
    ops.execute(
        sql.SQL(
            "delete from {} as a where a.load_id between {} and {}"
            " and not exists (select from landing.loads as l where l.stream = {} and l.load_id = a.load_id)"
        ).format(accounts, first, last, sql.Literal(stretch.stream))
    )


def _names(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
