"""Identifiers replaced in every table that there is, in one go for all who read them.

Each role changes its own tables in a session of its login: a trigger on them, whoever made it, can do no more than it
could before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from database.connect import connect, stay
from erasure.identifiers import Identifier, Replacer, salted_key, text_key
from erasure.sweep import Renamed, Table, sweep_landing, sweep_quarantine, sweep_renamed, sweep_table, tables_of
from landfall.errors import UserError
from landfall.login import TRANSFORMER, WRITER, Login
from landfall.settings import Settings
from landing_stream.contract import Contract

Connection = psycopg.Connection[tuple[Any, ...]]
LOCK_TIMEOUT_MS = 300_000
"""How long to wait for models that are being filled, and for the enricher."""

SESSIONS = """
select n.nspname, c.relname, person.attname
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as session on session.attrelid = c.oid and session.attname = 'session_key'
inner join pg_attribute as person on person.attrelid = c.oid and person.attname in ('device_key', 'user_key')
inner join pg_attribute as begun on begun.attrelid = c.oid and begun.attname = 'started_at'
where
    c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
    and pg_get_userbyid(c.relowner) = current_user
    and session.atttypid = 'uuid'::regtype and person.atttypid = 'uuid'::regtype
    and begun.atttypid = 'timestamptz'::regtype
order by 1, 2, 3
"""


@dataclass(frozen=True)
class Sessions:
    """`guard` keeps readers away; `models` and `landing` change what their roles own, each in one transaction."""

    guard: Connection
    models: Connection
    landing: Connection

    def commit(self, changed: Iterable[str]) -> None:
        """Keep what was done. `changed`: tables whose statistics may name a person.

        The landing last, so that after a failure between the two the same command ends the work: UserError says so.
        """
        self.models.commit()
        try:
            self.landing.commit()
        except psycopg.Error as error:
            raise UserError("The models forgot the person and the landing did not: run the same once more.") from error
        self.guard.commit()
        for connection, owns in ((self.landing, True), (self.models, False)):
            forget_statistics(connection, [table for table in changed if table.startswith("landing.") is owns])


@contextmanager
def sessions(settings: Settings) -> Iterator[Sessions]:
    """Sessions in which nobody reads meanwhile; what is not committed at the end is undone.

    Raises UserError when models and the enricher do not come to an end within the lock timeout.
    """
    with (
        session(settings.as_transformer) as guard,
        session(settings.as_transformer) as models,
        session(settings.as_writer) as landing,
    ):
        try:
            hold_readers(guard)
            yield Sessions(guard, models, landing)
        except psycopg.errors.LockNotAvailable as error:
            raise UserError("A refresh or the enricher is at work and did not end: try again when it has.") from error
        finally:
            roll_back(landing, models)


def session(login: Login) -> Connection:
    """A session that is nobody but this role's login. It waits for the other one as long as that takes."""
    connection = connect(login, application_name="landfall erase")
    stay(connection, LOCK_TIMEOUT_MS)
    return connection


def roll_back(*connections: Connection) -> None:
    """Leave everything as it was; a connection that is gone has done so."""
    for connection in connections:
        with suppress(psycopg.Error):
            connection.rollback()


def hold_readers(guard: Connection) -> None:
    """Models write a row here first of all: those under way end, and others wait for this, as enrichers do."""
    guard.execute("lock table ops.model_progress in exclusive mode")
    guard.execute("select 1 from enrichment.progress order by stream for update")


def read_salt(models: Connection) -> str:
    """The secret that keys are made with."""
    row = models.execute("select salt from ops.pseudonym_salt").fetchone()
    assert row is not None
    return str(row[0])


def replace_everywhere(
    at: Sessions, contracts: Mapping[str, Contract], salt: str, identifiers: Sequence[Identifier]
) -> Counter[str]:
    """Put the replacements of identifiers into all tables, landing first; returns the rows changed, by table."""
    landing, models = at.landing, at.models
    replacer, renamed = Replacer(identifiers), Renamed(salt)
    renamed.add_identifiers(replacer)
    rows: Counter[str] = Counter()
    for contract in contracts.values():
        rows[f"landing.{contract.stream}"] += sweep_landing(landing, contract, replacer, renamed)
        rows["landing.quarantine"] += sweep_quarantine(landing, contract, replacer)
    for contract in contracts.values():
        rows[f"landing.{contract.stream}"] += sweep_renamed(landing, contract, renamed)
    add_sessions(models, renamed)
    for connection, tables in swept_whole(at, contracts):
        for table in tables:
            rows[f"{table.schema}.{table.name}"] += sweep_table(connection, table, contracts, replacer, renamed)
    models.execute(
        "update enrichment.ip_address set ip_address = null where ip_key = any(%s) and ip_address is not null",
        (list(renamed.keys.values()),),
    )
    return +rows


def add_sessions(models: Connection, renamed: Renamed) -> None:
    """The keys of the person's sessions, which models make of the device's or user's key and the time of their begin.

    Models would make them anew, but not those of days whose facts were let go.
    """
    for schema, name, person in models.execute(SESSIONS).fetchall():
        key = sql.Identifier(person)
        made_of = sql.SQL("{} || ' ' || extract(epoch from started_at)").format(key)
        query = sql.SQL(
            "select session_key, {key}, extract(epoch from started_at)::text from {table}"
            " where {key} = any(%s) and session_key = md5({made_of})::uuid"
        ).format(key=key, table=sql.Identifier(schema, name), made_of=made_of)
        new_keys = renamed.in_column(person)
        for session_key, old, begun in models.execute(query, (list(new_keys),)).fetchall():
            renamed.keys[session_key] = text_key(f"{new_keys[old]} {begun}")


def swept_whole(at: Sessions, contracts: Mapping[str, Contract]) -> list[tuple[Connection, list[Table]]]:
    """Tables beside those of the streams and the quarantine, by the session that changes them."""
    return [
        (at.landing, tables_of(at.landing, WRITER, kept=[*contracts, "quarantine"])),
        (at.models, tables_of(at.models, TRANSFORMER)),
    ]


def draw_changes(connection: Connection, salt: str, identifiers: Iterable[Identifier], changed: Iterable[str]) -> None:
    """A change load for each stream of which a table has changed: it names the new keys, whose facts and what is
    counted by them the models look at again. Last: drawing it holds the landing of the stream up.
    """
    keys = [("user", salted_key(salt, each.replacement)) for each in identifiers if each.kind == "user"]
    keys += [("email", salted_key(salt, each.replacement)) for each in identifiers if each.kind == "email"]
    keys += [("device", text_key(each.replacement)) for each in identifiers if each.kind == "device"]
    streams = connection.execute(
        "select distinct source from ops.model_progress where relation = any(%s) order by source", (list(changed),)
    )
    for (stream,) in streams.fetchall() if keys else []:
        drawn = connection.execute("select landing.draw_change(%s)", (stream,)).fetchone()
        assert drawn is not None
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.changes (stream, load_id, kind, key) values (%s, %s, %s, %s) on conflict do nothing",
                [(stream, drawn[0], kind, key) for kind, key in keys],
            )


def forget_statistics(connection: Connection, tables: Iterable[str]) -> None:
    """Let the planner look again at what has changed: its statistics name common values, and so may name the person."""
    connection.autocommit = True
    for table in tables:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*table.split("."))))
