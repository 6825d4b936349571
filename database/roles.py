"""Who may do what: three roles, the schemas they own, and what each may read. Safe to run again and again."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from database.session_settings import session_settings, set_statement
from landfall.errors import UserError
from landfall.login import READER, TRANSFORMER, WRITER, Login

ROLES = (WRITER, TRANSFORMER, READER)
OWNERS = {
    "landing": WRITER,
    "reference": TRANSFORMER,
    "enrichment": TRANSFORMER,
    "staging": TRANSFORMER,
    "intermediate": TRANSFORMER,
    "marts": TRANSFORMER,
    "snapshots": TRANSFORMER,
    "ops": TRANSFORMER,
}
READERS = {"landing": TRANSFORMER, "marts": READER}
"""Who may read a schema beside its owner: all of its tables and views, also those made later."""
LEAST_VERSION = 160_000
READER_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "1min",
}
"""Defaults of logins that read marts: what a dashboard leaves open holds up a release that changes its views, and
vacuum. A session can set them otherwise, as it can in any Postgres."""

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Account:
    """The user of a login; on servers of one's own it may be named otherwise than the role it acts as."""

    role: str
    user: str
    password: str | None

    @classmethod
    def of(cls, login: Login) -> "Account":
        """Raises UserError for a DSN without a user."""
        parts = conninfo_to_dict(login.dsn)
        if not parts.get("user") or login.role is None:
            raise UserError(
                f"The DSN of role {login.role} names no user: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
            )
        return cls(login.role, str(parts["user"]), None if parts.get("password") is None else str(parts["password"]))


def check_server(admin: Connection) -> None:
    """Raise UserError unless the server is new enough and this login owns the database."""
    if admin.info.server_version < LEAST_VERSION:
        raise UserError(f"Postgres {admin.info.server_version // 10_000} is too old: Landfall needs 16 or newer.")
    row = admin.execute(
        "select pg_has_role(current_user, datdba, 'usage'), current_user, datname from pg_database"
        " where datname = current_database()"
    ).fetchone()
    assert row is not None
    owns, user, database = row
    if not owns:
        raise UserError(
            f"LANDFALL_ADMIN_DSN: {user} does not own database {database}; as its owner or a superuser run "
            f'`alter database "{database}" owner to "{user}"`.'
        )


def ensure_roles(admin: Connection, accounts: list[Account]) -> None:
    """Make the three roles and the logins that are missing, and let each login act as its role.

    Raises UserError when this login may not do so.
    """
    user = admin.info.user
    try:
        for role in ROLES:
            named_so = next((account for account in accounts if account.user == role), None)
            ensure_role(admin, role, named_so)
            grant_role(admin, role, user)
        for account in accounts:
            if account.user not in (account.role, user):
                ensure_role(admin, account.user, account)
                grant_role(admin, account.role, account.user)
        for reader in {READER, *(account.user for account in accounts if account.role == READER)} - {user}:
            set_defaults(admin, reader)
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"LANDFALL_ADMIN_DSN: {user} may not set up roles ({error.diag.message_primary}). As a superuser run "
            f'`alter role "{user}" createrole`, and for each role of {", ".join(ROLES)} that is there already '
            f'`grant ROLE to "{user}" with admin option`.'
        ) from error


def ensure_role(admin: Connection, name: str, account: Account | None) -> None:
    """Make the role if it is missing: with a login, able to log in with that password, sent as a verifier only."""
    if admin.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
        return
    statement = sql.SQL("create role {}").format(sql.Identifier(name))
    if account is not None:
        statement += sql.SQL(" login")
        if account.password is not None:
            verifier = admin.pgconn.encrypt_password(account.password.encode(), name.encode(), b"scram-sha-256")
            statement += sql.SQL(" password {}").format(sql.Literal(verifier.decode()))
    admin.execute(statement)


def set_defaults(admin: Connection, reader: str) -> None:
    """Give a login that reads marts its defaults; one of the server's own administrator may be out of reach."""
    try:
        for name, value in READER_SETTINGS.items():
            statement = sql.SQL("alter role {} set {} = {}")
            admin.execute(statement.format(sql.Identifier(reader), sql.Identifier(name), sql.Literal(value)))
    except errors.InsufficientPrivilege:
        if reader == READER:
            raise
        logger.warning("role %s keeps its own settings: see READER_SETTINGS in database/roles.py", reader)


def grant_role(admin: Connection, role: str, member: str) -> None:
    """Let `member` act as `role`, unless it may already."""
    able = "select pg_has_role(%(member)s, %(role)s, 'usage') and pg_has_role(%(member)s, %(role)s, 'set')"
    row = admin.execute(able, {"member": member, "role": role}).fetchone()
    if row == (True,):
        return
    grant = sql.SQL("grant {} to {} with inherit true, set true")
    admin.execute(grant.format(sql.Identifier(role), sql.Identifier(member)))


def ensure_session_defaults(admin: Connection, accounts: list[Account]) -> None:
    """Make what our code relies on the default of the logins that write, in this database alone.

    dbt and a psql typed by hand set nothing themselves, and behind a pooler what a session sets may not stay; a login's
    own default in a database outweighs the server's, the database's and the login's elsewhere.
    """
    settings = session_settings(admin.info.server_version)
    for user in sorted({account.user for account in accounts if account.role != READER}):
        set_role(admin, user, accounts)
        known = session_defaults(admin, user)
        wrong = [name for name, value in settings.items() if known.get(name) != value]
        if not wrong:
            continue
        statement = sql.SQL("alter role {} in database {} set {} from current")
        # A login that was there before us may not be ours to change: our own sessions set all of it themselves.
        with suppress(errors.InsufficientPrivilege), admin.transaction():
            admin.execute(set_statement(settings, local=True))
            for name in wrong:
                names = (sql.Identifier(user), sql.Identifier(admin.info.dbname), sql.Identifier(name))
                admin.execute(statement.format(*names))


def set_role(admin: Connection, user: str, accounts: list[Account]) -> None:
    """Let a login of another name begin as its role: behind a pooler, `set role` of a session goes with a process."""
    roles = {account.role for account in accounts if account.user == user}
    if len(roles) != 1 or user in (*roles, admin.info.user):
        return
    (role,) = roles
    if session_defaults(admin, user).get("role") != role:
        names = (sql.Identifier(user), sql.Identifier(admin.info.dbname), sql.Literal(role))
        with suppress(errors.InsufficientPrivilege), admin.transaction():
            admin.execute(sql.SQL("alter role {} in database {} set role = {}").format(*names))


def session_defaults(admin: Connection, user: str) -> dict[str, str]:
    """What a session of this login begins with in this database, as far as it was set for just these two."""
    rows = admin.execute(
        "select unnest(s.setconfig) from pg_db_role_setting as s"
        " inner join pg_roles as r on r.oid = s.setrole inner join pg_database as d on d.oid = s.setdatabase"
        " where r.rolname = %s and d.datname = current_database()",
        (user,),
    )
    return {name.lower(): value for name, _, value in (text.partition("=") for (text,) in rows)}


def ensure_schemas(admin: Connection) -> None:
    """Make the schemas with their owners, and grant what each role needs and no more."""
    database = sql.Identifier(admin.info.dbname)
    admin.execute(sql.SQL("revoke all on database {} from public").format(database))
    for role, rights in (
        (WRITER, "connect, temporary"),
        (TRANSFORMER, "connect, temporary, create"),
        (READER, "connect"),
    ):
        admin.execute(sql.SQL("grant {} on database {} to {}").format(sql.SQL(rights), database, sql.Identifier(role)))
    for schema, owner in OWNERS.items():
        name = sql.Identifier(schema)
        admin.execute(sql.SQL("create schema if not exists {} authorization {}").format(name, sql.Identifier(owner)))
    for schema, reader in READERS.items():
        names = {"s": sql.Identifier(schema), "r": sql.Identifier(reader), "o": sql.Identifier(OWNERS[schema])}
        admin.execute(sql.SQL("grant usage on schema {s} to {r}").format(**names))
        admin.execute(sql.SQL("grant select on all tables in schema {s} to {r}").format(**names))
        later = "alter default privileges for role {o} in schema {s} grant select on tables to {r}"
        admin.execute(sql.SQL(later).format(**names))
    grant_locks(admin)


def grant_locks(admin: Connection) -> None:
    """Let those who write take advisory locks, where a superuser has kept them from everybody else, as on the local
    stack (`local_stack.postgres.KEPT_FROM_PUBLIC`).
    """
    rows = admin.execute(
        """
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^pg_(try_)?advisory_'
            and has_function_privilege(current_user, p.oid, 'execute with grant option')
            and not has_function_privilege(%s, p.oid, 'execute')
        order by 1
        """,
        (TRANSFORMER,),
    ).fetchall()
    if rows:
        functions = sql.SQL(", ").join(sql.SQL(name) for (name,) in rows)
        roles = sql.SQL(", ").join(map(sql.Identifier, (WRITER, TRANSFORMER)))
        admin.execute(sql.SQL("grant execute on function {} to {}").format(functions, roles))
