"""A person becomes unknown: in landing, quarantine, facts, sessions, counts and enrichment."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from database.connect import connect, stay
from erasure.identifiers import (
    KINDS,
    Identifier,
    Replacer,
    can_log_in,
    is_email,
    is_placeholder,
    normal,
    salted_key,
    shape_of,
    text_key,
)
from erasure.person import Links, Person, Word, find_person
from erasure.sweep import Renamed, sweep_landing, sweep_quarantine, sweep_renamed, sweep_table, tables_of
from landfall.errors import UserError
from landfall.login import TRANSFORMER, WRITER, Login
from landfall.plain_text import printable
from landfall.settings import Settings
from landing_stream.contract import Contract, load_contracts

Connection = psycopg.Connection[tuple[Any, ...]]
LOCK_TIMEOUT_MS = 300_000
"""How long to wait for models that are being filled, and for the enricher."""
TOKEN = "erased-{}"


MOST_LINKS = 10
"""Identifiers that go along without a word: a person has a few devices and an account or two. Strangers can send events
that name hundreds of accounts beside one address."""
NAMES = {"user": "account(s)", "device": "device(s)", "email": "e-mail(s)", "address": "IP address(es)"}


@dataclass(frozen=True)
class Erased:
    """What was done, or would be. `identifiers`: how many of each kind; `rows`: changed rows by table; `linked`: (kind,
    text) of those that were not given and went along.
    """

    token: str
    identifiers: Mapping[str, int]
    rows: Mapping[str, int]
    linked: tuple[Word, ...] = ()


def erase(
    settings: Settings,
    given: Mapping[str, Iterable[str]],
    *,
    dry_run: bool = False,
    links: Links = "direct",
    most_links: int = MOST_LINKS,
) -> Erased | None:
    """Replace a person's identifiers by one random token, with a number behind it where they have several of a kind.

    `given`: identifiers by kind (user, device, email). With them go those that stand in the same records: see
    `find_person`. Returns None when nothing of such a person is there. Safe beside landing and refreshes, which wait;
    facts take the number of a change load, so the next refresh brings what is counted after them.

    Each role changes its own tables in a session of its login: a trigger on them, whoever made it, can do no more than
    it could before. The landing is changed last, so after a failure between the two the same call ends the work.

    Raises UserError when a user is a placeholder, which is nobody, when more than `most_links` others would go along
    (and changes nothing; a dry run tells them), and when models or the enricher do not come to an end within the lock
    timeout.
    """
    contracts = load_contracts()
    with (
        session(settings.as_transformer) as guard,
        session(settings.as_transformer) as models,
        session(settings.as_writer) as landing,
    ):
        try:
            hold_readers(guard)
            ignored = read_ignored_logins(models)
            refuse_placeholders(given, ignored)
            person = find_person(landing, models, contracts, given, read_salt(models), links, ignored)
            check_links(person, links, most_links, dry_run=dry_run)
            done = _erase(landing, models, contracts, person)
        except psycopg.errors.LockNotAvailable as error:
            roll_back(landing, models)
            raise UserError("A refresh or the enricher is at work and did not end: try again when it has.") from error
        except BaseException:
            roll_back(landing, models)
            raise
        if dry_run or done is None:
            roll_back(landing, models)
            return done
        models.commit()
        try:
            landing.commit()
        except psycopg.Error as error:
            raise UserError("The models forgot the person and the landing did not: run the same once more.") from error
        guard.commit()
        for connection, owns in ((landing, True), (models, False)):
            forget_statistics(connection, [table for table in done.rows if table.startswith("landing.") is owns])
        return done


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


def read_ignored_logins(models: Connection) -> set[str]:
    """What the seed ignored_logins has, and the text that no seed can hold; fewer before it is loaded."""
    row = models.execute("select to_regclass('reference.ignored_logins') is not null").fetchone()
    if row is None or not row[0]:
        return {"null"}
    return {"null", *(login for (login,) in models.execute("select login from reference.ignored_logins").fetchall())}


def refuse_placeholders(given: Mapping[str, Iterable[str]], ignored: Collection[str]) -> None:
    """Raise UserError for a user that is no person: everybody's `0` would become one login."""
    if wrong := sorted(user for user in given.get("user", ()) if is_placeholder(user, ignored)):
        raise UserError(
            f"--user-id {printable(wrong[0])}: that is a placeholder (seed ignored_logins), which is nobody's."
            " Nothing was changed."
        )


def check_links(person: Person, links: Links, most_links: int, *, dry_run: bool) -> None:
    """Raise UserError when more others would go along than are allowed."""
    linked = person.linked()
    if len(linked) <= most_links or dry_run:
        return
    counts = Counter(kind for kind, _ in linked)
    found = ", ".join(f"{counts[kind]} {NAMES[kind]}" for kind in counts)
    flag = " --follow-links" if links == "all" else ""
    raise UserError(
        f"{found} stand beside what was given, which may be other people: look at them with --dry-run{flag}, and leave"
        f" them out with --no-links or let them go along with --max-links {len(linked)}. Nothing was changed."
    )


def _erase(landing: Connection, models: Connection, contracts: Mapping[str, Contract], person: Person) -> Erased | None:
    salt = read_salt(models)
    token, identifiers = name_identifiers(models, person)
    replacer, renamed = Replacer(identifiers), Renamed(salt)
    renamed.add_identifiers(replacer)
    rows: Counter[str] = Counter()
    for contract in contracts.values():
        rows[f"landing.{contract.stream}"] += sweep_landing(landing, contract, replacer, renamed)
        rows["landing.quarantine"] += sweep_quarantine(landing, contract, replacer)
    for contract in contracts.values():
        rows[f"landing.{contract.stream}"] += sweep_renamed(landing, contract, renamed)
    ledger = tables_of(landing, WRITER, kept=[*contracts, "quarantine"])
    for connection, tables in ((landing, ledger), (models, tables_of(models, TRANSFORMER))):
        for table in tables:
            swept = sweep_table(connection, table, contracts, replacer, renamed)
            rows[f"{table.schema}.{table.name}"] += swept
    models.execute(
        "update enrichment.ip_address set ip_address = null where ip_key = any(%s) and ip_address is not null",
        (list(renamed.keys.values()),),
    )
    changed = {name: count for name, count in rows.items() if count}
    if not changed:
        return None
    keep_account(models, salt, token, identifiers, changed)
    draw_changes(models, salt, identifiers, changed)
    return Erased(token, dict(Counter(each.kind for each in identifiers)), changed, tuple(person.linked()))


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
            given = (kind, value) in person.given
            if before := known.get((kind, key)):
                identifiers.append(Identifier(kind, key, value, before[1], given))
                continue
            taken[kind] += 1
            replacement = numbered(token, kind, taken[kind])
            if kind == "email" and value and not can_log_in(value):
                replacement += "-none"
            identifiers.append(Identifier(kind, key, value, replacement, given))
    return token, identifiers


def numbered(token: str, kind: str, number: int) -> str:
    """What stands for the first, second, … identifier of a kind. Addresses are marked: their keys are like a user's.
    So is what stood for an e-mail and can be none: it was nobody's login, and must not become one.
    """
    of_kind = f"{token}-address" if kind == "address" else token
    return of_kind if number == 1 else f"{of_kind}-{number}"


def keep_account(
    connection: Connection, salt: str, token: str, identifiers: Iterable[Identifier], rows: Mapping[str, int]
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
            "insert into ops.erased_identifiers (kind, key, token, replacement, folded_key, shape, is_given)"
            " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            [
                (
                    *(each.kind, each.key, token, each.replacement),
                    salted_key(salt, each.value.lower()) if each.is_sought_in_any_case and each.value else None,
                    shape_of(each.value) if each.is_sought_everywhere and each.kind != "email" else None,
                    each.given,
                )
                for each in identifiers
            ],
        )


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


def given_identifiers(users: Iterable[str], devices: Iterable[str], emails: Iterable[str]) -> dict[str, set[str]]:
    """The identifiers of the options, as they are compared.

    Raises UserError when there is none, a blank one, or an e-mail that is none: `de` stands in half of all texts.
    """
    given = {"user": set(users), "device": set(devices), "email": set(emails)}
    if any("\udc80" <= sign <= "\udcff" for values in given.values() for value in values for sign in value):
        raise UserError("An identifier is no text in UTF-8.")
    read = {kind: {known for value in values if (known := normal(kind, value))} for kind, values in given.items()}
    if not any(given.values()):
        raise UserError("Name the person: --user-id, --device-id or --email, each as often as needed.")
    if any(len(read[kind]) != len({normal(kind, v) for v in given[kind]}) for kind in given):
        raise UserError("An identifier is blank: it would stand for everybody without one.")
    if wrong := sorted(value for value in read["email"] if not is_email(value)):
        raise UserError(f"--email {printable(wrong[0])}: that is no e-mail address, as ada@example.com.")
    return read
