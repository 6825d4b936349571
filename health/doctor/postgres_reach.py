"""Does Postgres take each login? If not, why, in one sentence that names server, setting and remedy."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.errors import UserError
from landfall.login import READER, WRITER, Login
from landfall.pooler import in_words
from landfall.settings import ADMIN, DSN_VARIABLES

if TYPE_CHECKING:
    import psycopg

SECONDS = 6.0
STANDBY_SECONDS_WARN = 60.0
"""From when on it is said that dashboards show what has been: a standby that is well is less than a second behind."""
PLACE = """
select
    pg_postmaster_start_time()::text, (select system_identifier from pg_control_system()), oid, pg_is_in_recovery(),
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0'::pg_lsn,
    coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float8
from pg_database where datname = current_database()
"""

CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"no password supplied",
        "it asks for a password, and {variable} has none",
        "Write it into {variable}: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
    ),
    (
        r"password authentication failed",
        "it does not take the password of {user}",
        "Write the right one into {variable}; before the first {migrate} there is no such login, and that makes it.",
    ),
    (
        r"role \"[^\"]*\" is not permitted to log in",
        "{user} may not log in",
        "As the one who manages its roles, run `alter role {user} login`.",
    ),
    (
        r"permission denied to set role|permission denied for (database|schema)",
        "{user} may not do what its role {role} does ({said})",
        "{migrate} gives each login its role.",
    ),
    (r"role \"[^\"]*\" does not exist", "it has not got the role ({said})", "{migrate} makes roles and logins."),
    (
        r"database \"[^\"]*\" does not exist",
        "it has no database of that name",
        "Make it, owned by the login of LANDFALL_ADMIN_DSN; or write another one into {variable}.",
    ),
    (
        r"no pg_hba.conf entry|pg_hba.conf rejects",
        "it lets {user} not in from this machine ({said})",
        "Add a line for it to the server's pg_hba.conf; where it asks for encryption, `sslmode=verify-full` to"
        " {variable}.",
    ),
    (
        r"does not match host name",
        "its certificate is for another host ({said})",
        "Write the host in {variable} as the certificate names it.",
    ),
    (
        r"root certificate file|certificate verify failed|self[- ]signed certificate|unable to get local issuer",
        "its certificate is not of an authority that is trusted here ({said})",
        "Add `sslrootcert=FILE` to {variable}: a PEM file of the authority that signed it, or `system`.",
    ),
    (
        r"server does not support SSL",
        "it does not speak TLS, and sslmode of {variable} asks for it",
        "Switch `ssl` on in Postgres; on a network that is yours alone, `sslmode=disable` in {variable}.",
    ),
    (
        r"could not translate host name|failed to resolve host|Name or service not known|nodename nor servname",
        "there is no host of this name",
        "Look at the name in {variable}, and at this machine's DNS.",
    ),
    (r"Connection refused", "nobody listens there", "{start}"),
    (
        r"timeout expired|timed out|connection timeout",
        "it did not answer within its connect_timeout",
        "Look at the server and at the network between, which may drop packets; {variable} says where it is.",
    ),
    (
        r"No route to host|Network is unreachable",
        "there is no way to it through the network",
        "Look at the address in {variable}, and at routes and firewalls between.",
    ),
    (
        r"too many clients|too many connections|remaining connection slots",
        "it has no connection left",
        "See who holds them (`select application_name, count(*) from pg_stat_activity group by 1`), or raise"
        " max_connections.",
    ),
    (
        r"query_wait_timeout|no more connections allowed|unsupported startup parameter",
        "{pooler}",
        "See what needs how many connections in docs/how-to/postgres.md.",
    ),
    (
        r"session is (in )?read-only|session is not read-only|server is (not )?in hot standby mode",
        "none of its hosts is what target_session_attrs asks for ({said})",
        "Promote a standby, or write another value into {variable}.",
    ),
    (r"starting up|shutting down|in recovery mode", "it is not ready ({said})", "Wait, and ask again."),
)
"""In the words of libpq and the server, what is wrong and what to do; the first that fits counts."""


@dataclass(frozen=True)
class Place:
    """Where a login leads."""

    started: str
    """When its server did."""
    system: int
    """The cluster's number, which its standbys have too."""
    database: int
    """The database's number in it."""
    is_standby: bool
    position: int
    """Up to which byte of the WAL it is."""
    age_seconds: float
    """Of the last transaction that a standby has."""
    is_pooled: bool
    """Whether a pooler stands before it."""


def postgres(deployment: Deployment) -> list[Finding]:
    """Does it answer, and take the login that dbt and the commands use?"""
    settings = deployment.settings
    if not settings.dsns:
        advice = "`landfall up` starts one here; for one of your own set the four LANDFALL_…_DSN."
        return [warn("Postgres", f"None runs in {deployment.home}, and LANDFALL_POSTGRES_DSN is not set.", advice)]
    try:
        return [login_works(deployment, settings.as_transformer)]
    except UserError as missing:
        return [error("Postgres", missing.format_message(), "Name a login of the same server in it.")]


def logins(deployment: Deployment) -> list[Finding]:
    """Does it take the other logins, and do they lead to the same database?"""
    settings = deployment.settings
    here = place_of(deployment, settings.as_transformer)
    findings = []
    for role, of_role in ((WRITER, lambda: settings.as_writer), (READER, lambda: settings.as_reader)):
        if role not in settings.dsns:
            if role == WRITER:
                advice = "Set it, for a login on the same server: `landfall land` needs it."
                findings.append(error(DSN_VARIABLES[role], "It is not set, and the others are.", advice))
            continue
        findings.append(other_login(deployment, of_role(), here))
    if ADMIN in settings.dsns:
        findings.append(other_login(deployment, settings.as_admin, here))
    return [*findings, *(shared_logins(settings.dsns) if here.is_pooled else ())]


def shared_logins(dsns: Mapping[str, str]) -> Iterator[Finding]:
    """Users that log in for several roles, which a pooler in transaction mode takes for one another."""
    from psycopg.conninfo import conninfo_to_dict

    roles = defaultdict(list)
    for role, dsn in dsns.items():
        roles[conninfo_to_dict(dsn).get("user")].append(DSN_VARIABLES[role])
    for user, variables in roles.items():
        if len(variables) > 1:
            message = f"A pooler stands before Postgres, and {user} is the user of {' and '.join(variables)}: it hands"
            message += " connections that act as one role on to the other."
            advice = "Give each a user of its own, which `landfall migrate` makes; or let them lead to Postgres itself."
            yield error(variables[0], message, advice)


def administrator(deployment: Deployment) -> list[Finding]:
    """Could `landfall migrate` do its work? Asked without the other logins, which it makes."""
    settings, variable = deployment.settings, DSN_VARIABLES[ADMIN]
    if ADMIN not in settings.dsns:
        return [well(variable, "It is not set; only `landfall migrate`, `backup` and `restore` need it.")]
    found = login_works(deployment, settings.as_admin)
    if found.severity != "ok":
        return [found]
    from database.roles import ROLES, check_server

    with deployment.session(settings.as_admin) as connection:
        try:
            check_server(connection)
        except UserError as wrong:
            return [error(variable, wrong.format_message(), "Until then `landfall migrate` is refused.")]
        roles = connection.execute(
            "select count(*) from pg_roles where rolname = any(%s)"
            " union all select 1 from pg_roles where rolname = current_user and (rolcreaterole or rolsuper)",
            ([*ROLES],),
        ).fetchall()
        user = connection.info.user
    if len(roles) == 1 and roles[0] != (len(ROLES),):
        message = f"{user} may not make the roles that are missing."
        return [error(variable, message, f'As a superuser run `alter role "{user}" createrole`.')]
    return [found]


def other_login(deployment: Deployment, login: Login, here: Place) -> Finding:
    """Whether a login works, and leads to where the transformer's leads; who reads may be led to a standby of it."""
    found = login_works(deployment, login)
    if found.severity != "ok":
        return found
    there = place_of(deployment, login)
    if (there.started, there.database) == (here.started, here.database):
        return found
    if login.role == READER and there.is_standby and (there.system, there.database) == (here.system, here.database):
        return judge_standby(found, there, here)
    from database.connect import address

    message = f"It leads to {address(login)}, which is another database than the one of LANDFALL_POSTGRES_DSN."
    return error(variable_of(login), message, "Let all of them lead to one database.")


def judge_standby(works: Finding, there: Place, here: Place) -> Finding:
    """How far the server that people read from is behind; `here` was looked at first."""
    behind = here.position - there.position
    if behind <= 0:
        return well(works.subject, f"{works.message.rstrip('.')}, a standby that has all of it.")
    message = f"{works.message.rstrip('.')}, a standby that is {behind / 2**20:,.1f} MiB of WAL behind"
    if there.age_seconds < STANDBY_SECONDS_WARN:
        return well(works.subject, f"{message}.")
    advice = "Look at pg_stat_replication of the primary, and at what the standby's log says."
    return warn(works.subject, f"{message}: what it shows is {there.age_seconds:,.0f} s old.", advice)


def place_of(deployment: Deployment, login: Login) -> Place:
    """Where a login leads."""
    from database.connect import is_pooled

    with deployment.session(login) as connection:
        row: Any = connection.execute(PLACE).fetchone()
        started, system, database, is_standby, position, age_seconds = row
        return Place(started, system, database, is_standby, int(position), age_seconds, is_pooled(connection))


def login_works(deployment: Deployment, login: Login) -> Finding:
    """Whether a session of this login can be had, acting as its role."""
    import psycopg

    from database.connect import address

    variable = variable_of(login)
    try:
        where = address(login)
    except psycopg.ProgrammingError:  # its message quotes the password
        advice = (
            f"Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE into {variable}, signs in them as %40 and the like."
        )
        return error(variable, f"{variable} is no DSN that libpq can read.", advice)
    try:
        with deployment.session(login) as connection:
            role = f" as {login.role}" if login.role else ""
            return well(variable, f"{connection.info.user} works{role} at {where}.")
    except psycopg.Error as refusal:
        return refused(deployment, login, where, refusal)


def refused(deployment: Deployment, login: Login, where: str, refusal: psycopg.Error) -> Finding:
    """The finding about a login that Postgres, or the way to it, does not let in."""
    from psycopg.conninfo import conninfo_to_dict

    variable = variable_of(login)
    said = refusal.diag.message_primary or last_line(str(refusal))
    words = {
        "variable": variable,
        "user": conninfo_to_dict(login.dsn).get("user") or "this user",
        "role": login.role or "",
        "said": said,
        "pooler": in_words(str(refusal)) or "",
        "migrate": deployment.makes_ready,
        "start": "Run `landfall up`: it starts Postgres, and repairs what a crash left."
        if deployment.has_local_postgres
        else f"Start the server, or write into {variable} where it listens.",
    }
    for pattern, why, advice in CAUSES:
        if re.search(pattern, str(refusal)):
            if deployment.has_local_postgres and "password" in pattern:
                advice = "Run `landfall up`, which writes the logins of this state folder anew."
            message = f"Postgres at {where} refuses: {why.format(**words)}."
            if why in ("nobody listens there", "there is no host of this name") or "connect_timeout" in why:
                message = message.replace(" refuses: ", " does not answer: ")
            return error(variable, message, advice.format(**words))
    return error(variable, f"Postgres at {where} refuses: {said}.", f"Look at the server's log, and at {variable}.")


def last_line(text: str) -> str:
    """libpq's last word, without the addresses that it tried."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    said = lines[-1] if lines else "nothing"
    return (
        re.sub(r"^(connection (to server .*? failed|failed): )+", "", said)
        .removeprefix("FATAL:  ")
        .removeprefix("FATAL: ")
    )


def variable_of(login: Login) -> str:
    """The variable that names a login."""
    return DSN_VARIABLES[login.role or ADMIN]


CHECKS = (
    DoctorCheck(
        "postgres",
        "whether Postgres answers and takes the login of `LANDFALL_POSTGRES_DSN`, and why not",
        "postgres",
        postgres,
        SECONDS,
        ("settings",),
    ),
    DoctorCheck(
        "postgres_admin",
        "the login of `LANDFALL_ADMIN_DSN`, where it is set: lets in, owns the database, may make roles",
        "postgres",
        administrator,
        SECONDS,
        ("settings",),
    ),
    DoctorCheck(
        "postgres_logins",
        "the logins of landing, administrator and dashboards, and that all lead to one database",
        "postgres",
        logins,
        SECONDS + 4,
        ("postgres",),
    ),
)
