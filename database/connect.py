"""Connections to Postgres: the same session whatever the server's defaults, that notices a dead peer and waits for
nothing for ever.

Every connection of our own is opened here. dbt, psql and the like get the same settings from their logins' defaults
(database/roles.py).
"""

from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from database.instants import read_any_instant
from database.session_settings import session_settings, set_statement
from landfall.login import READER, Login

# A peer that vanished is noticed after about 10 + 3 x 5 = 25 s; the kernel's default is two hours.
KEEP_ALIVE = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
LOCK_TIMEOUT_MS = 30_000
IDLE_IN_TRANSACTION_MS = 60_000


def connect(
    login: Login,
    *,
    autocommit: bool = False,
    application_name: str = "landfall",
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    idle_in_transaction_ms: int = IDLE_IN_TRANSACTION_MS,
) -> "psycopg.Connection[tuple[Any, ...]]":
    """A session of `login` that acts as its role.

    Raises psycopg.OperationalError when the server does not answer or refuses.
    """
    parameters: dict[str, Any] = {**KEEP_ALIVE, "application_name": application_name, **conninfo_to_dict(login.dsn)}
    # No prepared statements: behind a pooler the next transaction may be another server process', which knows another
    # statement by that name, or none; and a plan that was kept fails once its table has gained a column.
    connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
    try:
        settings = session_settings(connection.info.server_version) | {
            "lock_timeout": str(lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(idle_in_transaction_ms),
        }
        if login.role is not None:
            settings["role"] = login.role
        if login.role == READER:
            settings["default_transaction_read_only"] = "on"
        connection.execute(set_statement(settings))
        read_any_instant(connection)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def stay(connection: "psycopg.Connection[tuple[Any, ...]]", lock_timeout_ms: int) -> None:
    """Let this transaction last, with nothing to do, for as long as its process does, behind a pooler too."""
    limits = {"idle_in_transaction_session_timeout": "0", "lock_timeout": f"{lock_timeout_ms}ms"}
    connection.execute(set_statement(limits, local=True))


def is_pooled(connection: "psycopg.Connection[tuple[Any, ...]]") -> bool:
    """Whether a pooler stands before Postgres: it numbers its clients itself."""
    row = connection.execute("select pg_backend_pid()").fetchone()
    return row != (connection.info.backend_pid,)


def address(login: Login) -> str:
    """host:port/database that a login leads to, without its user and password; what it does not say is libpq's default.

    Raises psycopg.ProgrammingError for what is no DSN.
    """
    parts = conninfo_to_dict(login.dsn)
    database = parts.get("dbname") or parts.get("user") or ""
    hosts = str(parts.get("host") or "").split(",")
    ports = str(parts.get("port") or "").split(",")
    ports = ports if len(ports) == len(hosts) else ports * len(hosts)
    places = (f"{host or 'localhost'}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))
    return f"{','.join(places)}/{database}"


def libpq_variables(login: Login) -> dict[str, str]:
    """A login as the variables that libpq reads (PGHOST, PGSSLMODE, …): dbt's profile knows no DSN, and a command line
    is no place for one.
    """
    names = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    parts = conninfo_to_dict(login.dsn)
    return {names[key]: str(value) for key, value in parts.items() if key in names and value is not None}
