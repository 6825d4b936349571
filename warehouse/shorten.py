"""Old identifiers become their keys, and addresses of pages lose their queries, in what the models keep for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from database.identifiers import column_name
from erasure.sweep import IS_SHORTENED, SHORTENED, kinds_by_column, names_of
from landfall.errors import UserError
from landing_stream.contract import Contract

Connection = psycopg.Connection[tuple[Any, ...]]

PAGES = {"page_url", "referrer_url"}
"""What models call addresses of pages, beside the names of the contracts."""
KEYS = {"user": "user_key", "device": "device_key"}
BLOCKS_AT_ONCE = 4_096
"""32 MB of a table a transaction: a model that fills it waits for a second or so."""
SALTED = (
    "substr(encode(sha256(convert_to((select salt from ops.pseudonym_salt) || btrim({column}), 'UTF8')), 'hex'), 1, 32)"
    "::uuid"
)
LISTS = {"int_referrers": "referrer_key", "int_pages": "page_key"}
"""Lists of addresses of pages, each with the key by which events name them."""
# All that marts show of an address is in what this leaves (macro page_of_url).
PAGE = (
    r"coalesce(nullif(split_part(split_part(regexp_replace({column}, '^(\s*[A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@', '\1'),"
    r" '#', 1), '?', 1), ''), '(none)')"
)


@dataclass(frozen=True)
class Shortened:
    """A column of a table: SQL of the condition that it is still long, and of what it becomes."""

    table: sql.Identifier
    column: str
    is_long: sql.Composable
    short: sql.Composable
    relation: str
    oid: int
    is_identifier: bool


def shorten_identifiers(
    ops: Connection, contracts: Mapping[str, Contract], days: int, *, dry_run: bool = False
) -> tuple[int, int]:
    """Shorten what landed more than `days` ago; returns (identifiers, addresses of pages).

    `ops`: role transformer, in autocommit mode. An identifier becomes `key:` and its key, so whoever counts devices or
    users counts as many; an address keeps its page. Keys stay. Safe to end at any time and to repeat.

    Raises UserError when a refresh is under way for longer than the lock timeout.
    """
    counts = [0, 0]
    for column in find_columns(ops, contracts, days):
        counts[not column.is_identifier] += shorten(ops, column, dry_run=dry_run)
    return counts[0], counts[1]


def find_columns(ops: Connection, contracts: Mapping[str, Contract], days: int) -> list[Shortened]:
    """Columns of the models' tables that are called as identifiers and addresses of the contracts are."""
    kinds = {name: kind for name, kind in kinds_by_column(contracts).items() if kind in KEYS}
    fields = [item for contract in contracts.values() for item in contract.fields]
    pages = PAGES | {name for item in fields if item.pii for name in names_of(item) if name not in kinds}
    pages -= {name for item in fields if item.identifies or item.enrichment == "ip" for name in names_of(item)}
    rows = ops.execute(
        """
        select n.nspname, c.relname, leaf.oid, min(p.source), array_agg(distinct a.attname::text)
        from ops.model_progress as p
        inner join pg_class as c on c.oid = to_regclass(p.relation) and c.relkind in ('r', 'p')
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        cross join lateral (
            select c.oid where c.relkind = 'r'
            union all
            select t.relid from pg_partition_tree(c.oid) as t where c.relkind = 'p' and t.isleaf
        ) as leaf (oid)
        group by 1, 2, 3
        order by 1, 2, 3
        """
    ).fetchall()
    # Stable within a statement: with clock_timestamp() Postgres looks the events through once for each address.
    cutoff = sql.SQL("statement_timestamp() - make_interval(days => {})").format(sql.Literal(days))
    found = []
    for schema, name, oid, stream, columns in rows:
        when = old_rows(schema, name, stream, columns, cutoff)
        if when is None:
            continue
        for column in sorted(set(columns) & (kinds.keys() | pages)):
            place = column_name(column)
            if column in kinds:
                key = KEYS[kinds[column]]
                known = sql.Identifier(key) if key in columns else sql.SQL(SALTED).format(column=place)
                is_long = sql.SQL("{0} is not null and {0} !~ {1}").format(place, sql.Literal(IS_SHORTENED))
                short = sql.SQL("{} || ({})::text").format(sql.Literal(SHORTENED), known)
            else:
                short = sql.SQL(PAGE).format(column=place)
                is_long = sql.SQL("{0} ~ '[?#@]' and {0} <> {1}").format(place, short)
            table = sql.Identifier(schema, name)
            is_long = sql.SQL("({}) and {}").format(is_long, when)
            found.append(Shortened(table, column, is_long, short, f"{schema}.{name}", oid, column in kinds))
    return found


def old_rows(schema: str, name: str, stream: str, columns: list[str], cutoff: sql.Composable) -> sql.Composable | None:
    """SQL of the condition that a row landed before; None for a table that does not say when its rows did.

    What is made of several events is as old as the newest load in it. An address of a page is as old as the newest
    event that names it, and a count by day and referrer as old as its day.
    """
    if name in LISTS:
        condition = "not exists (select from {} as e where e.{key} = {}.{key} and e.landed_at >= {})"
        events = sql.Identifier(schema, "int_product_events")
        key = sql.Identifier(LISTS[name])
        return sql.SQL(condition).format(events, sql.Identifier(schema, name), cutoff, key=key)
    if "landed_at" in columns:
        return sql.SQL("landed_at < {}").format(cutoff)
    if "changed_load_id" in columns:
        loads = "changed_load_id <= (select max(load_id) from landing.loads where stream = {} and landed_at < {})"
        return sql.SQL(loads).format(sql.Literal(stream), cutoff)
    return sql.SQL("event_date < {}").format(cutoff) if "event_date" in columns else None


def shorten(ops: Connection, column: Shortened, *, dry_run: bool) -> int:
    """Shorten a column, some blocks at a time; returns how many rows changed."""
    (blocks,) = ops.execute(
        "select pg_relation_size(%s::oid::regclass) / current_setting('block_size')::int", (column.oid,)
    ).fetchall()[0]
    update = sql.SQL("update {} set {} = {} where tableoid = %s and ctid >= %s::tid and ctid < %s::tid and {}").format(
        column.table, column_name(column.column), column.short, column.is_long
    )
    done = 0
    for first in range(0, blocks, BLOCKS_AT_ONCE):
        try:
            with ops.transaction(force_rollback=dry_run):
                # Models hold their row as long as they fill the table.
                ops.execute("select 1 from ops.model_progress where relation = %s for share", (column.relation,))
                bounds = (column.oid, f"({first},0)", f"({first + BLOCKS_AT_ONCE},0)")
                done += ops.execute(update, bounds).rowcount
        except psycopg.errors.LockNotAvailable as error:
            raise UserError(f"A refresh is filling {column.relation}: try again when it is done.") from error
    return done
