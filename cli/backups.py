"""The database into a file, and from it into a new database that goes on from there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from cli.prepare import prepare
from database.client_programs import client_program
from database.connect import address, connect
from database.dumps import contents, dump, load, size_of
from database.migrate import accounts
from database.roles import OWNERS, check_server, ensure_roles
from erasure.erase_restored import erase_restored
from erasure.journal import Journal
from landfall.errors import UserError
from landfall.login import Login
from landfall.settings import Settings
from landfall.wording import listed
from local_stack.postgres import package_folder

Connection = psycopg.Connection[tuple[Any, ...]]

# Tables and views of a schema that no extension made.
RELATIONS = """
select distinct n.nspname from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (
    select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
)
order by 1
"""
OTHERS = """
select distinct coalesce(nullif(application_name, ''), usename) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
order by 1
"""


@dataclass(frozen=True)
class Restored:
    """`landed_until`: when the newest slice of the ledger was committed; None where nothing has landed. `erased`: rows
    by table in which somebody was erased once more.
    """

    landed_until: dt.datetime | None
    erased: Mapping[str, int]


def back_up(settings: Settings, target: Path, jobs: int = 1) -> int:
    """Dump the database to a new file, or with several jobs to a folder; returns its bytes.

    Landing and refreshes go on meanwhile. Raises UserError where there is no database of Landfall, the target cannot
    be written, or no pg_dump fits the server.
    """
    login = settings.as_admin
    with connect(login, autocommit=True, application_name="landfall backup") as admin:
        if not is_ours(admin):
            raise UserError(f"{address(login)} is no database of Landfall: see LANDFALL_ADMIN_DSN.")
        refuse_pooler(admin, login)
        program = client_program("pg_dump", admin.info.server_version, carried_programs())
    dump(login, target, program, jobs)
    return size_of(target)


def restore(settings: Settings, source: Path, journal: Journal | None, jobs: int = 1) -> Restored:
    """Bring a backup into the database of the admin's DSN and that to this release, and erase again who was erased.

    The database is empty, or as `landfall up` and `landfall migrate` make it: nothing has landed in it. Raises
    UserError where it is not, where others are in it, and with what pg_restore says; by one job it is left empty then.
    """
    if not source.exists():
        raise UserError(f"{source} is not there.")
    login = settings.as_admin
    with connect(login, autocommit=True, application_name="landfall restore") as admin:
        check_server(admin)
        refuse_pooler(admin, login)
        program = client_program("pg_restore", admin.info.server_version, carried_programs())
        refuse_others(admin, login)
        refuse_what_is_there(admin, login)
        wanted = contents(login, source, program)
        if not any(" TABLE ops migrations " in line for line in wanted):
            raise UserError(f"{source} is no backup of a database of Landfall. Nothing was changed.")
        ensure_roles(admin, accounts(settings))
        schemas = sql.SQL(", ").join(map(sql.Identifier, OWNERS))
        admin.execute(sql.SQL("drop schema if exists {} cascade").format(schemas))
        load(login, source, program, wanted, jobs)
        # Neither are statistics in a dump, without which the first refresh plans for empty tables.
        admin.execute("analyze")
    prepare(settings, topics=False, models=True)
    erased = {} if journal is None else erase_restored(settings, journal)
    with connect(login, autocommit=True, application_name="landfall restore") as admin:
        row = admin.execute("select max(committed_at) from landing.slices").fetchone()
    return Restored(row[0] if row else None, erased)


def carried_programs() -> Sequence[Path]:
    """Folders of the programs that come with Landfall, of two releases of Postgres."""
    return [package_folder() / name / "bin" for name in ("pginstall", "pginstall18")]


def is_ours(admin: Connection) -> bool:
    """Whether `landfall migrate` has been here."""
    return admin.execute("select to_regclass('ops.migrations') is not null").fetchone() == (True,)


def refuse_pooler(admin: Connection, login: Login) -> None:
    """Raise UserError where another process answers than the one that was connected to: what pg_dump sets for its
    session, such as an empty search path, would stay with whoever gets that process next.
    """
    if admin.execute("select pg_backend_pid()").fetchone() != (admin.info.backend_pid,):
        raise UserError(
            f"{address(login)} is a pooler, which Postgres' own programs must not go through: let LANDFALL_ADMIN_DSN"
            " lead to Postgres itself. Nothing was changed."
        )


def refuse_others(admin: Connection, login: Login) -> None:
    """Raise UserError where anybody else is connected: what lands now would be dropped."""
    if others := [name for (name,) in admin.execute(OTHERS).fetchall()]:
        raise UserError(f"Others are in {address(login)} ({listed(others)}): stop them first. Nothing was changed.")


def refuse_what_is_there(admin: Connection, login: Login) -> None:
    """Raise UserError for a database with anything in it but what a fresh one of ours has."""
    found = [schema for (schema,) in admin.execute(RELATIONS).fetchall()]
    others = [schema for schema in found if schema not in OWNERS]
    if not others and (not found or (is_ours(admin) and is_unused(admin))):
        return
    raise UserError(
        f"{address(login)} is not empty (schema {listed(others or found)}): a backup goes into a new database. Make one"
        " and let the DSNs lead to it. Nothing was changed."
    )


def is_unused(admin: Connection) -> bool:
    """Whether nothing has landed here, and nobody was erased."""
    if admin.execute("select to_regclass('landing.streams'), to_regclass('ops.erasures')").fetchone() == (None, None):
        return False
    query = (
        "select exists (select from landing.streams where last_load_id > 0) or exists (select from landing.offsets)"
        " or exists (select from ops.erasures)"
    )
    return admin.execute(query).fetchone() == (False,)
