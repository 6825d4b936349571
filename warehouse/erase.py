"""A person becomes unknown: in landing, quarantine, facts, sessions, counts and enrichment, in one transaction."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import Contract, load_contracts
from warehouse.connect import connect
from warehouse.identifiers import KINDS, Identifier, Replacer, normal, salted_key, text_key
from warehouse.person import Person, find_person
from warehouse.roles import TRANSFORMER, WRITER
from warehouse.sweep import Renamed, sweep_landing, sweep_quarantine, sweep_renamed, sweep_table, tables_of

Connection = psycopg.Connection[tuple[Any, ...]]
LOCK_TIMEOUT_MS = 300_000
"""How long to wait for models that are being filled, and for the enricher."""
TOKEN = "erased-{}"


@dataclass(frozen=True)
class Erased:
    """What was done, or would be. `identifiers`: how many of each kind; `rows`: changed rows by table."""

    token: str
    identifiers: Mapping[str, int]
    rows: Mapping[str, int]


def erase(settings: Settings, given: Mapping[str, Iterable[str]], *, dry_run: bool = False) -> Erased | None:
    """Replace a person's identifiers by one random token, with a number behind it where they have several of a kind.

    `given`: identifiers by kind (user, device, email). With them go those that stand in the same records: see
    `find_person`. Returns None when nothing of such a person is there. Safe beside landing and refreshes, which wait;
    facts take the number of a change load, so the next refresh brings what is counted after them.

    Raises UserError when models or the enricher do not come to an end within the lock timeout.
    """
    contracts = load_contracts()
    with connect(settings.admin_dsn, application_name="landfall erase", lock_timeout_ms=LOCK_TIMEOUT_MS) as connection:
        try:
            done = _erase(connection, contracts, given)
        except psycopg.errors.LockNotAvailable as error:
            connection.rollback()
            raise UserError("A refresh or the enricher is at work and did not end: try again when it has.") from error
        if dry_run or done is None:
            connection.rollback()
            return done
        connection.commit()
        forget_statistics(connection, done.rows)
        return done


def _erase(
    connection: Connection, contracts: Mapping[str, Contract], given: Mapping[str, Iterable[str]]
) -> Erased | None:
    act_as(connection, TRANSFORMER)
    # Models write a row here first of all: those under way end, and others wait until this is done.
    connection.execute("lock table ops.model_progress in exclusive mode")
    connection.execute("select 1 from enrichment.progress order by stream for update")
    (salt,) = connection.execute("select salt from ops.pseudonym_salt").fetchone() or ("",)
    person = find_person(connection, contracts, given, salt)
    token, identifiers = name_identifiers(connection, person)
    replacer, renamed = Replacer(identifiers), Renamed(salt)
    renamed.add_identifiers(replacer)
    rows: Counter[str] = Counter()
    act_as(connection, WRITER)
    for contract in contracts.values():
        rows[f"landing.{contract.stream}"] += sweep_landing(connection, contract, replacer, renamed)
        rows["landing.quarantine"] += sweep_quarantine(connection, contract, replacer)
    for contract in contracts.values():
        rows[f"landing.{contract.stream}"] += sweep_renamed(connection, contract, renamed)
    act_as(connection, TRANSFORMER)
    for table in tables_of(connection, TRANSFORMER):
        rows[f"{table.schema}.{table.name}"] += sweep_table(connection, table, replacer, renamed)
    connection.execute(
        "update enrichment.ip_address set ip_address = null where ip_key = any(%s) and ip_address is not null",
        (list(renamed.keys.values()),),
    )
    changed = {name: count for name, count in rows.items() if count}
    if not changed:
        return None
    keep_account(connection, token, identifiers, changed)
    draw_changes(connection, salt, identifiers, changed)
    return Erased(token, dict(Counter(each.kind for each in identifiers)), changed)


def act_as(connection: Connection, role: str) -> None:
    """Be nobody but this role: the login owns the database."""
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))


def name_identifiers(connection: Connection, person: Person) -> tuple[str, list[Identifier]]:
    """The token and what stands for each identifier: as before, where the person was erased once already."""
    rows = connection.execute(
        "select kind, key, token, replacement from ops.erased_identifiers where key = any(%s)",
        ([key for values in person.values.values() for key in values],),
    )
    known = {(kind, key): (token, replacement) for kind, key, token, replacement in rows.fetchall()}
    token = min((token for token, _ in known.values()), default=TOKEN.format(secrets.token_hex(8)))
    rows = connection.execute("select kind from ops.erased_identifiers where token = %s", (token,))
    taken = Counter(kind for (kind,) in rows.fetchall())
    identifiers = []
    for kind in KINDS:
        for key, value in sorted(person.values[kind].items()):
            if before := known.get((kind, key)):
                identifiers.append(Identifier(kind, key, value, before[1]))
                continue
            taken[kind] += 1
            identifiers.append(Identifier(kind, key, value, numbered(token, kind, taken[kind])))
    return token, identifiers


def numbered(token: str, kind: str, number: int) -> str:
    """What stands for the first, second, … identifier of a kind. Addresses are marked: their keys are like a user's."""
    of_kind = f"{token}-address" if kind == "address" else token
    return of_kind if number == 1 else f"{of_kind}-{number}"


def keep_account(
    connection: Connection, token: str, identifiers: Iterable[Identifier], rows: Mapping[str, int]
) -> None:
    """The audit row, and the hashes by which the identifiers are known again when they land once more."""
    counts = Counter(each.kind for each in identifiers)
    connection.execute(
        """
        insert into ops.erasures as e (token, identifiers, changed_rows) values (%s, %s, %s)
        on conflict (token) do update set
            last_erased_at = clock_timestamp(),
            changed_rows = (
                select jsonb_object_agg(key, rows) from (
                    select key, sum(value::bigint) as rows from (
                        select * from jsonb_each_text(e.changed_rows)
                        union all
                        select * from jsonb_each_text(excluded.changed_rows)
                    ) as both_times
                    group by key
                ) as summed
            )
        """,
        (token, Jsonb(dict(counts)), Jsonb(dict(rows))),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.erased_identifiers (kind, key, token, replacement) values (%s, %s, %s, %s)"
            " on conflict do nothing",
            [(each.kind, each.key, token, each.replacement) for each in identifiers],
        )


def draw_changes(connection: Connection, salt: str, identifiers: Iterable[Identifier], changed: Iterable[str]) -> None:
    """A change load for each stream of which a table has changed: it names the new keys, whose facts and what is
    counted by them the models look at again. Last: drawing it holds the landing of the stream up.
    """
    keys = [("user", salted_key(salt, each.replacement)) for each in identifiers if each.kind == "user"]
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


def given_identifiers(users: Iterable[str], devices: Iterable[str], emails: Iterable[str]) -> dict[str, set[str]]:
    """The identifiers of the options, as they are compared. Raises UserError when there is none, or a blank one."""
    given = {"user": set(users), "device": set(devices), "email": set(emails)}
    read = {kind: {known for value in values if (known := normal(kind, value))} for kind, values in given.items()}
    if not any(given.values()):
        raise UserError("Name the person: --user-id, --device-id or --email, each as often as needed.")
    if any(len(read[kind]) != len({normal(kind, v) for v in given[kind]}) for kind in given):
        raise UserError("An identifier is blank: it would stand for everybody without one.")
    return read
