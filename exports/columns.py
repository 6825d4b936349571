"""How a column of a mart is written: as Parquet, and as Redshift's COPY wants it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from psycopg import sql

# Redshift has at most 38 digits. Money and ratios of the marts need few behind the point, averages as many as they get.
DECIMAL_DIGITS, DECIMAL_PLACES = 38, 12
# Untyped, so that they are of the column's own type.
_FIRST_YEAR, _END_YEAR = sql.SQL("'0001-01-01'"), sql.SQL("'10000-01-01'")
LONGEST_TEXT = 16_383
"""Characters: Redshift's longest varchar, 65,535 bytes, holds this number of any. COPY cannot cut texts of Parquet."""


@dataclass(frozen=True)
class Column:
    """A column of a mart. `kind`: its type in Postgres, without modifiers, as Postgres or as dbt writes it."""

    name: str
    kind: str
    description: str

    @property
    def arrow(self) -> pa.DataType:
        """Its type in Parquet."""
        return _ARROW.get(self.kind, pa.string())

    @property
    def sent(self) -> pa.DataType:
        """Its type on the way from Postgres: a time comes as microseconds since 1970."""
        return pa.int64() if pa.types.is_timestamp(self.arrow) else self.arrow

    @property
    def redshift(self) -> str:
        """Its type in Redshift."""
        return _REDSHIFT.get(self.kind, "varchar(65535)")

    @property
    def value(self) -> sql.Composable:
        """What is selected: exact, or null or cut where `misfit` holds."""
        column = sql.Identifier(self.name)
        if self.kind == "numeric":
            text = "case when abs({c}) < {m} then round({c}, {p}) end"
            return sql.SQL(text).format(c=column, m=_bound(), p=sql.Literal(DECIMAL_PLACES))
        if self.kind.startswith("timestamp"):
            text = "case when {c} >= {first} and {c} < {end} then (extract(epoch from {c}) * 1000000)::bigint end"
            return sql.SQL(text).format(c=column, first=_FIRST_YEAR, end=_END_YEAR)
        if self.kind == "date":
            return sql.SQL("case when {c} >= {first} and {c} < {end} then {c} end").format(
                c=column, first=_FIRST_YEAR, end=_END_YEAR
            )
        if pa.types.is_string(self.arrow):
            return sql.SQL('left({}::text, {}) collate "C"').format(column, sql.Literal(LONGEST_TEXT))
        return column

    @property
    def misfit(self) -> sql.Composable | None:
        """Condition of a value that a file cannot hold as it is: a number out of all proportion, a text too long,
        a day or time that most readers cannot show."""
        column = sql.Identifier(self.name)
        if self.kind == "numeric":
            return sql.SQL("not abs({}) < {}").format(column, _bound())
        if self.kind.startswith(("timestamp", "date")):
            return sql.SQL("not ({c} >= {first} and {c} < {end})").format(c=column, first=_FIRST_YEAR, end=_END_YEAR)
        if self.kind in ("text", "character varying", "json", "jsonb"):
            return sql.SQL("length({}::text) > {}").format(column, sql.Literal(LONGEST_TEXT))
        return None


def _bound() -> sql.Composable:
    """Numbers from here on have too many digits before the point; NaN and Infinity are beyond it too."""
    return sql.SQL("1e{}").format(sql.SQL(str(DECIMAL_DIGITS - DECIMAL_PLACES - 1)))


_ARROW = {
    "boolean": pa.bool_(),
    "smallint": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "numeric": pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    "real": pa.float64(),
    "double precision": pa.float64(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "timestamp without time zone": pa.timestamp("us"),
}

# COPY reads Parquet as Redshift Spectrum does, whose types are those of CREATE EXTERNAL TABLE: it has timestamp and no
# timestamptz, so instants become UTC, and no uuid.
# https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_TABLE.html
_REDSHIFT = {
    "boolean": "boolean",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "bigint",
    "numeric": f"decimal({DECIMAL_DIGITS}, {DECIMAL_PLACES})",
    "real": "double precision",
    "double precision": "double precision",
    "date": "date",
    "timestamp with time zone": "timestamp",
    "timestamp without time zone": "timestamp",
    "uuid": "varchar(36)",
}


def arrow_schema(columns: list[Column]) -> pa.Schema:
    """Schema of the Parquet files, with descriptions."""
    return pa.schema(
        [
            pa.field(
                column.name, column.arrow, metadata={"description": column.description} if column.description else {}
            )
            for column in columns
        ]
    )
