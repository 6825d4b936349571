"""Schemas, roles and numbered migrations: one way for the local stack and for servers of one's own.

A migration is a file `NNNN_name.sql`. It runs once, whole or not at all, in the order of numbers, and is never edited.
It runs as the admin; `set local role landing_writer;` in it gives what it makes to another owner.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from database.advisory_locks import advisory_lock
from database.connect import connect
from database.lock_keys import MIGRATE
from database.roles import (
    Account,
    Connection,
    check_server,
    ensure_roles,
    ensure_schemas,
    ensure_session_defaults,
)
from landfall.errors import UserError
from landfall.login import TRANSFORMER
from landfall.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_MS = 120_000
"""How long one migration waits for another, or for readers of a table that it changes."""


@dataclass(frozen=True)
class Migration:
    """One file. Line ends do not count: git may change them."""

    number: int
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8").replace("\r\n", "\n")

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(settings: Settings, migrations: Path = MIGRATIONS) -> list[str]:
    """Bring the database of `settings` to this release: roles, schemas, and the migrations it lacks.

    Returns the names of the migrations applied now. Two at once follow one another.
    Raises UserError for an edited or unknown migration, or when the admin login lacks a right.
    """
    files = read_migrations(migrations)
    name = "landfall migrate"
    with (
        # Roles and schemas go first, then each migration has a transaction of its own.
        advisory_lock(settings.as_admin, MIGRATE, f"{name}: turn", lock_timeout_ms=LOCK_TIMEOUT_MS),
        connect(settings.as_admin, autocommit=True, application_name=name, lock_timeout_ms=LOCK_TIMEOUT_MS) as admin,
    ):
        check_server(admin)
        known = accounts(settings)
        ensure_roles(admin, known)
        ensure_session_defaults(admin, known)
        ensure_schemas(admin)
        admin.execute(
            "create table if not exists ops.migrations (number integer primary key, name text not null,"
            " checksum text not null, applied_at timestamptz not null default clock_timestamp())"
        )
        admin.execute(sql.SQL("grant select on ops.migrations to {}").format(sql.Identifier(TRANSFORMER)))
        rows = admin.execute("select name, checksum from ops.migrations order by number").fetchall()
        waiting = pending(files, dict(rows))
        for migration in waiting:
            apply(admin, migration)
        return [migration.name for migration in waiting]


def accounts(settings: Settings) -> list[Account]:
    """The users of the logins that act as a role; bi_reader's only where it has one."""
    logins = dict.fromkeys((settings.as_writer, settings.as_transformer, settings.as_reader))
    return [Account.of(login) for login in logins]


def read_migrations(folder: Path) -> list[Migration]:
    """The folder's migrations by number. Raises UserError for a wrong name or a number that comes twice."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_[a-z0-9_]+", path.stem)
        if match is None:
            raise UserError(f"{path}: a migration is named like 0007_what_it_does.sql.")
        migration = Migration(int(match[1]), path)
        if other := found.get(migration.number):
            raise UserError(f"{path} has the number of {other.path.name}: give the newer one the next number.")
        found[migration.number] = migration
    return [found[number] for number in sorted(found)]


def pending(files: list[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """The migrations that are not applied yet, in order. `applied`: checksum by name.

    Raises UserError when an applied one was edited, or is unknown to this release.
    """
    known = {migration.name: migration for migration in files}
    for name, checksum in applied.items():
        if name not in known:
            raise UserError(
                f"The database has migration {name}, which this release does not know: use a newer Landfall."
            )
        if known[name].checksum != checksum:
            raise UserError(
                f"{known[name].path} was edited after it was applied: restore it, and write a new migration instead."
            )
    return [migration for migration in files if migration.name not in applied]


def apply(admin: Connection, migration: Migration) -> None:
    """Run one migration and note it, in one transaction. Raises UserError with Postgres' words when it fails."""
    try:
        with admin.transaction():
            admin.execute(migration.text.encode())
            admin.execute("reset role")
            admin.execute(
                "insert into ops.migrations (number, name, checksum) values (%s, %s, %s)",
                (migration.number, migration.name, migration.checksum),
            )
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise UserError(f"{migration.path} failed, nothing of it was kept: {said}") from error
