"""What a chart is: one select on the marts, what its rows say in words, and a picture of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Chart:
    """A question of one day, answered by a picture.

    `query` takes the parameters `day` (null: the newest day with events) and `zone` (reporting_timezone); its rows have
    the day as `event_date`. `finding` and `plot` are asked only when there are rows.
    """

    name: str
    question: str
    measure: str
    """What is shown, in which units."""
    nothing: str
    """What to say where there are no rows, with the day behind it: `No product was viewed`."""
    marts: tuple[str, ...]
    """What `query` reads, the one with the figures first."""
    query: LiteralString
    finding: Callable[[Rows], str]
    plot: Callable[[Figure, Rows], None]

    def read(self, marts: psycopg.Connection[Any], day: dt.date | None, zone: str) -> Rows:
        """The rows behind the picture. Raises UserError when there are no marts."""
        try:
            with marts.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(self.query, {"day": day, "zone": zone}).fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise UserError("The marts are not there yet: run `landfall up`, or `landfall migrate`, first.") from error


def day_of(rows: Rows) -> dt.date | None:
    """The day that the rows are of, None without rows."""
    return rows[0]["event_date"] if rows else None


def open_marts(settings: Settings) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection that reads marts, with the least rights there are a login for."""
    return connect(settings.as_reader, autocommit=True, application_name="landfall report")
