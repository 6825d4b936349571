"""Columns that facts gained are filled for the events that they held already, from what landing still has of these."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landfall.wording import counted, listed
from warehouse.refresh import first_trouble, rebuild

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]

ROWS_AT_ONCE = 20_000
"""Records of one transaction, 1.5 s of work, for which a refresh of the facts waits."""
LOADS_AT_ONCE = 5_000
"""Most loads of one transaction: a quiet stream's are of a few records each."""
LOCK_TIMEOUT_MS = 600_000
"""How long a batch waits for a model that fills the table; a backlog takes minutes."""
SAID_EVERY_SECONDS = 10
POSITION = ("load_id", "topic_id", "kafka_partition", "kafka_offset")


@dataclass(frozen=True)
class Request:
    """Columns of a table of facts to fill. `staged`: the view that has them under the same names."""

    number: int
    relation: str
    stream: str
    staged: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Load:
    """A load of the stream: when it landed, the first and the last of it where it was merged, and how many records."""

    load_id: int
    first_landed_at: dt.datetime
    landed_at: dt.datetime
    landed: int


@dataclass(frozen=True)
class Batch:
    """Whole loads, from behind `after` to `upto`; or of one large load those records whose offset, divided by `parts`,
    leaves `part`."""

    after: int
    upto: int
    first_landed_at: dt.datetime
    last_landed_at: dt.datetime
    part: int = 0
    parts: int = 1

    @property
    def progress(self) -> tuple[int, int]:
        """(load up to which all is done, parts of the next load that are done) when this batch is."""
        return (self.upto, 0) if self.part + 1 == self.parts else (self.after, self.part + 1)


@dataclass(frozen=True)
class Filled:
    """What came of a request. `filled`: events of which a column changed; `lost`: events that stay without the columns,
    since landing does not have them any more."""

    request: Request
    filled: int
    lost: int

    def __str__(self) -> str:
        columns = listed(self.request.columns, most=20) or "nothing that landing has"
        said = f"{self.request.relation}: {counted(self.filled, 'event')} filled with {columns}"
        if self.lost:
            said += f"; {counted(self.lost, 'older event')} stay without, as their landed records were dropped"
        return said


def backfill(settings: Settings) -> list[Filled]:
    """Do what is asked for in ops.backfills; returns what came of it. Quick where nothing is.

    Each batch is a transaction that takes the table's turn as its model does, so it follows a refresh or an erasure and
    they follow it; the table is readable meanwhile. Stopped at any moment, it goes on behind its last batch.
    Raises UserError when models hold the table for longer than the lock timeout, or dbt fails.
    """
    with connect(
        settings.as_transformer,
        autocommit=True,
        application_name="landfall migrate",
        lock_timeout_ms=LOCK_TIMEOUT_MS,
    ) as connection:
        done = []
        for request in open_requests(connection):
            try:
                if request.columns:
                    fill_all(connection, request)
                if "bad_casts" in request.columns:
                    count_values_again(settings, request)
                done.append(finish(connection, request))
            except psycopg.errors.LockNotAvailable as error:
                raise UserError(
                    f"{request.relation} was being filled by a refresh, and did not become free: run `landfall migrate`"
                    " again. It goes on where it stopped."
                ) from error
        return done


def open_requests(connection: Connection) -> list[Request]:
    """What is asked for and not finished, oldest first. A request whose table or whose view is gone goes too."""
    connection.execute(
        "delete from ops.backfills"
        " where finished_at is null and (to_regclass(relation) is null or to_regclass(staged) is null)"
    )
    rows = connection.execute(
        """
        select
            backfill_id, relation, stream, staged,
            -- those that stand in both; what no event says itself cannot be read from landing again
            array(
                select a.attname::text from pg_attribute as a
                inner join pg_attribute as own on own.attname = a.attname and own.attrelid = to_regclass(relation)
                where a.attrelid = to_regclass(staged) and a.attname = any(column_names)
                    and not a.attisdropped and not own.attisdropped
                order by own.attnum
            )
        from ops.backfills
        where finished_at is null
        order by backfill_id
        """
    )
    return [
        Request(number, relation, stream, staged, tuple(names))
        for number, relation, stream, staged, names in rows.fetchall()
    ]


def fill_all(connection: Connection, request: Request) -> None:
    """Batch after batch, until there is none left."""
    said_at = time.monotonic()
    while (upto := fill_next(connection, request)) is not None:
        if time.monotonic() - said_at >= SAID_EVERY_SECONDS:
            said_at = time.monotonic()
            logger.info("%s: filled up to load %d", request.relation, upto)


def fill_next(connection: Connection, request: Request) -> int | None:
    """One batch, in a transaction with the note that it is done. Returns the load up to which all is done, None when
    there was no batch left."""
    with connection.transaction():
        position = take_turn(connection, request.relation)
        row = connection.execute(
            "update ops.backfills set until_load_id = coalesce(until_load_id, %s) where backfill_id = %s"
            " returning load_id, part, until_load_id",
            (position, request.number),
        ).fetchone()
        assert row is not None
        after, part, until = row
        batch = next_batch(after, part, loads_between(connection, request.stream, after, until))
        if batch is None:
            return None
        read, filled = fill(connection, request, batch)
        upto, parts_done = batch.progress
        connection.execute(
            "update ops.backfills set load_id = %s, part = %s, events_read = events_read + %s,"
            " events_filled = events_filled + %s where backfill_id = %s",
            (upto, parts_done, read, filled, request.number),
        )
        return upto


def take_turn(connection: Connection, relation: str) -> int:
    """Wait for models that fill the table, and keep others waiting to the transaction's end; the newest load in it."""
    rows = connection.execute("select position from ops.model_progress where relation = %s for update", (relation,))
    return max((position for (position,) in rows.fetchall()), default=0)


def loads_between(connection: Connection, stream: str, after: int, until: int) -> list[Load]:
    """The next loads of the stream, by their numbers."""
    rows = connection.execute(
        """
        select
            l.load_id, coalesce(l.first_landed_at, l.landed_at), l.landed_at, coalesce(s.landed, 0)::bigint
        from landing.loads as l
        left join lateral (
            select sum(landed) as landed from landing.slices where stream = l.stream and load_id = l.load_id
        ) as s on true
        where l.stream = %s and l.load_id > %s and l.load_id <= %s
        order by l.load_id
        limit %s
        """,
        (stream, after, until, LOADS_AT_ONCE),
    )
    return [Load(*row) for row in rows.fetchall()]


def next_batch(after: int, part: int, loads: Sequence[Load], most: int | None = None) -> Batch | None:
    """As many of the loads as have `most` records together; of a larger one a part; None when there are none.

    `after`: the load up to which all is done, with `part` parts of the next one.
    """
    if not loads:
        return None
    most = most or ROWS_AT_ONCE
    if loads[0].landed > most:
        parts = -(-loads[0].landed // most)
        first = loads[0]
        return Batch(after, first.load_id, first.first_landed_at, first.landed_at, part, parts)
    chosen: list[Load] = []
    for load in loads:
        if sum(each.landed for each in chosen) + load.landed > most:
            break
        chosen.append(load)
    return Batch(
        after,
        chosen[-1].load_id,
        min(load.first_landed_at for load in chosen),
        max(load.landed_at for load in chosen),
    )


def fill(connection: Connection, request: Request, batch: Batch) -> tuple[int, int]:
    """Write the columns of a batch's events. Returns how many of its records are the table's, and how many differed."""
    of_part = sql.SQL("and kafka_offset % {} = {}").format(batch.parts, batch.part) if batch.parts > 1 else sql.SQL("")
    columns = [sql.Identifier(name) for name in request.columns]
    connection.execute(
        sql.SQL(
            "create temporary table staged_again on commit drop as"
            " select event_key, {position}, {columns} from {staged}"
            " where load_id > {after} and load_id <= {upto} and landed_at between {first} and {last}"
            " and rejected_reason is null {of_part}"
        ).format(
            position=sql.SQL(", ").join(map(sql.Identifier, POSITION)),
            columns=sql.SQL(", ").join(columns),
            staged=sql.Identifier(*request.staged.split(".")),
            after=batch.after,
            upto=batch.upto,
            first=batch.first_landed_at,
            last=batch.last_landed_at,
            of_part=of_part,
        )
    )
    connection.execute("analyze staged_again")  # else the planner expects a row, or reads the whole table
    # A record of the same key at another position is a duplicate: the fact is not of it.
    same = sql.SQL(" and ").join(
        sql.SQL("f.{0} = s.{0}").format(sql.Identifier(name)) for name in ("event_key", *POSITION)
    )
    fact = sql.Identifier(*request.relation.split("."))
    count = sql.SQL("select count(*) from staged_again as s inner join {} as f on {}").format(fact, same)
    read = connection.execute(count).fetchone()
    written = connection.execute(
        sql.SQL("update {} as f set {} from staged_again as s where {} and ({}) is distinct from ({})").format(
            fact,
            sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(column) for column in columns),
            same,
            sql.SQL(", ").join(sql.SQL("f.{}").format(column) for column in columns),
            sql.SQL(", ").join(sql.SQL("s.{}").format(column) for column in columns),
        )
    )
    assert read is not None
    return read[0], written.rowcount


def count_values_again(settings: Settings, request: Request) -> None:
    """What data quality counts of casts that failed is counted by load, and does not see what changes later."""
    model = f"int_{request.stream}__values"
    outcome = rebuild(settings, model, downstream=False)
    if not outcome.ok:
        raise UserError(f"{model} could not be counted again: {first_trouble(outcome)}. Run `landfall migrate` again.")


def finish(connection: Connection, request: Request) -> Filled:
    """Note that nothing is left to do, and how many events landing did not have any more."""
    with connection.transaction():
        take_turn(connection, request.relation)
        row = connection.execute(
            sql.SQL(
                "update ops.backfills set finished_at = clock_timestamp(), events_lost = greatest(0,"
                " (select count(*) from {} where load_id <= until_load_id) - events_read)"
                " where backfill_id = %s returning events_filled, events_lost"
            ).format(sql.Identifier(*request.relation.split("."))),
            (request.number,),
        ).fetchone()
    assert row is not None
    return Filled(request, *row)
