"""Advisory locks: a key (lock_keys.py) that one session at a time holds, with no table behind it.

Any login can take any of them: they are for names that nobody can know before, and for keys whose holder is asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from database.connect import LOCK_TIMEOUT_MS, connect, stay
from database.lock_keys import HashedHere, Lock
from landfall.login import TRANSFORMER, Login
from landfall.settings import Settings

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def advisory_lock(
    login: Login,
    lock: Lock,
    application_name: str,
    *,
    shared: bool = False,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> Iterator[None]:
    """Hold an advisory lock for as long as the context lasts, by a transaction on a connection of its own.

    Behind a pooler a session's lock would stay with a server's process that serves somebody else next.
    Raises psycopg.errors.LockNotAvailable after `lock_timeout_ms`; 0 waits for ever.
    """
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connect(login, application_name=application_name) as connection:
        stay(connection, lock_timeout_ms)
        connection.execute(sql.SQL("select {}({})").format(sql.SQL(function), lock.key))
        yield


@contextmanager
def held_advisory(settings: Settings, lock: Lock, application_name: str) -> Iterator[None]:
    """Hold an advisory lock: a sign of life under a name that nobody can know before it is there."""
    with advisory_lock(settings.as_transformer, lock, application_name):
        yield


def is_held_advisory(connection: Connection, lock: HashedHere) -> bool:
    """Whether one of ours holds the advisory lock; others can take it too, and that says nothing."""
    row = connection.execute(
        """
        select exists (
            select from pg_locks as l
            inner join pg_stat_activity as a on a.pid = l.pid and pg_has_role(a.usesysid, %s, 'usage')
            where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.classid = %s and l.objid = %s
                and l.database = (select oid from pg_database where datname = current_database())
        )
        """,
        (TRANSFORMER, *lock.halves),
    ).fetchone()
    return row == (True,)
