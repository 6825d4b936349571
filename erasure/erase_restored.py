"""People who were erased since a backup was made become unknown in what it brought back, by the journal of erasures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from erasure.erase_again import Shapes, Word, in_parts, known_again, words_in_columns, words_of
from erasure.everywhere import Sessions, draw_changes, read_salt, replace_everywhere, sessions, swept_whole
from erasure.identifiers import Identifier, salted_key
from erasure.journal import Entry, Journal, name_of
from erasure.sweep import IS_SHORTENED, SHORTENED, Table, kinds_by_column
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import Contract, load_contracts

Connection = psycopg.Connection[tuple[Any, ...]]
EVERY_LOAD = (0, 2**63 - 1)
WORDS_AT_ONCE = 10_000
IDENTIFIERS_AT_ONCE = 100
"""Postgres takes no pattern of thousands of alternatives; each of these groups is one look at every table."""


def erase_restored(settings: Settings, journal: Journal) -> Mapping[str, int]:
    """Make everybody unknown whom the journal or the database itself knows as erased; returns rows changed, by table.

    For a restored backup, before anything lands or reads it; safe at any time, and to repeat. With them comes the
    account, so that what lands again of theirs is known too. Tokens are those of the first time.

    Raises UserError where the journal cannot be read, or is of another database, and as `erase` does for locks.
    """
    entries = journal.read()
    contracts = load_contracts()
    with sessions(settings) as at:
        salt = read_salt(at.models)
        own = [entry for entry in entries if entry.salt == name_of(salt)]
        if entries and not own:
            raise UserError(
                f"The journal of erasures {journal.path} is of another database: its hashes are made with another salt"
                " than ops.pseudonym_salt has, so that nobody can be found by them. Nothing was changed: give the"
                " journal that was written beside the database of this backup."
            )
        bring_account(at.models, own)
        rows: Counter[str] = Counter()
        changed: list[Identifier] = []
        for group in groups(at.models, those_there(at, contracts, salt)):
            if found := replace_everywhere(at, contracts, salt, group):
                rows += found
                changed += group
        draw_changes(at.models, salt, changed, rows)
        at.commit(rows)
        return rows


def bring_account(models: Connection, entries: Sequence[Entry]) -> None:
    """Let the database know what the journal does; what it knows itself stays."""
    counts: dict[str, Counter[str]] = {}
    for entry in entries:
        counts.setdefault(entry.token, Counter())[entry.kind] += 1
    times = {entry.token: entry.erased_at for entry in entries}
    with models.cursor() as cursor:
        cursor.executemany(
            "insert into ops.erasures (token, erased_at, identifiers, changed_rows) values (%s, %s, %s, '{}')"
            " on conflict do nothing",
            [(token, times[token], Jsonb(dict(count))) for token, count in counts.items()],
        )
        cursor.executemany(
            "insert into ops.erased_identifiers"
            " (kind, key, token, replacement, folded_key, shape, device_hash, is_given)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            [
                (e.kind, e.key, e.token, e.replacement, e.folded_key, e.shape, e.device_hash, e.is_given)
                for e in entries
            ],
        )


def those_there(at: Sessions, contracts: Mapping[str, Contract], salt: str) -> list[Identifier]:
    """Identifiers of everybody who was erased: with their text where one stands anywhere, else by their key alone."""
    rows = at.models.execute(
        "select kind, key, replacement, is_given, device_hash from ops.erased_identifiers"
    ).fetchall()
    if not rows:
        return []
    found: dict[Word, Identifier] = {}
    words = words_everywhere(at, contracts)
    while some := set(islice(words, WORDS_AT_ONCE)):
        for each in known_again(at.models, salt, some):
            found.setdefault((each.kind, each.value), each)
    with_text = {(each.kind, each.key) for each in found.values()}
    devices = {salted_key(salt, str(key)): key for key in device_keys(at.models, contracts)}
    by_key = [
        Identifier(kind, key, "", replacement, is_given, devices.get(device_hash))
        for kind, key, replacement, is_given, device_hash in rows
        if (kind, key) not in with_text
    ]
    return [*found.values(), *by_key]


def words_everywhere(at: Sessions, contracts: Mapping[str, Contract]) -> Iterator[Word]:
    """(kind, text) of what may be an identifier: in the landing and the quarantine, then in all other tables."""
    for contract in contracts.values():
        yield from words_of(at.models, contract, *EVERY_LOAD)
    shapes = Shapes.of(at.models)
    kinds = kinds_by_column(contracts)
    for connection, tables in swept_whole(at, contracts):
        for table in tables:
            if values := list(texts_of(table, kinds)):
                yield from words_in_columns(connection, table.identifier, values, shapes, sql.SQL("true"))


def texts_of(table: Table, kinds: Mapping[str, str]) -> Iterator[tuple[str, sql.Composable]]:
    """Kind and text of each column of a table that may hold an identifier."""
    for name, kind in table.columns.items():
        column = sql.Identifier(name)
        if kind == "bytea":
            yield "text", sql.SQL("encode({}, 'escape')").format(column)
        elif kind in ("json", "jsonb"):
            yield "text", sql.SQL("{}::text").format(column)
        elif kind != "uuid":
            yield kinds.get(name, "text"), column


def device_keys(models: Connection, contracts: Mapping[str, Contract]) -> Iterator[UUID]:
    """Keys of devices in tables of the models, also where `landfall retention` has left them in place of the id."""
    kinds = kinds_by_column(contracts)
    rows = models.execute(
        """
        select n.nspname, c.relname, a.attname::text, a.atttypid = 'uuid'::regtype from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join ops.model_progress as p on p.relation = n.nspname || '.' || c.relname
        where a.attname = 'device_key' and a.atttypid = 'uuid'::regtype
            or a.attname = any(%s) and a.atttypid = 'text'::regtype
        group by 1, 2, 3, 4
        """,
        ([name for name, kind in kinds.items() if kind == "device"],),
    ).fetchall()
    for schema, table, name, is_key in rows:
        column, place = sql.Identifier(name), sql.Identifier(schema, table)
        if is_key:
            query = sql.SQL("select distinct {0} from {1} where {0} is not null").format(column, place)
        else:
            query = sql.SQL("select distinct substr({0}, {2})::uuid from {1} where {0} ~ {3}").format(
                column, place, sql.Literal(len(SHORTENED) + 1), sql.Literal(IS_SHORTENED)
            )
        yield from (key for (key,) in in_parts(models, query))


def groups(models: Connection, identifiers: Iterable[Identifier]) -> Iterator[list[Identifier]]:
    """The identifiers, each person's together: first those of whom no text stands anywhere, then some at a time."""
    token_of: dict[str, str] = dict(models.execute("select replacement, token from ops.erased_identifiers").fetchall())
    people: dict[str, list[Identifier]] = {}
    for each in identifiers:
        people.setdefault(token_of[each.replacement], []).append(each)
    unseen = [own for own in people.values() if not any(each.value for each in own)]
    group = list(chain.from_iterable(unseen))
    if group:
        yield group
    group = []
    for own in people.values():
        if any(each.value for each in own):
            group += own
        if len(group) >= IDENTIFIERS_AT_ONCE:
            yield group
            group = []
    if group:
        yield group
