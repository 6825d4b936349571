"""Old facts are let go: whole partitions, once every model has read what is before the bound. Their keys stay known.

The bound of a stream (ops.fact_bounds) moves first. From then on no event from before it becomes a fact, and no day
before it is counted again (dbt_project/macros/let_go.sql), so nothing asks for what is dropped afterwards.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]

BEHIND = dt.timedelta(days=31)
"""How far facts stay behind the bound: a day after it that is counted again may look back so far. Our own models look
back to the beginning of the day; a model of a user's with a moving month looks back 30 days."""
DROP_LOCK_TIMEOUT = "2s"
"""A drop waits for readers of the whole table, and every later reader behind it: short waits, again and again."""
DROP_TRIES = 30

PARTITIONS = """
select p.source, p.relation, n.nspname || '.' || old.relname, t.until_at
from ops.model_progress as p
inner join pg_class as c on c.oid = to_regclass(p.relation) and c.relkind = 'p'
cross join lateral ops.partitions_of(c.oid) as t
inner join pg_class as old on old.oid = t.partition
inner join pg_namespace as n on n.oid = old.relnamespace
where
    pg_get_userbyid(c.relowner) = current_user and t.until_at <= clock_timestamp() - make_interval(days => %s) - %s
    and not exists (select from ops.model_progress as o where o.relation = p.relation and o.source <> p.source)
    and exists (
        select from ops.model_scripts as s
        where s.relation = p.relation and s.statements like '%%ops.make_partitions(%%'
    )
order by 1, 4, 2
"""
# A fact's script of an earlier release lets events from before the bound in; a count without days would be counted
# again from what is left.
NOT_READY = """
select s.relation
from ops.model_scripts as s
cross join lateral jsonb_each(s.reads) as r (stream, relations)
where
    r.stream = %(stream)s and to_regclass(s.relation) is not null
    and (
        (s.relation = any(%(facts)s) and s.statements not like '%%ops.take_out_let_go(%%')
        or (
            r.relations ?| %(facts)s and s.statements like '%%\\_rebuilt on commit drop%%'
            and s.statements not like '%%ops.fact_bounds%%'
        )
    )
order by 1
limit 1
"""
READERS = """
select p.relation, p.position from ops.model_progress as p
inner join pg_class as c on c.oid = to_regclass(p.relation) and c.relkind in ('r', 'p')
where p.source = %s
order by p.position, p.relation
limit 1
"""


@dataclass(frozen=True)
class FactPartition:
    """Old facts of a stream. `relation`, `name`: the table and its partition, schema.table; `until`: its end, not
    included. `facts`: how many are in it."""

    stream: str
    relation: str
    name: str
    until: dt.datetime
    facts: int = 0


@dataclass(frozen=True)
class LetGo:
    """What went, or would go. `held`: by stream, why its old facts stay. `bounds`: by stream, from when on events
    count."""

    dropped: tuple[FactPartition, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    bounds: tuple[tuple[str, dt.datetime], ...] = ()


def let_facts_go(settings: Settings, ops: Connection, *, dry_run: bool) -> LetGo:
    """Drop partitions of facts that are older than LANDFALL_FACT_RETENTION_DAYS and a month; none where it is unset.

    `ops`: role transformer, in autocommit mode, with a lock timeout. Ended at any moment, the next time goes on. Raises
    UserError when models hold the stream's turn for longer than that, or somebody reads facts without a pause.
    """
    if settings.fact_retention_days is None:
        return LetGo()
    old = old_partitions(ops, settings.fact_retention_days)
    dropped: list[FactPartition] = []
    held: list[tuple[str, str]] = []
    bounds: list[tuple[str, dt.datetime]] = []
    for stream, partitions in by_stream(old):
        bound = max(partition.until for partition in partitions) + BEHIND
        if why := move_bound(ops, stream, bound, sorted({each.relation for each in partitions}), dry_run=dry_run):
            held.append((stream, why))
            continue
        bounds.append((stream, bound))
        for partition in partitions:
            dropped.append(replace(partition, facts=count(ops, partition)))
            if not dry_run:
                drop(ops, partition)
    return LetGo(tuple(dropped), tuple(held), tuple(bounds))


def old_partitions(ops: Connection, days: int) -> list[FactPartition]:
    """Partitions of facts that end so long ago, oldest first in each stream."""
    return [FactPartition(*row) for row in ops.execute(PARTITIONS, (days, BEHIND)).fetchall()]


def by_stream(partitions: Sequence[FactPartition]) -> Iterator[tuple[str, list[FactPartition]]]:
    """Partitions, which are in this order, of each stream."""
    for stream, of_stream in groupby(partitions, key=lambda partition: partition.stream):
        yield stream, list(of_stream)


def move_bound(ops: Connection, stream: str, bound: dt.datetime, facts: list[str], *, dry_run: bool) -> str | None:
    """Set the bound of a stream, which only rises; or why it stays: somebody has not read what is before it.

    The rows of its models are held meanwhile, so none is being filled: each that begins afterwards knows the bound.
    """
    try:
        with ops.transaction(force_rollback=dry_run):
            if not dry_run:
                ops.execute(
                    "select 1 from ops.model_progress where source = %s order by relation, source for share", (stream,)
                )
            if why := why_held(ops, stream, bound, facts):
                return why
            ops.execute(
                "insert into ops.fact_bounds as b (stream, kept_from) values (%s, %s)"
                " on conflict (stream) do update set kept_from = excluded.kept_from, moved_at = clock_timestamp()"
                " where b.kept_from < excluded.kept_from",
                (stream, bound),
            )
            return None
    except psycopg.errors.LockNotAvailable as error:
        raise UserError(
            f"A refresh is filling tables of {stream}, so its old facts stay: try again when it is done."
        ) from error


def why_held(ops: Connection, stream: str, bound: dt.datetime, facts: list[str]) -> str | None:
    """Who still needs facts of before the bound, as a sentence; None where nobody does."""
    for (name,) in ops.execute(NOT_READY, {"stream": stream, "facts": facts}).fetchall():
        if name not in facts:
            return (
                f"{name} counts facts without days (meta.event_day) or was built by an earlier release, and would count"
                " again from what is left: run `landfall refresh`; give it days, or drop it"
            )
        return f"{name} was built by an earlier release: run `landfall refresh`"
    for name, position in ops.execute(READERS, (stream,)).fetchall():
        for fact in facts:
            unread = sql.SQL("select exists (select from {} where changed_load_id > %s and event_at < %s)").format(
                sql.Identifier(*fact.split("."))
            )
            if ops.execute(unread, (position, bound)).fetchall() == [(True,)]:
                return (
                    f"{name} has read to load {position}, and facts of {fact} have come or changed since: run"
                    " `landfall refresh`, or drop that table when it is nobody's"
                )
    return None


def count(ops: Connection, partition: FactPartition) -> int:
    """How many facts are in a partition."""
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(*partition.name.split(".")))
    ((facts,),) = ops.execute(query).fetchall()
    return int(facts)


def drop(ops: Connection, partition: FactPartition) -> None:
    """Keep the keys of a partition, and drop it between its readers. Raises UserError when they never let it go."""
    # First, and committed: what is dropped is known by then. No fact can come into it any more.
    name = sql.Identifier(*partition.name.split("."))
    ops.execute("select ops.keep_keys(%s, %s::regclass)", (partition.stream, name.as_string()))
    drop_between_readers(ops, partition.relation, partition.name)


def drop_between_readers(connection: Connection, relation: str, partition: str) -> None:
    """Drop a partition of a table, both schema.table. Raises UserError when readers never leave it for an instant."""
    statement = sql.SQL("drop table {}").format(sql.Identifier(*partition.split(".", 1)))
    for attempt in range(1, DROP_TRIES + 1):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set local lock_timeout = {}").format(DROP_LOCK_TIMEOUT))
                connection.execute(statement)
            return
        except psycopg.errors.LockNotAvailable as error:
            if attempt == DROP_TRIES:
                raise UserError(
                    f"{relation} was read without a pause, so {partition} could not be dropped: try again later."
                ) from error
            logger.info("waiting for readers to let %s go (try %d)", partition, attempt)
            time.sleep(1)


def bounds_of_facts(settings: Settings) -> dict[str, dt.datetime]:
    """By stream, from when on its facts are kept whole; streams of which none were let go are not there."""
    with connect(settings.as_transformer, autocommit=True, application_name="landfall refresh") as connection:
        return dict(connection.execute("select stream, kept_from from ops.fact_bounds order by stream").fetchall())
