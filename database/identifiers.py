"""Names of columns in SQL: fields of events may be called anything."""

from __future__ import annotations

from psycopg import sql


def column_name(name: str) -> sql.Composable:
    """A column, quoted, in a statement with parameters: psycopg takes a `%` in it for the place of one."""
    return sql.SQL(sql.Identifier(name).as_string().replace("%", "%%"))
