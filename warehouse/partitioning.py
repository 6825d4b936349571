"""Tables of facts that an earlier release made in one piece become tables in partitions, with every row where it is.

The old table is the first partition of the new one, up to the end of the month of its newest event.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landfall.wording import counted

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]

LOCK_TIMEOUT_MS = 600_000
"""How long it waits for a model that fills the table."""
SWAP_LOCK_TIMEOUT = "2s"
"""How long readers wait behind the swap, which waits for those before them."""
SWAP_TRIES = 200
FIRST = "_first"
BOUND = "until_partitioned"
"""The check by which Postgres knows, without reading the table, that it fits its partition."""

# Those whose model declares partitions by now, as dbt compiled it.
IN_ONE_PIECE = """
select s.relation from ops.model_scripts as s
inner join pg_class as c on c.oid = to_regclass(s.relation)
where
    c.relkind = 'r' and pg_get_userbyid(c.relowner) = current_user
    and strpos(s.statements, 'ops.make_partitions(') > 0
order by 1
"""
# A clock ahead is not to make the first partition one of years. Null without rows.
UNTIL = """
select ((
    least(
        date_trunc('month', greatest(max(event_at), '1970-01-01'), 'UTC'), date_trunc('month', clock_timestamp(), 'UTC')
    ) at time zone 'UTC'
) + interval '1 month') at time zone 'UTC'
from {} having count(*) > 0
"""
DEPENDING = """
select distinct v.oid::regclass::text, v.relkind = 'v', pg_get_viewdef(v.oid), array_to_string(v.reloptions, ', ')
from pg_depend as d
inner join pg_rewrite as r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
inner join pg_class as v on v.oid = r.ev_class
where d.refclassid = 'pg_class'::regclass and d.refobjid = %(table)s::regclass and v.oid <> %(table)s::regclass
order by 1
"""
INDEXES = """
select c.relname, pg_get_indexdef(i.indexrelid)
from pg_index as i inner join pg_class as c on c.oid = i.indexrelid
where i.indrelid = %s::regclass and not i.indisprimary and c.relname <> %s
order by 1
"""
GRANTS = """
select format(
    'grant %%s on %%s to %%s%%s', a.privilege_type, c.oid::regclass,
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end,
    case when a.is_grantable then ' with grant option' else '' end
)
from pg_class as c cross join lateral aclexplode(c.relacl) as a
where c.oid = %s::regclass and a.grantee <> c.relowner
"""


@dataclass(frozen=True)
class Around:
    """What goes by the name of a table and has to go by that of the new one: views by name (their SQL, their options),
    indexes by name, grants, the comment."""

    views: dict[str, tuple[str, str | None]]
    indexes: dict[str, str]
    grants: list[str]
    comment: str | None


def partition_facts(settings: Settings) -> list[str]:
    """Put the facts into partitions that are not in such yet; returns what was done, in words. Quick where nothing is.

    Each table is moved whole or not at all, behind its model's turn: refreshes of it wait, and people read it as it
    was, but for the moment of the swap, which waits for readers in short turns. Stopped at any moment, run it again.
    Raises UserError when models hold the table for longer than the lock timeout, somebody reads it without a pause, or
    something depends on it that cannot follow.
    """
    with connect(
        settings.as_transformer,
        autocommit=True,
        application_name="landfall migrate",
        lock_timeout_ms=LOCK_TIMEOUT_MS,
    ) as connection:
        done = []
        for (relation,) in connection.execute(IN_ONE_PIECE).fetchall():
            try:
                rows = move(connection, relation)
            except psycopg.errors.LockNotAvailable as error:
                raise UserError(
                    f"{relation} was being filled or read without a pause, and could not be put into partitions: run"
                    " `landfall migrate` again."
                ) from error
            connection.execute(sql.SQL("analyze {}").format(identifier(relation)))
            done.append(f"{relation}: put into partitions, {counted(rows, 'event')} left where they were")
        return done


def move(connection: Connection, relation: str) -> int:
    """Put one table into partitions; how many rows its first one has."""
    table = identifier(relation)
    while True:
        with connection.transaction():
            take_turn(connection, relation)
            until = one(connection, sql.SQL(UNTIL).format(table))
            if until is not None:
                patiently(connection, partial(put_bound, connection, table, until))
        with connection.transaction():
            take_turn(connection, relation)
            if until != one(connection, sql.SQL(UNTIL).format(table)) or not has_bound(connection, relation, until):
                continue  # a refresh between the two brought events from beyond
            rows = prepare_first(connection, relation, until) if until is not None else 0
            around = look_around(connection, relation)
            patiently(connection, partial(swap, connection, relation, until, around))
            return rows


def has_bound(connection: Connection, relation: str, until: dt.datetime | None) -> bool:
    """Whether the table has the bound, where it needs one: a refresh takes it off where its events lie beyond."""
    exists = "select exists (select from pg_constraint where conrelid = %s::regclass and conname = %s)"
    return until is None or bool(one(connection, exists, (relation, BOUND)))


def take_turn(connection: Connection, relation: str) -> None:
    """As the table's model does: others wait until the transaction ends."""
    connection.execute("select ops.lock_model(%s, '{}')", (relation,))


def patiently(connection: Connection, change: Callable[[], None]) -> None:
    """Make a change whose locks readers wait for, in short turns. Raises LockNotAvailable when there never is one."""
    for attempt in range(1, SWAP_TRIES + 1):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("set local lock_timeout = {}").format(SWAP_LOCK_TIMEOUT))
                change()
                connection.execute(sql.SQL("set local lock_timeout = {}").format(LOCK_TIMEOUT_MS))
            return
        except psycopg.errors.LockNotAvailable:
            if attempt == SWAP_TRIES:
                raise
            time.sleep(1)


def put_bound(connection: Connection, table: sql.Identifier, until: dt.datetime) -> None:
    """Have the table refuse events from behind the bound, before its rows are looked at."""
    bound = sql.Identifier(BOUND)
    connection.execute(sql.SQL("alter table {} drop constraint if exists {}").format(table, bound))
    connection.execute(
        sql.SQL("alter table {} add constraint {} check (event_at < {}) not valid").format(
            table, bound, sql.Literal(until)
        )
    )


def prepare_first(connection: Connection, relation: str, until: dt.datetime) -> int:
    """All that takes long, beside readers: events behind the bound are taken aside, and the new key is made. How many
    rows stay."""
    table, key = identifier(relation), sql.Identifier(key_of_first(relation))
    for statement in (
        "create temporary table events_behind (like {table}) on commit drop",
        "with gone as (delete from {table} where event_at >= {until} returning *)"
        " insert into events_behind select * from gone",
        "alter table {table} validate constraint {bound}",
        "create unique index {key} on {table} (event_key, event_at)",
    ):
        connection.execute(
            sql.SQL(statement).format(table=table, key=key, until=sql.Literal(until), bound=sql.Identifier(BOUND))
        )
    return int(one(connection, sql.SQL("select count(*) from {}").format(table)))


def look_around(connection: Connection, relation: str) -> Around:
    """What has to follow. Raises UserError where something depends on the table that cannot."""
    found = connection.execute(DEPENDING, {"table": relation}).fetchall()
    if fixed := [name for name, is_view, *_ in found if not is_view]:
        raise UserError(
            f"{relation} cannot be put into partitions while the materialized view {fixed[0]} reads it, which would"
            " stay with the old table: drop it, run `landfall migrate` again, and make it anew."
        )
    return Around(
        views={name: (text, options) for name, _, text, options in found},
        indexes=dict(connection.execute(INDEXES, (relation, key_of_first(relation))).fetchall()),
        grants=[grant for (grant,) in connection.execute(GRANTS, (relation,)).fetchall()],
        comment=one(connection, "select obj_description(%s::regclass, 'pg_class')", (relation,)),
    )


def swap(connection: Connection, relation: str, until: dt.datetime | None, around: Around) -> None:
    """The old table takes another name, and the new one its: with its key and indexes, views, grants and comment.

    `until`: where the partition ends that the old table becomes; without rows it goes.
    """
    schema, _, name = relation.partition(".")
    first_name, key_name = first_of(name), key_of_first(relation)
    table, first, key = sql.Identifier(schema, name), sql.Identifier(schema, first_name), sql.Identifier(key_name)

    def execute(statement: str, **names: sql.Composable) -> None:
        connection.execute(sql.SQL(statement).format(table=table, first=first, key=key, **names))

    old_key = one(
        connection, "select conname from pg_constraint where conrelid = %s::regclass and contype = 'p'", (relation,)
    )
    execute("alter table {table} drop constraint {old}", old=sql.Identifier(old_key))
    if until is not None:
        execute("alter table {table} add constraint {key} primary key using index {key}")
    execute("alter table {table} rename to {name}", name=sql.Identifier(first_name))
    for index in around.indexes:
        new = sql.Identifier(first_of(index))
        execute("alter index {index} rename to {new}", index=sql.Identifier(schema, index), new=new)
    execute("create table {table} (like {first} including all excluding indexes) partition by range (event_at)")
    execute("alter table {table} drop constraint if exists {bound}", bound=sql.Identifier(BOUND))
    execute("alter table {table} add primary key (event_key, event_at)")
    if until is not None:
        end = sql.Literal(until)
        execute("alter table {table} attach partition {first} for values from (minvalue) to ({end})", end=end)
        execute("alter table {first} drop constraint {bound}", bound=sql.Identifier(BOUND))
    follow(connection, table, around)
    if until is None:
        execute("drop table {first}")
        return
    months = "select array_agg(distinct date_trunc('month', event_at, 'UTC')) from events_behind"
    connection.execute(f"select ops.make_partitions(%s::regclass, ({months}))", (relation,))
    execute("insert into {table} select * from events_behind")


def follow(connection: Connection, table: sql.Identifier, around: Around) -> None:
    """Indexes, views, grants and the comment, as they were, of the table that has the name now."""
    for definition in around.indexes.values():
        connection.execute(definition.encode())
    for name, (text, options) in around.views.items():
        shown = f" with ({options})" if options else ""
        connection.execute(f"create or replace view {name}{shown} as {text}".encode())
    for grant in around.grants:
        connection.execute(grant.encode())
    if around.comment is not None:
        connection.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(around.comment)))


def first_of(name: str) -> str:
    """What the first partition of a table is called."""
    return f"{name[:46]}{FIRST}"


def key_of_first(relation: str) -> str:
    """What its key is called."""
    return f"{first_of(relation.rpartition('.')[2])}_pkey"


def identifier(relation: str) -> sql.Identifier:
    """The table, quoted."""
    return sql.Identifier(*relation.split("."))


def one(connection: Connection, query: Any, values: tuple[object, ...] | None = None) -> Any:
    """The single value of a query, None where it has no row."""
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None
