"""What each role may do in Postgres: all that it needs, and no more. By the table of database/roles.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.login import READER, TRANSFORMER, WRITER
from landfall.wording import listed

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

ON_DATABASE = {WRITER: ("connect", "temporary"), TRANSFORMER: ("connect", "temporary", "create"), READER: ("connect",)}
POWERS = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
NOT_READABLE = """
select format('%%s.%%s', n.nspname, c.relname)
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not has_table_privilege(%(role)s, c.oid, 'select')
order by 1
"""
TOO_OPEN = """
select n.nspname, format('%%s.%%s', n.nspname, c.relname),
    has_table_privilege(%(role)s, c.oid, 'insert') or has_table_privilege(%(role)s, c.oid, 'update')
    or has_table_privilege(%(role)s, c.oid, 'delete') or has_table_privilege(%(role)s, c.oid, 'truncate')
from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and has_schema_privilege(%(role)s, n.oid, 'usage')
    and has_table_privilege(%(role)s, c.oid, 'select, insert, update, delete, truncate')
order by 2
"""


def rights(deployment: Deployment) -> list[Finding]:
    """Each role's, in this database."""
    from database.roles import ROLES

    with deployment.session() as connection:
        there = {
            name for (name,) in connection.execute("select rolname from pg_roles where rolname = any(%s)", ([*ROLES],))
        }
        ready = deployment.makes_ready
        if absent := [role for role in ROLES if role not in there]:
            return [error(role, "There is no such role.", f"Run {ready}, which makes it.") for role in absent]
        lacking = [
            error(role, f"It may not {what}.", f"Run {ready}, which gives it that again{also}.")
            for role, what, also in missing(connection)
        ]
        reader = reading_user(deployment)
        known = {READER, reader}
        excess = [
            warn(role, f"It may {what}, which is not its work.", advice)
            for role in (WRITER, TRANSFORMER, *sorted(known))
            for what, advice in too_much(connection, role, READER if role in known else role)
        ]
    return [*lacking, *excess] or [well("roles", f"{', '.join(ROLES)} may do their work, and no more.")]


def reading_user(deployment: Deployment) -> str:
    """The user that dashboards log in as."""
    from psycopg.conninfo import conninfo_to_dict

    dsn = deployment.settings.dsns.get(READER)
    return str(conninfo_to_dict(dsn).get("user") or READER) if dsn else READER


def missing(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Role, what it may not do, and what to do besides."""
    from database.roles import OWNERS, READERS

    for role, wanted in ON_DATABASE.items():
        for right in wanted:
            if not asked(connection, "has_database_privilege(%s, current_database(), %s)", role, right):
                yield (
                    role,
                    {"connect": "enter this database", "create": "make schemas"}.get(right, "make temporary tables"),
                    "",
                )
    for schema, owner in OWNERS.items():
        found = connection.execute(
            "select pg_get_userbyid(nspowner) from pg_namespace where nspname = %s", (schema,)
        ).fetchone()
        if found is None:
            yield owner, f"use schema {schema}, which is not there", ""
        elif found[0] != owner:
            also = f"; as a superuser or {found[0]}, `alter schema {schema} owner to {owner}` first"
            yield owner, f"change schema {schema}, which is {found[0]}'s", also
    for schema, reader in READERS.items():
        if not asked(connection, "to_regnamespace(%s) is not null", schema):
            continue
        if not asked(connection, "has_schema_privilege(%s, %s, 'usage')", reader, schema):
            yield reader, f"look into schema {schema}", ""
            continue
        names = [name for (name,) in connection.execute(NOT_READABLE.encode(), {"schema": schema, "role": reader})]
        if names:
            yield reader, f"read {listed(names, 3)}", ""


def too_much(connection: Connection, user: str, role: str) -> Iterator[tuple[str, str]]:
    """What a user may that acts as a role, beyond its work, and how to take it away."""
    from database.roles import OWNERS, READERS

    powers = connection.execute(
        f"select {', '.join(POWERS)} from pg_roles where rolname = %s".encode(), (user,)
    ).fetchone()
    for power, has in zip(POWERS, powers or (), strict=False):
        if has:
            attribute = power.removeprefix("rol").replace("super", "superuser")
            yield f"whatever the attribute {attribute} lets it", f"Run `alter role {user} no{attribute}`."
    others = [
        other for other in ON_DATABASE if other != role and asked(connection, "pg_has_role(%s, %s, 'set')", user, other)
    ]
    if others:
        yield f"act as {', '.join(others)}", f"Run `revoke {', '.join(others)} from {user}`."
    own = {schema for schema, owner in OWNERS.items() if owner == role}
    readable = own | {schema for schema, reader in READERS.items() if reader == role}
    rows = connection.execute(
        TOO_OPEN.encode(), {"role": user, "schemas": [s for s in OWNERS if s not in own]}
    ).fetchall()
    read = [name for schema, name, _ in rows if schema not in readable]
    written = [name for schema, name, writes in rows if writes and schema in readable]
    take = "Take it away: `revoke all on {} from {}`; or from a role that it is in, or from public."
    if read:
        yield f"reach {listed(read, 3)}", take.format(f"all tables in schema {read[0].split('.')[0]}", user)
    if written:
        yield f"write {listed(written, 3)}", take.format(f"table {written[0]}", user)
    if role == READER and asked(connection, "has_function_privilege(%s, 'pg_advisory_lock(bigint)', 'execute')", user):
        yield (
            "take the advisory locks that the landing waits for",
            "As a superuser run the last statement of deploy/compose/databases.sql in this database, then"
            " `landfall migrate`.",
        )


def asked(connection: Connection, condition: str, *values: str) -> bool:
    """Whether a condition holds."""
    row = connection.execute(f"select {condition}".encode(), values).fetchone()
    return row is not None and bool(row[0])


CHECKS = (
    DoctorCheck(
        "postgres_rights",
        "each role: there, with the rights that it needs, and with no others (bi_reader above all)",
        "postgres",
        rights,
        10.0,
        ("postgres",),
    ),
)
