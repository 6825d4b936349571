"""Master data into the schema `reference`, from a folder of CSV files or from a database, as often as one likes.

Every column is kept as text as it was sent (models cast it), columns that are not known here in `extra`. A row that
the source no longer has stays, with `removed_at`: events of the past still point to it. All tables change in one
transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from database.connect import connect
from database.lock_keys import REFERENCE
from landfall.errors import UserError
from landfall.settings import Settings
from warehouse.reference_sources import Record, read_database, read_folder

OWN_COLUMNS = ("id", "extra", "loaded_at", "removed_at")


@dataclass(frozen=True)
class Entity:
    """One kind of master data. `required`: columns, beside `id`, without which the marts would be wrong."""

    table: str
    source_name: str
    required: tuple[str, ...] = ()


ENTITIES = (
    Entity("job", "job", ("company_id",)),
    Entity("campaign", "campaign", ("company_id", "budget_total")),
    Entity("company", "company", ("name",)),
    Entity("group", "group", ("name",)),
    Entity("publisher", "master_publisher", ("publisher_name",)),
    Entity("major_category", "master_major_category", ("name",)),
    Entity("minor_category", "master_minor_category", ("name", "major_id")),
)


@dataclass(frozen=True)
class LoadedTable:
    """What a load did to one table, in rows."""

    table: str
    rows: int
    changed: int
    removed: int


def load_reference(settings: Settings, source: str) -> list[LoadedTable]:
    """Load all master data from `source`, a folder or a database URL (SQLAlchemy), in one transaction.

    Raises UserError when a file, table, column or value is missing or cannot be read; then nothing has changed.
    """
    names = [entity.source_name for entity in ENTITIES]
    found = read_database(source, names) if "://" in source else read_folder(Path(source), names)
    with connect(settings.as_transformer, application_name="landfall reference") as connection:
        # Two loads at once would each mark rows of the other as removed.
        connection.execute(sql.SQL("select pg_advisory_xact_lock({})").format(REFERENCE.key))
        return [_load_table(connection, entity, found[entity.source_name]) for entity in ENTITIES]


def _load_table(connection: psycopg.Connection[Any], entity: Entity, records: list[Record]) -> LoadedTable:
    columns = _known_columns(connection, entity.table)
    table = sql.Identifier("reference", entity.table)
    staged = sql.Identifier("pg_temp", f"new_{entity.table}")
    names = sql.SQL(", ").join(map(sql.Identifier, ("id", *columns, "extra")))
    connection.execute(sql.SQL("create temporary table {} (like {}) on commit drop").format(staged, table))
    connection.execute(sql.SQL("alter table {} alter loaded_at drop not null").format(staged))
    with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(staged, names)) as copy:
        for row in table_rows(entity, columns, records):
            copy.write_row(row)
    if not records and _has_rows(connection, table):
        raise UserError(
            f"{entity.source_name}: no rows, though reference.{entity.table} has some: "
            "an empty source would mark them all as removed."
        )
    changed = connection.execute(_upsert(table, staged, columns)).rowcount
    removed = connection.execute(
        sql.SQL(
            "update {table} as t set removed_at = clock_timestamp()"
            " where removed_at is null and not exists (select from {staged} as n where n.id = t.id)"
        ).format(table=table, staged=staged)
    ).rowcount
    return LoadedTable(entity.table, len(records), changed, removed)


def table_rows(entity: Entity, columns: tuple[str, ...], records: list[Record]) -> Iterator[tuple[Any, ...]]:
    """Rows for COPY: id, the known columns, and the others as `extra`.

    Raises UserError for a missing column, and for an id that is no integer or comes twice.
    """
    if records:
        missing = [name for name in ("id", *entity.required) if name not in records[0].values]
        if missing:
            raise UserError(
                f"{records[0].where}: column {', '.join(missing)} is missing; {entity.source_name} needs it."
            )
    seen: dict[int, str] = {}
    for record in records:
        key = _id(record)
        if key in seen:
            raise UserError(
                f"{record.where}: id {key} stands in {seen[key]} already; ids of {entity.source_name} are unique."
            )
        seen[key] = record.where
        extra = {name: value for name, value in record.values.items() if name != "id" and name not in columns}
        known = (record.values.get(name) for name in columns)
        yield (key, *known, Jsonb(extra) if extra else None)


def _id(record: Record) -> int:
    """The id, which may come as a text float (`188.0`)."""
    text = (record.values.get("id") or "").strip()
    # no more digits than a bigint has: int() refuses some thousand with an error of its own
    if not re.fullmatch(r"-?[0-9]{1,19}(\.0*)?", text) or not -(2**63) <= (key := int(text.partition(".")[0])) < 2**63:
        raise UserError(f"{record.where}: id is {text[:100]!r}; write an integer.")
    return key


def _known_columns(connection: psycopg.Connection[Any], table: str) -> tuple[str, ...]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = to_regclass(format('reference.%%I', %s::text))"
        " and attnum > 0 and not attisdropped and attname <> all(%s) order by attnum",
        (table, list(OWN_COLUMNS)),
    ).fetchall()
    if not rows:
        raise UserError(
            f"Table reference.{table} does not exist: run `landfall up`, or `landfall migrate` on servers of your own."
        )
    return tuple(name for (name,) in rows)


def _has_rows(connection: psycopg.Connection[Any], table: sql.Identifier) -> bool:
    return connection.execute(sql.SQL("select 1 from {} limit 1").format(table)).fetchone() is not None


def _upsert(table: sql.Identifier, staged: sql.Identifier, columns: tuple[str, ...]) -> sql.Composed:
    """Insert or update by id; rows that are the same keep their loaded_at."""
    values = [sql.Identifier(name) for name in (*columns, "extra")]
    parts: Mapping[str, sql.Composable] = {
        "table": table,
        "staged": staged,
        "names": sql.SQL(", ").join([sql.Identifier("id"), *values]),
        "sets": sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in values),
        "old": sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in values),
        "new": sql.SQL(", ").join(sql.SQL("excluded.{}").format(name) for name in values),
    }
    return sql.SQL(
        "insert into {table} as t ({names}) select {names} from {staged}"
        " on conflict (id) do update set {sets}, loaded_at = clock_timestamp(), removed_at = null"
        " where t.removed_at is not null or ({old}) is distinct from ({new})"
    ).format(**parts)
