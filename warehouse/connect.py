"""Connections to Postgres that notice a dead peer and wait for nothing for ever."""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from warehouse.instants import read_any_instant

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
    dsn: str,
    role: str | None = None,
    *,
    autocommit: bool = False,
    application_name: str = "landfall",
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    idle_in_transaction_ms: int = IDLE_IN_TRANSACTION_MS,
) -> "psycopg.Connection[tuple[Any, ...]]":
    """Connect to `dsn` and, with `role`, act as that role: on servers of one's own a login may be named differently,
    and all objects of a kind need one owner.

    Raises psycopg.OperationalError when the server does not answer or refuses.
    """
    given = conninfo_to_dict(dsn)
    parameters: dict[str, Any] = {**KEEP_ALIVE, "application_name": application_name, **given}
    connection = psycopg.connect(**parameters, autocommit=True)
    try:
        settings = {
            "lock_timeout": str(lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(idle_in_transaction_ms),
        }
        if role is not None:
            settings["role"] = role
        calls = sql.SQL(", ").join(
            sql.SQL("set_config({}, {}, false)").format(sql.Literal(name), sql.Literal(value))
            for name, value in settings.items()
        )
        connection.execute(sql.SQL("select ") + calls)
        read_any_instant(connection)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection
