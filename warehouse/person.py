"""Which identifiers are one person's: those that are given, and those that stand in the same records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from landing_stream.contract import Contract
from warehouse.identifiers import KINDS, salted_key
from warehouse.sweep import WAREHOUSE_KINDS, field_of, kinds_of

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, str]

COMPARED = {"email": "nullif(lower(btrim({})), '')", "address": "landing.address_of({})"}
FACT_KEYS = {"email_key": "email_key", "ip_key": "address_key"}


@dataclass
class Person:
    """Identifiers by kind: as they are compared, by their salted hash; empty where only facts know the hash."""

    values: dict[str, dict[UUID, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def texts(self, kind: str) -> list[str]:
        """The identifiers of a kind whose text is known."""
        return sorted(value for value in self.values[kind].values() if value)


def find_person(
    connection: Connection, contracts: Mapping[str, Contract], given: Mapping[str, Iterable[str]], salt: str
) -> Person:
    """What is known of the person whose identifiers are given.

    Users and e-mails in records of the given ones are theirs, and so are those in records of these, and so on; so are
    all devices in such records. What else happened on such a device is not followed: a family shares it. Of the
    addresses of all these records, those are the person's that no other known user or device has.
    """
    person = Person()
    seeds = {(kind, value) for kind, values in given.items() for value in values}
    followed: set[tuple[str, str]] = set()
    for kind, value in seeds:
        person.values[kind][salted_key(salt, value)] = value
    while seeds:
        followed |= seeds
        wanted = {kind: {value for k, value in seeds if k == kind} for kind in ("user", "device", "email")}
        for row in records(connection, contracts, wanted, salt):
            for kind in ("user", "device", "email"):
                if known := row.get(kind):
                    person.values[kind][salted_key(salt, known)] = known
            if key := row.get("email_key"):
                person.values["email"].setdefault(UUID(key), "")
        seeds = {(kind, value) for kind in ("user", "email") for value in person.texts(kind)} - followed
    find_addresses(connection, contracts, person, salt)
    return person


def records(
    connection: Connection, contracts: Mapping[str, Contract], wanted: Mapping[str, set[str]], salt: str
) -> Iterator[Row]:
    """Distinct identifiers, by kind, of the records and facts with one of the wanted ones."""
    for columns, table in sources(connection, contracts):
        keys = [
            condition(columns[kind], sorted(values)) for kind, values in wanted.items() if values and kind in columns
        ]
        if "email_key" in columns and wanted.get("email"):
            keys.append(condition(columns["email_key"], [salted_key(salt, value) for value in sorted(wanted["email"])]))
        asked = {kind: column for kind, column in columns.items() if not kind.startswith("address")}
        if keys:
            yield from distinct(connection, table, asked, sql.SQL(" or ").join(keys))


def find_addresses(connection: Connection, contracts: Mapping[str, Contract], person: Person, salt: str) -> None:
    """Addresses of the person's records that no other known user or device has."""
    mine: dict[UUID, str] = {}
    for columns, table in sources(connection, contracts):
        theirs = [
            condition(columns[kind], person.texts(kind)) for kind in columns if kind in ("user", "device", "email")
        ]
        for key, text in addresses(connection, table, columns, sql.SQL(" or ").join(theirs), salt):
            mine[key] = text or mine.get(key, "")
    for columns, table in sources(connection, contracts):
        others = [
            sql.SQL("({0} is not null and {0} <> all({1}))").format(columns[kind], sql.Literal(person.texts(kind)))
            for kind in columns
            if kind in ("user", "device")
        ]
        has = [condition(columns["address"], sorted(filter(None, mine.values())))] if "address" in columns else []
        has += [condition(columns["address_key"], sorted(mine))] if "address_key" in columns else []
        if has and others and mine:
            where = sql.SQL("({}) and ({})").format(sql.SQL(" or ").join(has), sql.SQL(" or ").join(others))
            for key, _ in addresses(connection, table, columns, where, salt):
                mine.pop(key, None)
    person.values["address"] |= mine


def addresses(
    connection: Connection,
    table: sql.Composable,
    columns: Mapping[str, sql.Composable],
    where: sql.Composable,
    salt: str,
) -> Iterator[tuple[UUID, str]]:
    """(salted hash, text) of the addresses in some rows; facts know only the hash."""
    asked = {kind: columns[kind] for kind in ("address", "address_key") if kind in columns}
    for row in distinct(connection, table, asked, where) if asked else []:
        if text := row.get("address"):
            yield salted_key(salt, text), text
        elif key := row.get("address_key"):
            yield UUID(key), ""


def sources(
    connection: Connection, contracts: Mapping[str, Contract]
) -> Iterator[tuple[dict[str, sql.Composable], sql.Composable]]:
    """Where identifiers stand beside each other: SQL of each kind, and the table. Landing first, then facts."""
    for contract in contracts.values():
        columns: dict[str, sql.Composable] = {}
        for name, kind in kinds_of(contract).items():
            one = compared(kind, field_of(name))
            columns[kind] = sql.SQL("coalesce({}, {})").format(columns[kind], one) if kind in columns else one
        if columns:
            yield columns, sql.Identifier("landing", contract.stream)
    rows = connection.execute(
        """
        select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum)
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attname = any(%s) and not a.attisdropped
        inner join ops.model_progress as p on p.relation = n.nspname || '.' || c.relname
        where c.relkind = 'r'
        group by 1, 2
        having bool_or(a.attname in ('user_id', 'device_id'))
        order by 1, 2
        """,
        ([*WAREHOUSE_KINDS, *FACT_KEYS],),
    )
    for schema, name, names in rows.fetchall():
        kinds = WAREHOUSE_KINDS | FACT_KEYS
        yield {kinds[each]: sql.Identifier(each) for each in names}, sql.Identifier(schema, name)


def compared(kind: str, text: sql.Composable) -> sql.Composable:
    """A field as `normal` has it."""
    form = COMPARED.get(kind, "nullif(btrim({}), '')")
    return sql.SQL(form).format(text)


def condition(column: sql.Composable, values: list[Any]) -> sql.Composable:
    return sql.SQL("{} = any({})").format(column, sql.Literal(values))


def distinct(
    connection: Connection, table: sql.Composable, columns: Mapping[str, sql.Composable], where: sql.Composable
) -> list[Row]:
    """Distinct values of some columns, as texts, of the rows that meet a condition."""
    selected = sql.SQL(", ").join(sql.SQL("({})::text").format(column) for column in columns.values())
    rows = connection.execute(sql.SQL("select distinct {} from {} where {}").format(selected, table, where)).fetchall()
    return [{kind: value for kind, value in zip(columns, row, strict=True) if value is not None} for row in rows]
