"""Replacing a person's identifiers in tables: which rows of which columns, found and written by Postgres."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from database.identifiers import column_name
from erasure.identifiers import Replacer, salted_key, text_key
from landing_stream.classify import deep_recursion
from landing_stream.contract import Contract, Field
from landing_stream.event_key import event_key_text

Connection = psycopg.Connection[tuple[Any, ...]]
Change = Callable[[Mapping[str, Any]], dict[str, Any]]

# What models call their identifiers, beside the names of the contracts: a short one is one there and nowhere else.
WAREHOUSE_KINDS = {"user_id": "user", "device_id": "device", "ip_address": "address"}
# What `landfall retention` makes of an identifier begins so; its key follows.
SHORTENED = "key:"
IS_SHORTENED = r"^key:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
TEXTS = ("text", "character varying", "json", "jsonb", "bytea")
PERSONS_KEYS = {"user_key", "device_key", "email_key"}
AUTHORITY = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
PORT = re.compile(r":\d*$")
ROWS_AT_ONCE = 100
"""Rows in memory at a time: strangers send records of 10 MB."""
# The hashes of the erased must stay, and the secret; positions and definitions hold nothing of events.
KEPT_TABLES = (
    *("erasures", "erased_identifiers", "pseudonym_salt", "migrations"),
    *("model_progress", "model_definition", "model_scripts"),
)


@dataclass(frozen=True)
class Table:
    """A table with its columns that may hold something of a person: their types by name.

    `unique`: those in which, with others, no two rows are alike. `is_partitioned`: Postgres holds that of each
    partition alone; of facts no two have the same event key all the same.
    """

    schema: str
    name: str
    columns: Mapping[str, str]
    unique: frozenset[str] = frozenset()
    is_partitioned: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


@dataclass
class Renamed:
    """Whole texts that were replaced in landing, their hosts, and the keys made of them: other tables hold them too.

    `device_keys`: plain md5 keys of devices, which in other columns may be those of a product.
    """

    salt: str
    texts: dict[str, str] = field(default_factory=dict)
    keys: dict[UUID, UUID] = field(default_factory=dict)
    device_keys: dict[UUID, UUID] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    def in_column(self, name: str) -> dict[UUID, UUID]:
        """The keys that may stand in a column of this name."""
        if name == "noted_key":  # of ops.noted_keys: of devices, users, e-mails, visitors
            return self.keys | self.device_keys
        return self.device_keys if name == "device_key" else self.keys

    def add_text(self, old: str, new: str) -> None:
        """A text and its md5 keys: of itself, and of an event id with dbt's mark before it."""
        self.texts[old] = new
        self.keys[text_key(old)] = text_key(new)
        self.keys[text_key(f"id {old}")] = text_key(f"id {new}")
        for old_host, new_host in zip(hosts_of(old), hosts_of(new), strict=False):
            if old_host != new_host:
                self.hosts[old_host] = self.texts[old_host] = new_host
                self.keys[text_key(old_host)] = text_key(new_host)

    def add_key(self, old: str | None, new: str | None) -> None:
        """The text that an event's key was made of, and is from then on."""
        if old is not None and new is not None and old != new:
            self.keys[text_key(old)] = text_key(new)

    def add_identifiers(self, replacer: Replacer) -> None:
        """The salted key of each identifier, the plain one of devices, and those of the visitors they stand for."""
        for each in replacer.identifiers:
            new_key = self.keys[each.key] = salted_key(self.salt, each.replacement)
            self.texts[f"{SHORTENED}{each.key}"] = f"{SHORTENED}{new_key}"
            if each.kind in ("user", "email"):
                self.add_visitor(each.kind, each.key, new_key)
            if old_key := each.device_key:
                new_key = text_key(each.replacement)
                self.device_keys[old_key] = new_key
                self.texts[f"{SHORTENED}{old_key}"] = f"{SHORTENED}{new_key}"
                self.add_visitor("device", old_key, new_key)

    def add_visitor(self, kind: str, old: UUID, new: UUID) -> None:
        """What dbt's macro visitor_key makes of the key of a user, an e-mail or a device."""
        self.keys[salted_key(self.salt, f"{kind} {old}")] = salted_key(self.salt, f"{kind} {new}")


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
    kinds_by_name = kinds_of(contract)
    kinds = {item.column: kinds_by_name[item.name] for item in contract.fields if item.name in kinds_by_name}
    personal = {item.column for item in contract.fields if item.pii and item.column not in kinds} | {"extra"}
    columns = {item.column: "text" for item in contract.fields} | {"extra": "json", "kafka_key": "bytea"}
    # An event's time is nobody's name, and a number of ten digits.
    times = {item.column for item in contract.fields if item.name == contract.event_time_field}
    if contract.event_time_path:
        times.clear()  # an object, in which other things stand too

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        own = any(
            replacer.exact(kinds[item.column], text) != text
            for item in contract.fields
            if item.column in kinds and (text := text_of(row, item)) is not None
        )
        new: dict[str, Any] = {}
        for name, value in row.items():
            if value is None or name in times:
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
        renamed.add_key(key_of(row, contract), key_of({**row, **new}, contract))
        return new

    conditions: list[sql.Composable] = [
        sql.SQL("landing.address_of({}) = any({})" if kind == "address" else "lower(btrim({})) = any({})").format(
            field_of(item), sql.Literal([value if kind == "address" else value.lower() for value in values])
        )
        for item in contract.fields
        if (kind := kinds.get(item.column)) and (values := list(replacer.by_kind[kind]))
    ]
    if replacer.sure_pattern:
        searched = {name: kind for name, kind in columns.items() if name not in times}
        conditions += [matches(name, kind, replacer.sure_pattern) for name, kind in searched.items()]
    if not conditions:
        return 0
    where = sql.SQL("({})").format(sql.SQL(" or ").join(conditions))
    if loads is not None:
        bounds = sql.SQL(" and load_id > {} and load_id <= {}").format(*map(sql.Literal, loads))
        where += bounds
    return rewrite(connection, Table("landing", contract.stream, columns), where, change)


def sweep_renamed(connection: Connection, contract: Contract, renamed: Renamed) -> int:
    """Replace whole texts of the person's rows, such as the address of their profile, in the rows of others too, and
    hosts of their own.

    What is counted by such a text would else be counted under two.
    """
    columns = {item.column: "text" for item in contract.fields if item.pii and not item.identifies}
    if not renamed.texts or not columns:
        return 0
    texts = sql.Literal(list(renamed.texts))
    conditions = [sql.SQL("{} = any({})").format(sql.Identifier(name), texts) for name in columns]
    hosts = pattern_of_hosts(renamed.hosts)
    if hosts:
        conditions += [sql.SQL("{} ~* {}").format(sql.Identifier(name), sql.Literal(hosts)) for name in columns]
    compiled = re.compile(hosts, re.IGNORECASE) if hosts else None

    def renamed_text(value: str) -> str:
        if value in renamed.texts or compiled is None:
            return renamed.texts.get(value, value)
        return compiled.sub(lambda found: found[1] + renamed.hosts[found[2].lower()], value)

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        new = {name: renamed_text(value) for name, value in row.items() if value is not None}
        for name, value in new.items():
            if value != row[name]:
                renamed.add_text(row[name], value)  # tables of pages and referrers hold it too, and its key
        return new

    return rewrite(connection, Table("landing", contract.stream, columns), sql.SQL(" or ").join(conditions), change)


def hosts_of(url: str) -> list[str]:
    """The host of a URL as models and the enricher may have it: in lower case, without and with a dot at its end."""
    found = AUTHORITY.match(url)
    if found is None:
        return []
    host = PORT.sub("", found[1].rpartition("@")[2]).lower()
    return list(dict.fromkeys([host.rstrip("."), host]))


def pattern_of_hosts(hosts: Iterable[str]) -> str | None:
    """A regular expression for these hosts in a URL, behind its scheme and user; for Postgres too."""
    either = "|".join(re.escape(host) for host in sorted(hosts, key=len, reverse=True))
    return rf"(^\s*[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?)({either})(?=[.:/?#]|$)" if either else None


def sweep_quarantine(
    connection: Connection, contract: Contract, replacer: Replacer, loads: tuple[int, int] | None = None
) -> int:
    """Replace in the bytes of records that could not be landed; own are those that name one in a field for it."""
    kinds = kinds_of(contract)

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        own = row["value"] is not None and replacer.is_own(row["value"], kinds)
        return {
            name: replacer.text(value, own=own)
            if isinstance(value, str)
            else (replacer.broken if name == "value" else replacer.raw)(value, own=own)
            for name, value in row.items()
            if value is not None
        }

    where = sql.SQL("stream = {}").format(sql.Literal(contract.stream))
    if loads is not None:
        where += sql.SQL(" and load_id > {} and load_id <= {}").format(*map(sql.Literal, loads))
    columns = {"value": "bytea", "kafka_key": "bytea", "detail": "text"}
    return rewrite(connection, Table("landing", "quarantine", columns), where, change)


def sweep_table(
    connection: Connection, table: Table, contracts: Mapping[str, Contract], replacer: Replacer, renamed: Renamed
) -> int:
    """Replace in a table of the models, of enrichment, of the ledger: whole texts and keys that changed, and what is
    sure; in the person's own rows also what stands inside the fields that a contract calls personal.

    Two rows that become one, such as two spellings of a page's address, are one from then on.
    """
    keys = {name for name, kind in table.columns.items() if kind == "uuid"}
    kinds = {name: kind for name, kind in kinds_by_column(contracts).items() if table.columns.get(name) in TEXTS[:2]}
    fields = [item for contract in contracts.values() for item in contract.fields]
    personal = {name for item in fields if item.pii for name in names_of(item)}

    def change(row: Mapping[str, Any]) -> dict[str, Any]:
        own = any(replacer.exact(kind, row[name]) != row[name] for name, kind in kinds.items()) or any(
            row[name] in renamed.in_column(name) for name in PERSONS_KEYS & keys
        )
        new: dict[str, Any] = {}
        for name, value in row.items():
            if value is None:
                continue
            if name in keys:
                new[name] = renamed.in_column(name).get(value, value)
            elif isinstance(value, str) and value in renamed.texts:
                new[name] = renamed.texts[value]
            elif name in kinds:
                new[name] = replacer.exact(kinds[name], value)
            elif isinstance(value, bytes):
                new[name] = replacer.raw(value, own=False)
            else:
                searched = replacer.json_text if value[:1] in ("{", "[") else replacer.text
                new[name] = searched(value, own=own and name in personal)
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
        if values := list(renamed.texts) if kind in TEXTS[:2] else []:
            conditions.append(sql.SQL("{} = any({})").format(column, sql.Literal(values)))
        if values := list(replacer.by_kind[kinds[name]]) if name in kinds else []:
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
                    write_or_merge(connection, table, oid, place, new)
                    changed += 1
    return changed


def write_or_merge(connection: Connection, table: Table, oid: int, place: str, new: Mapping[str, Any]) -> None:
    """Set columns of the row at a place; where that would make it equal to another by its key, it goes.

    Of a referrer or a user agent nothing is lost so; a count is made anew from the facts that the change load marks.
    """
    if not table.unique & new.keys():
        write(connection, table, oid, place, new)
        return
    try:
        with connection.transaction():
            if table.is_partitioned and "event_key" in new and has_event(connection, table, new["event_key"]):
                raise psycopg.errors.UniqueViolation
            write(connection, table, oid, place, new)
    except psycopg.errors.UniqueViolation:
        delete = sql.SQL("delete from {} where tableoid = %s and ctid = %s::tid").format(table.identifier)
        connection.execute(delete, (oid, place))


def has_event(connection: Connection, table: Table, key: UUID) -> bool:
    """Whether a fact of this key is in one of the partitions."""
    query = sql.SQL("select 1 from {} where event_key = %s limit 1").format(table.identifier)
    return connection.execute(query, (key,)).fetchone() is not None


def write(connection: Connection, table: Table, oid: int, place: str, new: Mapping[str, Any]) -> None:
    """Set columns of the row at a place."""
    sets = [
        sql.SQL("{} = {}::{}").format(column_name(name), sql.Placeholder(), sql.SQL(table.columns[name]))
        for name in new
    ]
    statement = sql.SQL("update {} set {} where tableoid = %s and ctid = %s::tid").format(
        table.identifier, sql.SQL(", ").join(sets)
    )
    connection.execute(statement, (*new.values(), oid, place))


def tables_of(connection: Connection, owner: str, kept: Iterable[str] = KEPT_TABLES) -> list[Table]:
    """Tables of this owner with columns that may hold something of a person, found in the catalogue.

    Not master data and its history: schemas `reference` and `snapshots`, also of developers. Not tables of these names
    in schemas ops and landing.
    """
    rows = connection.execute(
        """
        select n.nspname, c.relname, array_agg(a.attname::text order by a.attnum),
            array_agg(format_type(a.atttypid, null) order by a.attnum),
            array_agg(a.attname::text) filter (
                where exists (
                    select from pg_index as i where i.indrelid = c.oid and i.indisunique and a.attnum = any(i.indkey)
                )
            ),
            c.relkind = 'p'
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
            and pg_get_userbyid(c.relowner) = %s
            and n.nspname <> 'pg_catalog' and n.nspname !~ '(^|_)(reference|snapshots)$'
            and not (n.nspname in ('ops', 'landing') and c.relname = any(%s))
            and format_type(a.atttypid, null) = any(%s) and a.attname <> 'topic_id'
        group by 1, 2, c.relkind
        order by 1, 2
        """,
        (owner, list(kept), [*TEXTS, "uuid"]),
    )
    return [
        Table(schema, name, dict(zip(names, kinds, strict=True)), frozenset(unique or ()), is_partitioned)
        for schema, name, names, kinds, unique, is_partitioned in rows.fetchall()
    ]


def kinds_by_column(contracts: Mapping[str, Contract]) -> dict[str, str]:
    """Kinds of identifiers by what models call them: as the contracts do, field or column, or by names of their own."""
    found: dict[str, str] = {}
    for contract in contracts.values():
        kinds = kinds_of(contract)
        found |= {name: kinds[item.name] for item in contract.fields if item.name in kinds for name in names_of(item)}
    return found | WAREHOUSE_KINDS


def names_of(item: Field) -> set[str]:
    """What a field is called, in records and in tables."""
    return {item.name, item.column}


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


def field_of(item: Field) -> sql.Composable:
    """A field of an event, which stands in `extra` where the contract learned it later."""
    return sql.SQL("coalesce({}, extra ->> {})").format(sql.Identifier(item.column), sql.Literal(item.name))


def text_of(row: Mapping[str, Any], item: Field) -> str | None:
    """The same of a row."""
    text: str | None = row.get(item.column)
    return unknown_field(row["extra"], item.name) if text is None and row["extra"] else text


def key_of(row: Mapping[str, Any], contract: Contract) -> str | None:
    """What the models make an event's key of; None where the row does not have all of it."""
    fields = {item.name: item for item in contract.fields}

    def landed(name: str) -> str | None:  # as the macro of this name
        text = text_of(row, fields[name])
        return None if text == "(none)" else text

    return event_key_text(contract.key_fields, landed)


def unknown_field(extra: str, name: str) -> str | None:
    """A field that stands in `extra`, which may be as deep as a record may be."""
    with deep_recursion():
        value = json.loads(extra).get(name)
        return value if isinstance(value, str) or value is None else json.dumps(value)
