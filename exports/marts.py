"""Which marts there are to export, and by which day their rows are told apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from exports.columns import Column
from landfall.errors import UserError
from warehouse.catalogue import Catalogue, Model

SCHEMA = "marts"
FIRST_DAY, LAST_DAY = dt.date.min, dt.date.max
"""Of the years that readers of Parquet can show."""


@dataclass(frozen=True)
class Mart:
    """A table or view of marts, its columns in their order."""

    name: str
    description: str
    columns: list[Column]
    day_column: str | None = None
    """The column whose day (UTC, where it is a time) tells the files apart; None for a table in one file."""

    @property
    def relation(self) -> sql.Composable:
        return sql.Identifier(SCHEMA, self.name)

    @property
    def own_day(self) -> sql.Composable:
        """The day of a row, whatever its year; null for a table in one file. Bare where it can be: indexes are."""
        name = self.day_column
        if name is None:
            return sql.SQL("null::date")
        if any(column.name == name and column.kind == "date" for column in self.columns):
            return sql.Identifier(name)
        return sql.SQL("({} at time zone 'UTC')::date").format(sql.Identifier(name))

    @property
    def day(self) -> sql.Composable:
        """The day that the row lies under: its own, or the nearest one of the years 1 to 9999."""
        return sql.SQL("case when {d} > {last} then {last} when {d} < {first} then {first} else {d} end").format(
            d=self.own_day, first=sql.Literal(FIRST_DAY), last=sql.Literal(LAST_DAY)
        )

    def is_of_days(self, days: Iterable[dt.date]) -> sql.Composable:
        """Condition of the rows that lie under one of these days."""
        known = list(days)
        conditions = [sql.SQL("{} = any({}::date[])").format(self.own_day, sql.Literal(known))]
        if FIRST_DAY in known:
            conditions.append(sql.SQL("{} < {}").format(self.own_day, sql.Literal(FIRST_DAY)))
        if LAST_DAY in known:
            conditions.append(sql.SQL("{} > {}").format(self.own_day, sql.Literal(LAST_DAY)))
        return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))


def is_exported(mart: Model | None) -> bool:
    """Whether a mart is among those exported when none is named: all but views of a table's newest day, which have
    nothing that the table has not, and of the system's own state. None: one that dbt does not know."""
    return mart is None or mart.kind not in ("latest", "state")


def read_marts(connection: psycopg.Connection, catalogue: Catalogue, names: Sequence[str] = ()) -> list[Mart]:
    """The marts named, or all but the `…_latest` views, by name. Raises UserError for one that is not there.

    `catalogue` says by which day a mart's rows are told apart; one that it does not know is one file.
    """
    known = {model.name: model for model in catalogue if model.schema == SCHEMA}
    rows = connection.execute(
        """
        select
            c.relname,
            coalesce(obj_description(c.oid, 'pg_class'), '') as description,
            a.attname,
            format_type(a.atttypid, null) as kind,
            coalesce(col_description(c.oid, a.attnum), '') as column_description
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'v', 'm', 'p')
        order by c.relname, a.attnum
        """,
        (SCHEMA,),
    ).fetchall()
    found: dict[str, Mart] = {}
    for name, description, column, kind, column_description in rows:
        day_column = known[name].day_column if name in known else None
        mart = found.setdefault(name, Mart(name, description, [], day_column))
        mart.columns.append(Column(column, kind, column_description))
    exported = [name for name in found if is_exported(known.get(name))]
    if unknown := [name for name in names if name not in found]:
        there = ", ".join(exported) or "no table yet: run `landfall migrate`"
        raise UserError(f"--table {unknown[0]}: schema marts has {there}.")
    if not found:
        raise UserError("Schema marts has no table yet: run `landfall migrate` (or `landfall up`) first.")
    return [found[name] for name in sorted(set(names) or exported)]
