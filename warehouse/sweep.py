"""Replacing a person's identifiers in tables: which rows of which columns, found and written by Postgres."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from landing_stream.contract import Contract
from warehouse.identifiers import Replacer, salted_key, text_key

Connection = psycopg.Connection[tuple[Any, ...]]
Change = Callable[[Mapping[str, Any]], dict[str, Any]]

# What facts and what is made of them call their identifiers: a short one is one there and nowhere else.
WAREHOUSE_KINDS = {"user_id": "user", "device_id": "device", "ip_address": "address"}
TEXTS = ("text", "character varying", "json", "jsonb", "bytea")
ROWS_AT_ONCE = 100
"""Rows in memory at a time: strangers send records of 10 MB."""
# The hashes of the erased must stay, and the secret; positions and definitions hold nothing of events.
KEPT_TABLES = ("erasures", "erased_identifiers", "pseudonym_salt", "migrations", "model_progress", "model_definition")


@dataclass(frozen=True)
class Table:
    """A table with its columns that may hold something of a person: their types by name."""

    schema: str
    name: str
    columns: Mapping[str, str]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


@dataclass
class Renamed:
    """Whole texts that were replaced in landing, and the keys made of them: other tables hold them too.

    `device_keys`: plain md5 keys of devices, which in other columns may be those of a product.
    """

    salt: str
    texts: dict[str, str] = field(default_factory=dict)
    keys: dict[UUID, UUID] = field(default_factory=dict)
    device_keys: dict[UUID, UUID] = field(default_factory=dict)

    def in_column(self, name: str) -> dict[UUID, UUID]:
        """The keys that may stand in a column of this name."""
        return self.device_keys if name == "device_key" else self.keys

    def add_text(self, old: str, new: str) -> None:
        """A text and its md5 keys: of itself, and of an event id with dbt's mark before it."""
        self.texts[old] = new
        self.keys[text_key(old)] = text_key(new)
        self.keys[text_key(f"id {old}")] = text_key(f"id {new}")

    def add_identifiers(self, replacer: Replacer) -> None:
        """The salted key of each identifier, and the plain one of devices."""
        for each in replacer.identifiers:
            self.keys[each.key] = salted_key(self.salt, each.replacement)
            if each.kind == "device":
                self.device_keys[text_key(each.value)] = text_key(each.replacement)


def sweep_landing(
    connection: Connection,
    contract: Contract,
    replacer: Replacer,
    renamed: Renamed,
    loads: tuple[int, int] | None = None,
) -> int:
    """Replace in the landing table of a contract, or in some loads of it (from behind the first to the second).

    Fields that hold identifiers are compared whole. In the person's own rows, texts that the contract calls personal
    and unknown fields are searched for every identifier; in all rows, every text for those that cannot be mistaken.
    """
    kinds = kinds_of(contract)
    personal = {item.name for item in contract.fields if item.pii and item.name not in kinds} | {"extra"}
    columns = {item.name: "text" for item in contract.fields} | {"extra": "json", "kafka_key": "bytea"}

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        own = any(replacer.exact(kind, row[name]) != row[name] for name, kind in kinds.items()) or any(
            replacer.exact(kind, unknown_field(row["extra"], name)) != unknown_field(row["extra"], name)
            for name, kind in kinds.items()
            if row[name] is None and row["extra"]
        )
        new: dict[str, Any] = {}
        for name, value in row.items():
            if value is None:
                continue
            if name in kinds and replacer.exact(kinds[name], value) != value:
                new[name] = replacer.exact(kinds[name], value)
            elif name == "kafka_key":
                new[name] = replacer.raw(value, own=own)
            else:
                searched = replacer.json_text if value[:1] in ("{", "[") else replacer.text
                new[name] = searched(value, own=own and name in personal)
                if new[name] != value and name != "extra":
                    renamed.add_text(value, new[name])
        return new

    conditions: list[sql.Composable] = [
        sql.SQL("landing.address_of({}) = any({})" if kind == "address" else "lower(btrim({})) = any({})").format(
            field_of(name), sql.Literal([value if kind == "address" else value.lower() for value in values])
        )
        for name, kind in kinds.items()
        if (values := list(replacer.by_kind[kind]))
    ]
    if replacer.sure_pattern:
        conditions += [matches(name, kind, replacer.sure_pattern) for name, kind in columns.items()]
    if not conditions:
        return 0
    where = sql.SQL("({})").format(sql.SQL(" or ").join(conditions))
    if loads is not None:
        bounds = sql.SQL(" and load_id > {} and load_id <= {}").format(*map(sql.Literal, loads))
        where += bounds
    return rewrite(connection, Table("landing", contract.stream, columns), where, change)


def sweep_renamed(connection: Connection, contract: Contract, renamed: Renamed) -> int:
    """Replace whole texts of the person's rows, such as the address of their profile, in the rows of others too.

    What is counted by such a text would else be counted under two.
    """
    columns = {item.name: "text" for item in contract.fields if item.pii and not item.identifies}
    if not renamed.texts or not columns:
        return 0
    texts = sql.Literal(list(renamed.texts))
    where = sql.SQL(" or ").join(sql.SQL("{} = any({})").format(sql.Identifier(name), texts) for name in columns)

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: renamed.texts.get(value, value) for name, value in row.items() if value is not None}

    return rewrite(connection, Table("landing", contract.stream, columns), where, change)


def sweep_quarantine(
    connection: Connection, contract: Contract, replacer: Replacer, loads: tuple[int, int] | None = None
) -> int:
    """Replace in the bytes of records that could not be landed; own are those that name one in a field for it."""
    kinds = kinds_of(contract)

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        own = row["value"] is not None and replacer.is_own(row["value"], kinds)
        return {
            name: replacer.raw(value, own=own) if isinstance(value, bytes) else replacer.text(value, own=own)
            for name, value in row.items()
            if value is not None
        }

    where = sql.SQL("stream = {}").format(sql.Literal(contract.stream))
    if loads is not None:
        where += sql.SQL(" and load_id > {} and load_id <= {}").format(*map(sql.Literal, loads))
    columns = {"value": "bytea", "kafka_key": "bytea", "detail": "text"}
    return rewrite(connection, Table("landing", "quarantine", columns), where, change)


def sweep_table(connection: Connection, table: Table, replacer: Replacer, renamed: Renamed) -> int:
    """Replace in a table of the models or of enrichment: whole texts and keys that changed, and what is sure."""
    keys = {name for name, kind in table.columns.items() if kind == "uuid"}

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        new: dict[str, Any] = {}
        for name, value in row.items():
            if value is None:
                continue
            if name in keys:
                new[name] = renamed.in_column(name).get(value, value)
            elif isinstance(value, str) and value in renamed.texts:
                new[name] = renamed.texts[value]
            elif name in WAREHOUSE_KINDS:
                new[name] = replacer.exact(WAREHOUSE_KINDS[name], value)
            elif isinstance(value, bytes):
                new[name] = replacer.raw(value, own=False)
            else:
                searched = replacer.json_text if value[:1] in ("{", "[") else replacer.text
                new[name] = searched(value, own=False)
        return new

    conditions: list[sql.Composable] = []
    for name, kind in table.columns.items():
        column = sql.Identifier(name)
        if kind == "uuid":
            if old_keys := list(renamed.in_column(name)):
                conditions.append(sql.SQL("{} = any({})").format(column, sql.Literal(old_keys)))
            continue
        if replacer.sure_pattern:
            conditions.append(matches(name, kind, replacer.sure_pattern))
        values = list(renamed.texts) if kind in TEXTS[:2] else []
        if name in WAREHOUSE_KINDS:
            values += list(replacer.by_kind[WAREHOUSE_KINDS[name]])
        if values:
            conditions.append(sql.SQL("{} = any({})").format(column, sql.Literal(values)))
    if not conditions:
        return 0
    return rewrite(connection, table, sql.SQL(" or ").join(conditions), change)


def rewrite(connection: Connection, table: Table, where: sql.Composable, change: Change) -> int:
    """Give the rows that meet a condition to `change` and write what it returns; returns how many differ."""
    names = list(table.columns)
    selected = [
        sql.SQL("{}::text").format(sql.Identifier(name)) if kind in ("json", "jsonb") else sql.Identifier(name)
        for name, kind in table.columns.items()
    ]
    query = sql.SQL("select tableoid, ctid, {} from {} where {}").format(
        sql.SQL(", ").join(selected), table.identifier, where
    )
    changed = 0
    with connection.cursor(name="rows_to_rewrite") as rows:
        rows.execute(query)
        while batch := rows.fetchmany(ROWS_AT_ONCE):
            for oid, place, *values in batch:
                row = dict(zip(names, values, strict=True))
                new = {name: value for name, value in change(row).items() if value != row[name]}
                if new:
                    write(connection, table, oid, place, new)
                    changed += 1
    return changed


def write(connection: Connection, table: Table, oid: int, place: str, new: Mapping[str, Any]) -> None:
    """Set columns of the row at a place."""
    sets = [
        sql.SQL("{} = {}::{}").format(sql.Identifier(name), sql.Placeholder(), sql.SQL(table.columns[name]))
        for name in new
    ]
    statement = sql.SQL("update {} set {} where tableoid = %s and ctid = %s::tid").format(
        table.identifier, sql.SQL(", ").join(sets)
    )
    connection.execute(statement, (*new.values(), oid, place))


def tables_of(connection: Connection, owner: str) -> list[Table]:
    """Tables of this owner, outside landing, with columns that may hold something of a person."""
    rows = connection.execute(
        """
        select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum),
            array_agg(format_type(a.atttypid, null) order by a.attnum)
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
            and pg_get_userbyid(c.relowner) = %s
            and n.nspname not in ('landing', 'pg_catalog') and not (n.nspname = 'ops' and c.relname = any(%s))
            and format_type(a.atttypid, null) = any(%s) and a.attname <> 'topic_id'
        group by 1, 2
        order by 1, 2
        """,
        (owner, list(KEPT_TABLES), [*TEXTS, "uuid"]),
    )
    return [Table(schema, name, dict(zip(names, kinds, strict=True))) for schema, name, names, kinds in rows.fetchall()]


def kinds_of(contract: Contract) -> dict[str, str]:
    """Kinds of identifiers by the fields that hold one."""
    kinds = {item.name: item.identifies for item in contract.fields if item.identifies}
    return kinds | {item.name: "address" for item in contract.fields if item.enrichment == "ip"}


def matches(name: str, kind: str, pattern: str) -> sql.Composable:
    """A condition: the column may hold one of the identifiers that cannot be mistaken."""
    column: sql.Composable = sql.Identifier(name)
    if kind == "bytea":
        column = sql.SQL("encode({}, 'escape')").format(column)
    elif kind in ("json", "jsonb"):
        column = sql.SQL("{}::text").format(column)
    return sql.SQL("{} ~* {}").format(column, sql.Literal(pattern))


def field_of(name: str) -> sql.Composable:
    """A field of an event, which stands in `extra` where the contract learned it later."""
    return sql.SQL("coalesce({}, extra ->> {})").format(sql.Identifier(name), sql.Literal(name))


def unknown_field(extra: str, name: str) -> str | None:
    """A field that stands in `extra`."""
    value = json.loads(extra).get(name)
    return value if isinstance(value, str) or value is None else json.dumps(value)
