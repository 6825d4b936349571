"""Locks in Postgres that go with the process that holds them: who writes models, who follows loads.

They are locks of empty tables in schema ops, which `bi_reader` cannot take: any login can take any advisory
lock, so one dashboard could hold every refresh up. A lock of this mode gives its transaction no number, so that vacuum
goes on however long it is held.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from database.connect import connect, is_pooled, stay
from landfall.errors import UserError
from landfall.plain_text import printable
from landfall.settings import Settings

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]

DBT = "turn_of_dbt"
"""Held while models are written: one run of dbt at a time, whatever of ours started it, or passes without dbt, which
share it. Behind it, for those and for a `dbt build` that is typed by hand, there is each model's own row lock."""
FOLLOWER = "turn_of_follower"
"""Held by whoever refreshes the models after each load: `landfall refresh --watch`, or else a run of Dagster."""
SECONDS_UNTIL_SAID = 5.0
"""Who waits longer says for whom: an ordinary pass over the models takes less."""
SECONDS_BETWEEN = 60.0
"""Pause before it is said again; the wait then begins anew behind others who wait."""
ALONE, SHARED = sql.SQL("exclusive"), sql.SQL("row exclusive")
SECONDS_IN_LINE, SECONDS_OUT_OF_LINE = 0.3, 0.7
"""Behind a pooler, by turns: see _asked_for."""
LONGEST_WAIT_SECONDS = 6 * 3600.0
"""Then it is an error: a full refresh of everything that ever landed takes an hour or two."""


@dataclass(frozen=True)
class Waiter:
    """A session of ours that waits for a lock, and one that it waits for; `since`: when the wait began."""

    pid: int
    name: str
    since: datetime
    blocker_pid: int
    blocker_name: str
    blocker_role: str

    @property
    def blocker(self) -> str:
        """Who it waits for, in words."""
        return f"{printable(self.blocker_name or '') or 'a session'} (pid {self.blocker_pid}, role {self.blocker_role})"


@contextmanager
def held(
    settings: Settings, name: str, application_name: str, *, longest_wait: float = LONGEST_WAIT_SECONDS
) -> Iterator[Connection]:
    """Hold the lock on a connection of its own; who wants it waits in line, and says for whom.

    Raises UserError after `longest_wait` seconds, psycopg.OperationalError when Postgres does not answer.
    """
    with connection_for_a_lock(settings, application_name) as connection:
        take(connection, name, longest_wait)
        yield connection


def connection_for_a_lock(settings: Settings, application_name: str) -> Connection:
    """A connection for nothing but a lock: its transaction lasts as long as the lock does."""
    return connect(settings.as_transformer, application_name=application_name, idle_in_transaction_ms=0)


def take(
    connection: Connection, name: str, longest_wait: float = LONGEST_WAIT_SECONDS, *, shared: bool = False
) -> None:
    """Take the lock until the connection's transaction ends; `shared`: beside others who take it so, and nobody else.

    Raises UserError after `longest_wait` seconds."""
    began = time.monotonic()
    pause = SECONDS_UNTIL_SAID
    wait = _asked_for if is_pooled(connection) else _taken
    while not wait(connection, name, min(pause, longest_wait), SHARED if shared else ALONE):
        waited, holder = time.monotonic() - began, holder_of(connection, name)
        if waited >= longest_wait:
            raise UserError(f"Waited {waited:.0f} s for {holder or 'others who were first'}: see `landfall status`.")
        logger.warning("waiting for %s, for %.0f s by now", holder or "others who were first", waited)
        pause = SECONDS_BETWEEN


def try_to_take(connection: Connection, name: str) -> bool:
    """Take the lock until the connection's transaction ends; False when somebody else has it."""
    return _taken(connection, name, 0, ALONE)


def _asked_for(connection: Connection, name: str, seconds: float, mode: sql.SQL) -> bool:
    """Wait in line and out of it by turns. Who waits in line keeps one of the pooler's few connections: of five the
    holder had none left to do its work with. Out of line alone it would never be its turn beside those who share."""
    until = time.monotonic() + seconds
    while not _taken(connection, name, min(SECONDS_IN_LINE, seconds), mode):
        if time.monotonic() >= until:
            return False
        time.sleep(min(SECONDS_OUT_OF_LINE, seconds))
    return True


def _taken(connection: Connection, name: str, seconds: float, mode: sql.SQL) -> bool:
    statement = sql.SQL("lock table {} in {} mode").format(sql.Identifier("ops", name), mode)
    try:
        stay(connection, max(1, int(seconds * 1000)))
        if seconds > 0:
            connection.execute(statement)
        else:
            connection.execute(statement + sql.SQL(" nowait"))
    except psycopg.errors.LockNotAvailable:
        connection.rollback()
        return False
    return True


def is_held(connection: Connection, name: str) -> bool:
    """Whether anybody holds the lock of this name."""
    return holder_of(connection, name) is not None


def holder_of(connection: Connection, name: str) -> str | None:
    """Who holds the lock of this name, in words; None for nobody."""
    row = connection.execute(
        """
        select a.application_name, l.pid, a.usename, a.xact_start
        from pg_locks as l
        inner join pg_stat_activity as a on a.pid = l.pid
        where l.granted and l.mode in ('ExclusiveLock', 'RowExclusiveLock') and l.locktype = 'relation'
            and l.relation = to_regclass(%s)
            and l.database = (select oid from pg_database where datname = current_database())
        """,
        (f"ops.{name}",),
    ).fetchone()
    if row is None:
        return None
    application, pid, role, since = row
    began = f", since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return f"{printable(application or '') or 'a session'} (pid {pid}, role {role}{began})"


def waiters(connection: Connection) -> list[Waiter]:
    """Sessions of landing_writer and transformer that wait for a lock, each with the first one that it waits for."""
    rows = connection.execute(
        """
        select distinct on (w.pid) w.pid, w.application_name, l.waitstart, b.pid, b.application_name, b.usename
        from pg_locks as l
        inner join pg_stat_activity as w on w.pid = l.pid and w.datname = current_database()
        cross join lateral unnest(pg_blocking_pids(w.pid)) as blocking (pid)
        inner join pg_stat_activity as b on b.pid = blocking.pid
        where not l.granted and l.waitstart is not null
            and exists (
                select from pg_roles as r
                where r.rolname in ('landing_writer', 'transformer') and pg_has_role(w.usesysid, r.oid, 'usage')
            )
        order by w.pid, b.pid
        """
    ).fetchall()
    return [Waiter(*row) for row in rows]
