"""Which events a model fails on: its own SQL, tried with ever fewer of what it has not read, each time rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from database.locks import Connection
from warehouse.model_tables import ModelTable

DATA_ERRORS = ("21", "22", "23", "44", "54", "P0")
"""Classes of SQLSTATE that what an event says can cause: a value or a row that does not fit, a bound of Postgres (size
of an index row, depth of a stack), what a trigger or function raises. Locks, space, missing relations are none."""
MOST_EVENTS = 100
"""A model that fails on more has a fault of its own, and is not to empty the facts."""
MOST_SECONDS = 180.0
"""How long a model is tried: others wait meanwhile."""
BEYOND = 2**62
"""A load that no model reads."""

# Numbered in the order in which they landed. A change may have made an older fact new again.
LANDED_SUSPECTS = """
create temporary table suspects on commit drop as
select
    row_number() over (order by l.load_id, l.topic_id, l.kafka_partition, l.kafka_offset)::integer as n,
    l.load_id, l.topic_id, l.kafka_partition, l.kafka_offset, l.kafka_timestamp, l.landed_at, f.event_key, f.event_at
from {landing} as l
left join {fact} as f
    on
        f.changed_load_id > %(position)s
        and (f.topic_id, f.kafka_partition, f.kafka_offset) = (l.topic_id, l.kafka_partition, l.kafka_offset)
where
    l.load_id > %(position)s
    and l.landed_at >= (
        select min(coalesce(first_landed_at, landed_at)) from landing.loads
        where stream = %(stream)s and load_id > %(position)s
    )
"""
SUSPECTED_FACTS = """
create temporary table suspects on commit drop as
select
    row_number() over (order by load_id, topic_id, kafka_partition, kafka_offset)::integer as n,
    load_id, topic_id, kafka_partition, kafka_offset, kafka_timestamp, landed_at, event_key, event_at
from {fact}
where
    changed_load_id > %(position)s
    -- a day more on either side: the days are those of a zone
    or (event_at >= %(first)s::date - 1 and event_at < %(last)s::date + 2)
"""
NOTED_FOR_A_TRIAL = """
insert into ops.events_set_apart
    (stream, topic_id, kafka_partition, kafka_offset, load_id, event_key, model, sqlstate, reason)
select %s, topic_id, kafka_partition, kafka_offset, load_id, event_key, %s, '', '' from hidden
on conflict do nothing
"""
REBUILD = """
create temporary table {rebuilt} on commit drop as {compiled}
;
delete from {table} where ({bucket}) in (select {bucket} from {rebuilt});
insert into {table} ({columns}) select {columns} from {rebuilt} where num_nulls({key}) = 0
"""


@dataclass(frozen=True)
class Reading:
    """What a failed model was about to do. `script`: the SQL of dbt that failed; `compiled`: SQL of the models above it
    that rebuild buckets, by name; `from_start`: it was emptied first; `days`: events of these are read again, too."""

    table: ModelTable
    script: str
    compiled: Mapping[str, str]
    from_start: bool = False
    days: tuple[str, str] | None = None


@dataclass(frozen=True)
class Culprit:
    """An event on which a model fails, by its place among the suspects, and what Postgres said, without any value."""

    place: int
    sqlstate: str
    reason: str


class BeyondHelp(Exception):
    """Why a model fails, and no event could be found that it fails on; part of a sentence."""


def describe(error: psycopg.Error) -> str:
    """An error in words, without what the events say: Postgres' own sentence and detail may quote it."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__).strip()
    name = error.diag.constraint_name
    return f"{words} ({name})" if name else words


def is_data_error(error: psycopg.Error) -> bool:
    """Whether what an event says may be the cause."""
    return (error.sqlstate or "")[:2] in DATA_ERRORS


def smallest_failing(count: int, passes: int, fails: Callable[[int], bool]) -> int:
    """The least number of events, in their order, with which a model fails; it goes well with `passes`, and not with
    `count`."""
    low, high = passes, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    return high


class Trials:
    """Trials of one model in the transaction of `connection`, which holds the turn of all models of the stream.

    Leaves the temporary table `suspects`: the events that the model has not read, numbered in the order they landed in.
    """

    def __init__(
        self, connection: Connection, reading: Reading, tables: Mapping[str, ModelTable], fact: ModelTable
    ) -> None:
        self._connection, self._reading, self._fact = connection, reading, fact
        self._above = [tables[name] for name in reading.table.upstream if name in reading.compiled]
        self._children = children_of(tables, fact)
        connection.execute(
            "select 1 from ops.model_progress where source = %s order by relation for update", (fact.stream,)
        )
        self.count = self._find_suspects()

    def culprits(self, most: int = MOST_EVENTS, seconds: float = MOST_SECONDS) -> list[Culprit]:
        """The events without which the model goes well; none where it goes well with all of them by now.

        Raises BeyondHelp where none is the cause, or more than `most` are, or the search takes longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        found: list[Culprit] = []
        error = self.error_with(self.count, [])
        if error is not None and self.error_with(0, []) is not None:
            raise BeyondHelp("it fails without any new event, too")
        while error is not None:
            if len(found) >= most:
                raise BeyondHelp(f"it fails on more than {most} events: a fault of the model rather than of theirs")
            without = [culprit.place for culprit in found]
            found.append(self._next_culprit(error, found[-1].place if found else 0, without, deadline))
            error = self.error_with(self.count, [*without, found[-1].place])
        return found

    def _next_culprit(self, error: psycopg.Error, passes: int, without: Sequence[int], deadline: float) -> Culprit:
        """The first suspect with which the model fails, given all before it. `error`: what it says of all of them."""
        last = error

        def fails(number: int) -> bool:
            nonlocal last
            if time.monotonic() > deadline:
                raise BeyondHelp("the events that it fails on were not found in time")
            found = self.error_with(number, without)
            if found is not None:
                # the last one that failed is the smallest
                last = found
            return found is not None

        place = smallest_failing(self.count, passes, fails)
        return Culprit(place, last.sqlstate or "", describe(last))

    def error_with(self, number: int, without: Sequence[int]) -> psycopg.Error | None:
        """What the model says of the first `number` suspects without some, as of their data; nothing of it stays.

        Raises BeyondHelp for an error of another kind.
        """
        self._connection.execute("savepoint trial")
        try:
            self.take_out(number, without)
            self._connection.execute(NOTED_FOR_A_TRIAL, (self._fact.stream, self._reading.table.name))
            if self._reading.from_start:
                self._connection.execute(sql.SQL("delete from {}").format(identifier(self._reading.table)))
            self._connection.execute(self._reading.script.encode())
        except psycopg.Error as error:
            if self._connection.closed:
                raise
            if not is_data_error(error):
                raise BeyondHelp(f"{describe(error)}, which is nothing that events say") from error
            return error
        finally:
            if not self._connection.closed:
                self._connection.execute("rollback to savepoint trial; release savepoint trial")
        return None

    def take_out(self, number: int, without: Sequence[int]) -> None:
        """Take all but the first `number` suspects, and some of these, out of the facts and of what the model reads.

        They are in the temporary table `hidden` afterwards.
        """
        self._connection.execute(
            "create temporary table hidden on commit drop as select * from suspects where n > %s or n = any(%s)",
            (number, list(without)),
        )
        self._connection.execute("analyze hidden")
        self._take_from_tables_above()
        for table in (*self._children, self._fact):
            self._connection.execute(
                sql.SQL("delete from {} as t using hidden as h where t.event_key = h.event_key").format(
                    identifier(table)
                )
            )

    def _find_suspects(self) -> int:
        """Make the table of suspects; how many there are."""
        table = self._reading.table
        (position,) = one(
            self._connection,
            "select coalesce(max(position), 0) from ops.model_progress where relation = %s",
            (table.relation,),
        )
        self._position = 0 if self._reading.from_start else position
        first, last = self._reading.days or (None, None)
        names = {"landing": sql.Identifier("landing", table.stream), "fact": identifier(self._fact)}
        self._connection.execute(
            sql.SQL(LANDED_SUSPECTS if table.reads_landing else SUSPECTED_FACTS).format(**names),
            {"position": self._position, "stream": table.stream, "first": first, "last": last},
        )
        self._connection.execute("analyze suspects")
        (count,) = one(self._connection, "select count(*) from suspects", ())
        return int(count)

    def _take_from_tables_above(self) -> None:
        """Count the buckets between the fact and the model again without what is hidden.

        The hidden events still touch their buckets, being new, and no bucket counts them, being of a load beyond all.
        """
        if not self._above:
            return
        execute = self._connection.execute
        names = [table.relation for table in self._above]
        execute(
            "create temporary table progress on commit drop as select relation, source, position, reads_to"
            " from ops.model_progress where relation = any(%s)",
            (names,),
        )
        (newest,) = one(
            self._connection, "select position from ops.model_progress where relation = %s", (self._fact.relation,)
        )
        execute(
            sql.SQL(
                "update {} as f set load_id = %s, changed_load_id = %s from hidden as h where f.event_key = h.event_key"
            ).format(identifier(self._fact)),
            (BEYOND, newest),
        )
        execute(
            "update ops.model_progress set position = least(position, %s), reads_to = %s where relation = any(%s)",
            (min(self._position, max(newest - 1, 0)), newest, names),
        )
        for table in self._above:
            execute(rebuild(table, self._reading.compiled[table.name]).as_string(self._connection).encode())
        execute(
            "update ops.model_progress as p set position = b.position, reads_to = b.reads_to from progress as b"
            " where (p.relation, p.source) = (b.relation, b.source)"
        )


def rebuild(table: ModelTable, compiled: str) -> sql.Composable:
    """What the strategy rebuild_buckets does, without its care for rows that stay as they are."""
    columns, bucket, key = (
        sql.SQL(", ").join(map(sql.Identifier, names)) for names in (table.columns, table.bucket, table.key)
    )
    return sql.SQL(REBUILD).format(
        rebuilt=sql.Identifier(f"{table.name}_tried"),
        compiled=sql.SQL(compiled),
        table=identifier(table),
        bucket=bucket,
        columns=columns,
        key=key,
    )


def children_of(tables: Mapping[str, ModelTable], fact: ModelTable) -> list[ModelTable]:
    """Tables with rows that belong to one event each."""
    return [
        table
        for table in tables.values()
        if table.stream == fact.stream
        and table.strategy == "insert_new"
        and "event_key" in table.columns
        and table != fact
    ]


def one(connection: Connection, query: str, values: Sequence[object] | Mapping[str, object]) -> tuple[Any, ...]:
    """The row of a query that has one."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row


def identifier(table: ModelTable) -> sql.Identifier:
    """The table, quoted."""
    return sql.Identifier(table.schema, table.name)
