"""Records of an erased person that land once more: they become unknown before any model reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from landfall.settings import Settings
from landing_stream.contract import Contract
from warehouse.connect import connect
from warehouse.identifiers import Identifier, Replacer, emails_in_words, identifiers_in, salted_key
from warehouse.person import compared
from warehouse.roles import WRITER
from warehouse.sweep import Renamed, field_of, kinds_of, sweep_landing, sweep_quarantine

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
    words = {(kind, salted_key(salt, text)): text for kind, text in words_of(reader, contract, after, upto)}
    found = reader.execute(
        """
        select e.kind, e.key, e.token, e.replacement from ops.erased_identifiers as e
        inner join unnest(%s::text[], %s::uuid[]) as w (kind, key) on w.kind = e.kind and w.key = e.key
        """,
        ([kind for kind, _ in words], [key for _, key in words]),
    ).fetchall()
    if not found:
        return 0
    identifiers = [Identifier(kind, key, words[kind, key], replacement) for kind, key, _, replacement in found]
    rows: Counter[str] = Counter()
    with connect(settings.landing_dsn, role=WRITER, application_name="landfall enricher") as landing:
        loads, replacer = (after, upto), Replacer(identifiers)
        rows[f"landing.{contract.stream}"] = sweep_landing(landing, contract, replacer, Renamed(salt), loads)
        rows["landing.quarantine"] = sweep_quarantine(landing, contract, replacer, loads)
    for token in {token for _, _, token, _ in found} if rows.total() else ():
        reader.execute("update ops.erasures set last_erased_at = clock_timestamp() where token = %s", (token,))
    return rows.total()


def words_of(reader: Connection, contract: Contract, after: int, upto: int) -> Iterator[Word]:
    """(kind, text) of what may be an identifier in some loads: fields that hold one, and e-mails in all texts; the same
    in records that could not be landed.
    """
    loads = sql.SQL("load_id > {} and load_id <= {}").format(sql.Literal(after), sql.Literal(upto))
    kinds = kinds_of(contract)
    values = [
        sql.SQL("({}, {})").format(sql.Literal(kind), compared(kind, field_of(name))) for name, kind in kinds.items()
    ]
    texts = [sql.Identifier(item.name) for item in contract.fields if item.name not in kinds]
    for text in (*texts, sql.SQL("extra::text")):
        values.append(sql.SQL("('text', case when {0} ~ {1} then {0} end)").format(text, sql.Literal(MAYBE_EMAIL)))
    query = sql.SQL(
        "select distinct v.kind, v.value from landing.{} cross join lateral (values {}) as v (kind, value)"
        " where v.value is not null and {}"
    ).format(sql.Identifier(contract.stream), sql.SQL(", ").join(values), loads)
    for kind, value in in_parts(reader, query):
        yield from ((("email", email) for email in emails_in_words(value)) if kind == "text" else [(kind, value)])
    query = sql.SQL("select value from landing.quarantine where stream = {} and value is not null and {}").format(
        sql.Literal(contract.stream), loads
    )
    for (record,) in in_parts(reader, query):
        yield from identifiers_in(record, kinds)
        yield from (("email", email) for email in emails_in_words(record.decode("utf-8", "replace")))


def in_parts(reader: Connection, query: sql.Composed) -> Iterator[tuple[Any, ...]]:
    """Rows of a query, some at a time: strangers send records of 10 MB."""
    with reader.cursor("words_of_loads") as rows:
        rows.itersize = ROWS_AT_ONCE
        yield from rows.execute(query)
