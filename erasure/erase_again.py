"""Records of an erased person that land once more: they become unknown before any model reads them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from database.connect import connect
from erasure.encodings import open_record
from erasure.identifiers import (
    Identifier,
    Replacer,
    emails_in_words,
    identifiers_in,
    pattern_of_shapes,
    salted_key,
    words_of_shape,
)
from erasure.person import compared
from erasure.sweep import Renamed, Table, field_of, kinds_of, sweep_landing, sweep_quarantine, sweep_table
from landfall.settings import Settings
from landing_stream.contract import Contract

Connection = psycopg.Connection[tuple[Any, ...]]
Word = tuple[str, str]
# What stands in every spelling of an e-mail's "@".
MAYBE_EMAIL = "@|%40|%2540|u0040"
ROWS_AT_ONCE = 100


def erase_again(reader: Connection, settings: Settings, contract: Contract, after: int, upto: int) -> int:
    """Replace identifiers of erased people in the loads (after, upto] of a stream; returns how many rows changed.

    For the enricher, which models wait for. `reader`: role transformer, in the transaction that tells the models how
    far they may read. A probe of 0.1 ms where nobody was ever erased.
    """
    if not reader.execute("select 1 from ops.erased_identifiers limit 1").fetchone():
        return 0
    (salt,) = reader.execute("select salt from ops.pseudonym_salt").fetchone() or ("",)
    found = known_again(reader, salt, words_of(reader, contract, after, upto))
    if not found:
        return 0
    rows: Counter[str] = Counter()
    with connect(settings.as_writer, application_name="landfall enricher") as landing:
        loads, replacer = (after, upto), Replacer(found)
        rows[f"landing.{contract.stream}"] = sweep_landing(landing, contract, replacer, Renamed(salt), loads)
        rows["landing.quarantine"] = sweep_quarantine(landing, contract, replacer, loads)
        files = Table("landing", "files", {"name": "text"})
        rows["landing.files"] = sweep_table(landing, files, {contract.stream: contract}, replacer, Renamed(salt))
    if rows.total():
        reader.execute(
            "update ops.erasures set last_erased_at = clock_timestamp() where token in"
            " (select token from ops.erased_identifiers where replacement = any(%s))",
            (sorted({each.replacement for each in found}),),
        )
    return rows.total()


def known_again(reader: Connection, salt: str, words: Iterable[Word]) -> list[Identifier]:
    """Those of the words that are identifiers of erased people; kind `text` is any. Long ones are known in any case."""
    keys: dict[tuple[str, UUID], str] = {}
    folded: dict[UUID, set[str]] = {}
    for kind, text in words:
        if kind != "text":
            keys[kind, salted_key(salt, text)] = text
        folded.setdefault(salted_key(salt, text.lower()), set()).add(text)
    rows = reader.execute(
        """
        select e.kind, e.key, e.folded_key, e.replacement, e.is_given from ops.erased_identifiers as e
        where e.folded_key = any(%s)
            or (e.kind, e.key) in (select w.kind, w.key from unnest(%s::text[], %s::uuid[]) as w (kind, key))
        """,
        ([*folded], [kind for kind, _ in keys], [key for _, key in keys]),
    ).fetchall()
    found: dict[tuple[str, str], tuple[bool, Identifier]] = {}
    for kind, key, folded_key, replacement, is_given in sorted(rows, key=lambda row: str(row[3])):
        for text in {*folded.get(folded_key, ()), *filter(None, [keys.get((kind, key))])}:
            own_key = salted_key(salt, text)
            # who was erased in two spellings has two tokens: a word gets that of its own one
            is_exact = own_key == key
            if (kind, text) not in found or (is_exact and not found[kind, text][0]):
                found[kind, text] = is_exact, Identifier(kind, own_key, text, replacement, is_given)
    return [identifier for _, identifier in found.values()]


def words_of(reader: Connection, contract: Contract, after: int, upto: int) -> Iterator[Word]:
    """(kind, text) of what may be an identifier in some loads: fields that hold one; e-mails, and words built like one
    that was erased, in all texts (kind `text`); the same in records that could not be landed, and in names of files.
    """
    loads = sql.SQL("load_id > {} and load_id <= {}").format(sql.Literal(after), sql.Literal(upto))
    kinds = kinds_of(contract)
    shapes = Shapes.of(reader)
    values = [(kind, field_of(item)) for item in contract.fields if (kind := kinds.get(item.name))]
    texts: list[sql.Composable] = [sql.Identifier(item.column) for item in contract.fields if item.name not in kinds]
    values += [("text", text) for text in (*texts, sql.SQL("extra::text"), sql.SQL("encode(kafka_key, 'escape')"))]
    yield from words_in_columns(reader, sql.Identifier("landing", contract.stream), values, shapes, loads)
    query = sql.SQL("select value from landing.quarantine where stream = {} and value is not null and {}").format(
        sql.Literal(contract.stream), loads
    )
    for (record,) in in_parts(reader, query):
        yield from identifiers_in(record, kinds)
        yield from shapes.words_in(open_record(record).text)
    query = sql.SQL(
        "select f.name from landing.files as f where f.stream = {} and exists (select from landing.slices as s"
        " where s.stream = f.stream and s.topic_id = f.topic_id and {})"
    ).format(sql.Literal(contract.stream), loads)
    for (name,) in in_parts(reader, query):
        yield from shapes.words_in(name)


@dataclass(frozen=True)
class Shapes:
    """What is looked for in texts: e-mails, and words built like an identifier that was erased. `pattern`: of these."""

    pattern: str | None

    @classmethod
    def of(cls, reader: Connection) -> Shapes:
        """Those of the erased identifiers."""
        shapes = reader.execute("select distinct shape from ops.erased_identifiers where shape is not null").fetchall()
        return cls(pattern_of_shapes(shape for (shape,) in shapes) if shapes else None)

    @cached_property
    def compiled(self) -> re.Pattern[str] | None:
        return re.compile(self.pattern) if self.pattern else None

    @property
    def sought(self) -> sql.Composable:
        """What a text matches (by Postgres' `~`) that may hold one."""
        return sql.Literal("|".join(filter(None, [MAYBE_EMAIL, self.pattern])))

    def words_in(self, text: str) -> Iterator[Word]:
        """Those of a text."""
        yield from (("email", email) for email in emails_in_words(text))
        if self.compiled is not None:
            yield from (("text", word) for word in words_of_shape(text, self.compiled))


def words_in_columns(
    reader: Connection,
    table: sql.Composable,
    values: Iterable[tuple[str, sql.Composable]],
    shapes: Shapes,
    where: sql.Composable,
) -> Iterator[Word]:
    """(kind, text) of what may be an identifier in a table. `values`: what to look at, each with its kind; of kind
    `text` it is searched, of another one it is an identifier as a whole.
    """
    asked = [
        sql.SQL("('text', case when {0} ~ {1} then {0} end)").format(value, shapes.sought)
        if kind == "text"
        else sql.SQL("({}, {})").format(sql.Literal(kind), compared(kind, value))
        for kind, value in values
    ]
    query = sql.SQL(
        "select distinct v.kind, v.value from {} cross join lateral (values {}) as v (kind, value)"
        " where v.value is not null and {}"
    ).format(table, sql.SQL(", ").join(asked), where)
    for kind, value in in_parts(reader, query):
        yield from (shapes.words_in(value) if kind == "text" else [(kind, value)])


def in_parts(reader: Connection, query: sql.Composed) -> Iterator[tuple[Any, ...]]:
    """Rows of a query, some at a time: strangers send records of 10 MB."""
    with reader.cursor("words_of_loads") as rows:
        rows.itersize = ROWS_AT_ONCE
        yield from rows.execute(query)
