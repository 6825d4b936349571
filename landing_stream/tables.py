"""The landing tables: made and grown from the contracts, one partition a day."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable

import psycopg
from psycopg import sql

from database.lock_keys import day_partition
from landfall.errors import UserError
from landing_stream.contract import EXTRA_COLUMN, POSITION_COLUMNS, Contract

logger = logging.getLogger(__name__)

# A reader may hold a share lock for long; waiting behind it would make every later reader wait behind us.
_LOCK_TIMEOUT = "2s"
_LOCK_TRIES = 30


def ensure_tables(connection: psycopg.Connection, contracts: Iterable[Contract]) -> None:
    """Registers each stream and makes its landing table, or adds the columns that its contract has gained.

    `connection`: as role landing_writer. Idempotent, and safe while the streams land. Raises UserError where the name
    of a stream is that of another relation of the schema; nothing is made then.
    """
    for contract in contracts:
        for attempt in range(1, _LOCK_TRIES + 1):
            try:
                with connection.transaction():
                    _ensure_table(connection, contract)
                break
            except psycopg.errors.LockNotAvailable:
                if attempt == _LOCK_TRIES:
                    raise
                logger.info("stream %s: waiting for readers to let the table grow (try %d)", contract.stream, attempt)
                time.sleep(1)


def _ensure_table(connection: psycopg.Connection, contract: Contract) -> None:
    table = sql.Identifier("landing", contract.stream)
    execute = connection.execute
    _check_name(connection, contract.stream)
    execute(sql.SQL("set local lock_timeout = {}").format(_LOCK_TIMEOUT))
    execute(
        """
        insert into landing.streams (stream, topic) values (%s, %s)
        on conflict (stream) do update set topic = excluded.topic where streams.topic <> excluded.topic
        """,
        (contract.stream, contract.topic),
    )
    columns = existing_columns(connection, contract.stream)
    if not columns:
        definitions = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in POSITION_COLUMNS.items()
        ]
        definitions += [sql.SQL("{} text").format(sql.Identifier(name)) for name in contract.columns]
        definitions.append(sql.SQL("{} json").format(sql.Identifier(EXTRA_COLUMN)))
        execute(
            sql.SQL("create table if not exists {} ({}) partition by range (landed_at)").format(
                table, sql.SQL(", ").join(definitions)
            )
        )
        # 32 pages hold about 300 events: a refresh reads what it needs and little more. No unique index: exactly once
        # is the ledger's.
        execute(
            sql.SQL("create index on {} using brin (load_id) with (pages_per_range = 32, autosummarize = on)").format(
                table
            )
        )
        comment = sql.Literal(
            f"{contract.description} Fields as sent; keys that the contract does not know are in `extra`."
        )
        execute(sql.SQL("comment on table {} is {}").format(table, comment))
        for field in contract.fields:
            column = sql.Identifier("landing", contract.stream, field.column)
            execute(sql.SQL("comment on column {} is {}").format(column, sql.Literal(field.description)))
        return
    for field in contract.fields:
        if field.column not in columns:
            logger.info("stream %s: the contract has grown by the field %s", contract.stream, field.name)
            column = sql.Identifier(field.column)
            execute(sql.SQL("alter table {} add column if not exists {} text").format(table, column))


def _check_name(connection: psycopg.Connection, stream: str) -> None:
    """The ledger's tables, views and indexes, and partitions, share their namespace with the landing tables."""
    row = connection.execute(
        "select relkind = 'p' and not relispartition from pg_class"
        " where oid = to_regclass(format('landing.%%I', %s::text))",
        (stream,),
    ).fetchone()
    if row is not None and not row[0]:
        raise UserError(
            f"Stream {stream}: the name is taken: landing.{stream} is there already and no landing table."
            " Give the stream another name in its contract."
        )


def existing_columns(connection: psycopg.Connection, stream: str) -> list[str]:
    """Columns of a landing table in their order, none where it does not exist."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(format('landing.%%I', %s::text)) and attnum > 0"
        " and not attisdropped order by attnum",
        (stream,),
    )
    return [name for (name,) in rows]


def ensure_day_partitions(connection: psycopg.Connection, stream: str, day: dt.date) -> None:
    """Makes the partitions of `day` (UTC) and the day after, so that no load finds none at midnight."""
    for first in (day, day + dt.timedelta(days=1)):
        with connection.transaction():
            _ensure_day_partition(connection, stream, first)


def _ensure_day_partition(connection: psycopg.Connection, stream: str, day: dt.date) -> None:
    name = f"{stream}_{day:%Y%m%d}"
    found = connection.execute(
        "select 1 from pg_inherits where inhrelid = to_regclass(format('landing.%%I', %s::text))", (name,)
    ).fetchone()
    if found:
        return
    parent, partition = sql.Identifier("landing", stream), sql.Identifier("landing", name)
    # Two doors of one stream may come here at once; create, then attach, takes no lock that readers would wait for.
    connection.execute(sql.SQL("select pg_advisory_xact_lock({})").format(day_partition(name).key))
    connection.execute(sql.SQL("create table if not exists {} (like {} including comments)").format(partition, parent))
    attached = connection.execute(
        "select 1 from pg_inherits where inhrelid = to_regclass(format('landing.%%I', %s::text))", (name,)
    ).fetchone()
    if attached:
        return
    bounds = [sql.Literal(f"{moment:%Y-%m-%d} 00:00:00+00") for moment in (day, day + dt.timedelta(days=1))]
    connection.execute(
        sql.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(parent, partition, *bounds)
    )
