"""What a mart holds at one moment, by day, and its rows on their way to Arrow."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.csv as csv
from psycopg import sql

from exports.columns import Column
from exports.marts import Mart
from warehouse.dbt_arguments import EventDays

Day = dt.date | None
"""None: of a table in one file, its rows."""

_BLOCK_BYTES = 4 << 20
Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class DayContent:
    """What a day holds. `digest` differs when the rows, their order apart, or the columns do; `misfits`: values that
    Parquet cannot hold as they are (exports.columns)."""

    rows: int
    digest: str
    misfits: int


def open_snapshot(connection: psycopg.Connection) -> None:
    """Every query until the end of the transaction sees one state."""
    connection.execute("set transaction isolation level repeatable read, read only")


def read_days(connection: psycopg.Connection, mart: Mart, days: EventDays | None) -> dict[Day, DayContent]:
    """What each day holds, or each of `days`; a table in one file has its rows under None, also when it has none."""
    misfits = [condition for column in mart.columns if (condition := column.misfit) is not None]
    odd = sql.SQL(" + ").join(
        [sql.SQL("0"), *(sql.SQL("count(*) filter (where {})").format(condition) for condition in misfits)]
    )
    query = sql.SQL(
        "select {day}, count(*), sum(hashtextextended(t::text, 0)::numeric)::text, ({odd})::bigint"
        " from {relation} as t {where} {group}"
    ).format(
        day=mart.day,
        odd=odd,
        relation=mart.relation,
        where=_within(mart, days),
        group=sql.SQL("group by 1") if mart.day_column else sql.SQL(""),
    )
    shape = ",".join(f"{column.name} {column.kind}" for column in mart.columns)
    found: dict[Day, DayContent] = {}
    for day, rows, summed, misfit in connection.execute(query):
        digest = hashlib.sha256(f"{shape}\n{rows}\n{summed}".encode()).hexdigest()[:32]
        found[day] = DayContent(rows, digest, misfit)
    return found


def _within(mart: Mart, days: EventDays | None) -> sql.Composable:
    if days is None or mart.day_column is None:
        return sql.SQL("")
    return sql.SQL("where {} between {} and {}").format(mart.own_day, sql.Literal(days.first), sql.Literal(days.last))


def read_rows(
    connection: psycopg.Connection, mart: Mart, days: Collection[Day]
) -> Generator[tuple[Day, pa.Table], None, None]:
    """The rows of these days, in order of day and then of the columns, some thousand at a time and one day's each."""
    if mart.day_column is None:  # its file is there also when it has no row
        yield None, pa.table({column.name: pa.array([], column.arrow) for column in mart.columns})
    wanted = mart.is_of_days(day for day in days if day is not None)
    if None in days:
        wanted = sql.SQL("({} or {} is null)").format(wanted, mart.own_day)
    values = [sql.SQL("{} as {}").format(column.value, sql.Identifier(column.name)) for column in mart.columns]
    order = sql.SQL(", ").join(sql.SQL(str(number + 1)) for number in range(len(values) + 1))
    query = sql.SQL("copy (select {}, {} from {} as t where {} order by {}) to stdout (format csv)").format(
        mart.day, sql.SQL(", ").join(values), mart.relation, wanted, order
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for block in _blocks(copy):
            yield from _by_day(_as_arrow(block, mart.columns), mart.columns)


def _blocks(rows: Iterable[Buffer]) -> Iterator[bytes]:
    """Rows of text, which libpq gives one by one, in blocks of some megabytes."""
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _as_arrow(block: bytes, columns: list[Column]) -> pa.Table:
    # Not in Arrow's own threads: one that still read would keep an interrupted COPY from its end.
    return csv.read_csv(
        io.BytesIO(block),
        csv.ReadOptions(
            column_names=["", *(column.name for column in columns)], block_size=len(block) + 1, use_threads=False
        ),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types={"": pa.date32(), **{column.name: column.sent for column in columns}},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


def _by_day(block: pa.Table, columns: list[Column]) -> Iterator[tuple[Day, pa.Table]]:
    arrays = [block.column(index + 1).cast(column.arrow) for index, column in enumerate(columns)]
    table = pa.Table.from_arrays(arrays, names=[column.name for column in columns])
    days = block.column(0).to_pylist()
    start = 0
    for index in range(1, len(days) + 1):
        if index == len(days) or days[index] != days[start]:
            yield days[start], table.slice(start, index - start)
            start = index
