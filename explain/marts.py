"""Reading the marts with the least rights there are a login for, so nothing is told that bi_reader may not see."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from warehouse.letting_go import BEHIND

Row = Mapping[str, Any]
Marts = psycopg.Connection[tuple[Any, ...]]
STREAM = "product_views"

_KEPT_FROM = "select max(facts_kept_from) as bound from marts.trust_freshness where stream = %(stream)s"


@contextmanager
def open_marts(settings: Settings) -> Iterator[Marts]:
    """A connection whose queries all see one moment. Raises UserError when there are no such marts."""
    with connect(settings.as_reader, application_name="landfall explain") as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        try:
            yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise UserError("The marts are not there yet: run `landfall up`, or `landfall migrate`, first.") from error


def rows(marts: Marts, query: LiteralString, **values: object) -> Sequence[Row]:
    """Rows of a query by the names of their columns."""
    with marts.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def key_of(text: str) -> uuid.UUID | None:
    """A key as written; None for a text that is none."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        return None


def let_go_until(marts: Marts) -> dt.datetime | None:
    """The instant before which facts of the shop were let go; None where none were."""
    bound: dt.datetime | None = rows(marts, _KEPT_FROM, stream=STREAM)[0]["bound"]
    return bound and bound - BEHIND


def position(row: Row) -> str:
    """Where an event stands in Kafka: `product_views/2@118`, its stream, partition and offset."""
    if row["kafka_offset"] is None:
        return "let go"
    return f"{STREAM}/{row['kafka_partition']}@{row['kafka_offset']}"
