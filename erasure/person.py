"""Which identifiers are one person's: those that are given, and those that stand in the same records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql

from erasure.identifiers import KINDS, Identifier, is_placeholder, salted_key
from erasure.sweep import field_of, kinds_by_column, kinds_of
from landing_stream.contract import Contract

Connection = psycopg.Connection[tuple[Any, ...]]
Row = dict[str, str]
Word = tuple[str, str]

COMPARED = {"email": "nullif(lower(btrim({})), '')", "address": "landing.address_of({})"}
FACT_KEYS = {"email_key": "email_key", "ip_key": "address_key"}
NO_KEY = UUID(int=0)


@dataclass(frozen=True)
class Source:
    """A table in which identifiers stand beside each other: SQL of each kind, and the session that reads it."""

    connection: Connection
    table: sql.Composable
    columns: Mapping[str, sql.Composable]


Links = Literal["none", "direct", "all"]
"""What goes along with the identifiers that are given: nothing; those that stand in the same records; those that stand
in records of these, and so on, through accounts and e-mails."""
PEOPLE = ("user", "device", "email")
SHORTENED = re.compile(r"key:[0-9a-f-]{36}")
"""What `landfall retention` leaves of an identifier: its key, by which it is found, and which is none itself."""


@dataclass
class Person:
    """Identifiers by kind: as they are compared, by their salted hash; empty where only facts know the hash.

    `given`: (kind, text) of those that were named, also as they stand in records in another case.
    """

    given: set[Word]
    values: dict[str, dict[UUID, str]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def texts(self, kind: str) -> list[str]:
        """The identifiers of a kind whose text is known."""
        return sorted(value for value in self.values[kind].values() if value)

    def linked(self) -> list[Word]:
        """(kind, text) of those that go along; addresses of nobody else are not counted as such."""
        return [(kind, value) for kind in PEOPLE for value in self.texts(kind) if (kind, value) not in self.given]


def find_person(
    landing: Connection,
    models: Connection,
    contracts: Mapping[str, Contract],
    given: Mapping[str, Iterable[str]],
    salt: str,
    links: Links = "direct",
    ignored: Collection[str] = (),
) -> Person:
    """What is known of the person whose identifiers are given. `landing`, `models`: each reads its own tables.
    `ignored`: texts in place of a user that are nobody's, and go along with nobody.

    Users, e-mails and devices in records of the given ones go along. With links "all", so do those in records of these
    users and e-mails, and so on, but not of devices: a family shares one. Of the addresses of all these records, those
    are the person's that no other known user or device has.
    """
    tokens = {token for (token,) in models.execute("select replacement from ops.erased_identifiers").fetchall()}
    token_keys = {salted_key(salt, token) for token in tokens}
    seeds = {(kind, value) for kind, values in given.items() for value in values} - {
        (kind, token) for kind in PEOPLE for token in tokens
    }
    person = Person(set(seeds))
    followed: set[Word] = set()
    tables = sources(landing, models, contracts)
    for kind, value in seeds:
        person.values[kind][salted_key(salt, value)] = value
    while seeds:
        followed |= seeds
        wanted = Wanted(seeds)
        for row in records(tables, wanted, salt):
            for kind in PEOPLE:
                known = row.get(kind)
                if not known or known in tokens or SHORTENED.fullmatch(known):
                    continue
                if kind == "user" and is_placeholder(known, ignored):
                    continue
                is_wanted = wanted.has(kind, known)
                if is_wanted and not followed - seeds:
                    person.given.add((kind, known))
                if is_wanted or links != "none":
                    person.values[kind][salted_key(salt, known)] = known
            if (key := row.get("email_key")) and UUID(key) not in token_keys and links != "none":
                person.values["email"].setdefault(UUID(key), "")
        found = {(kind, value) for kind in ("user", "email") for value in person.texts(kind)}
        seeds = found - followed if links == "all" else set()
    find_addresses(tables, person, salt)
    return person


class Wanted:
    """Identifiers that records are looked for by; the case of long ones does not count."""

    def __init__(self, words: Iterable[Word]) -> None:
        self.words = set(words)
        self._in_any_case = {(kind, value.lower()) for kind, value in self.words if any_case(kind, value)}

    def of(self, kind: str) -> list[str]:
        """Those of a kind."""
        return sorted(value for k, value in self.words if k == kind)

    def has(self, kind: str, value: str) -> bool:
        """Whether a value is one of them."""
        return (kind, value) in self.words or (kind, value.lower()) in self._in_any_case

    def found_in(self, row: Row, salt: str) -> bool:
        """Whether a row has one of them, as a text or by its key."""
        keys = {str(salted_key(salt, value)) for value in self.of("email")}
        return row.get("email_key") in keys or any(self.has(kind, row[kind]) for kind in PEOPLE if kind in row)


def any_case(kind: str, value: str) -> bool:
    """Whether upper and lower case are the same, were it given."""
    return Identifier(kind, NO_KEY, value, "").is_sought_in_any_case


def records(tables: Sequence[Source], wanted: Wanted, salt: str) -> Iterator[Row]:
    """Distinct identifiers, by kind, of the records and facts with one of the wanted ones."""
    for source in tables:
        columns = source.columns
        keys = [
            condition(sql.SQL("lower({})").format(columns[kind]), sorted({value.lower() for value in wanted.of(kind)}))
            for kind in PEOPLE
            if kind in columns and wanted.of(kind)
        ]
        if "email_key" in columns and wanted.of("email"):
            keys.append(condition(columns["email_key"], [salted_key(salt, value) for value in wanted.of("email")]))
        asked = {kind: column for kind, column in columns.items() if not kind.startswith("address")}
        if keys:
            for row in distinct(source, asked, sql.SQL(" or ").join(keys)):
                if wanted.found_in(row, salt):
                    yield row


def find_addresses(tables: Sequence[Source], person: Person, salt: str) -> None:
    """Addresses of the person's records that no other known user or device has."""
    mine: dict[UUID, str] = {}
    for source in tables:
        columns = source.columns
        theirs = [condition(columns[kind], person.texts(kind)) for kind in columns if kind in PEOPLE]
        for key, text in addresses(source, sql.SQL(" or ").join(theirs), salt):
            mine[key] = text or mine.get(key, "")
    for source in tables:
        columns = source.columns
        others = [
            sql.SQL("({0} is not null and {0} <> all({1}))").format(columns[kind], sql.Literal(person.texts(kind)))
            for kind in columns
            if kind in ("user", "device")
        ]
        has = [condition(columns["address"], sorted(filter(None, mine.values())))] if "address" in columns else []
        has += [condition(columns["address_key"], sorted(mine))] if "address_key" in columns else []
        if has and others and mine:
            where = sql.SQL("({}) and ({})").format(sql.SQL(" or ").join(has), sql.SQL(" or ").join(others))
            for key, _ in addresses(source, where, salt):
                mine.pop(key, None)
    person.values["address"] |= mine


def addresses(source: Source, where: sql.Composable, salt: str) -> Iterator[tuple[UUID, str]]:
    """(salted hash, text) of the addresses in some rows; facts know only the hash."""
    asked = {kind: source.columns[kind] for kind in ("address", "address_key") if kind in source.columns}
    for row in distinct(source, asked, where) if asked else []:
        if text := row.get("address"):
            yield salted_key(salt, text), text
        elif key := row.get("address_key"):
            yield UUID(key), ""


def sources(landing: Connection, models: Connection, contracts: Mapping[str, Contract]) -> list[Source]:
    """Where identifiers stand beside each other. Landing first, then facts."""
    found = []
    for contract in contracts.values():
        columns: dict[str, sql.Composable] = {}
        kinds = kinds_of(contract)
        for item in contract.fields:
            if (kind := kinds.get(item.name)) is None:
                continue
            one = compared(kind, field_of(item))
            columns[kind] = sql.SQL("coalesce({}, {})").format(columns[kind], one) if kind in columns else one
        if columns:
            found.append(Source(landing, sql.Identifier("landing", contract.stream), columns))
    kinds = kinds_by_column(contracts) | FACT_KEYS
    rows = models.execute(
        """
        select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum)
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attname = any(%s) and not a.attisdropped
        inner join ops.model_progress as p on p.relation = n.nspname || '.' || c.relname
        where c.relkind in ('r', 'p')
        group by 1, 2
        having bool_or(a.attname = any(%s))
        order by 1, 2
        """,
        ([*kinds], [name for name, kind in kinds.items() if kind in ("user", "device")]),
    )
    for schema, name, names in rows.fetchall():
        columns = {}
        for each in dict.fromkeys(names):
            one = sql.Identifier(each)
            kind = kinds[each]
            columns[kind] = sql.SQL("coalesce({}, {})").format(columns[kind], one) if kind in columns else one
        found.append(Source(models, sql.Identifier(schema, name), columns))
    return found


def compared(kind: str, text: sql.Composable) -> sql.Composable:
    """A field as `normal` has it."""
    form = COMPARED.get(kind, "nullif(btrim({}), '')")
    return sql.SQL(form).format(text)


def condition(column: sql.Composable, values: list[Any]) -> sql.Composable:
    return sql.SQL("{} = any({})").format(column, sql.Literal(values))


def distinct(source: Source, columns: Mapping[str, sql.Composable], where: sql.Composable) -> list[Row]:
    """Distinct values of some columns, as texts, of the rows that meet a condition."""
    selected = sql.SQL(", ").join(sql.SQL("({})::text").format(column) for column in columns.values())
    query = sql.SQL("select distinct {} from {} where {}").format(selected, source.table, where)
    rows = source.connection.execute(query).fetchall()
    return [{kind: value for kind, value in zip(columns, row, strict=True) if value is not None} for row in rows]
