"""Locks in Postgres that go with the process that holds them: who writes models, who follows loads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from landfall.settings import Settings
from warehouse.connect import connect
from warehouse.roles import TRANSFORMER

Connection = psycopg.Connection[tuple[Any, ...]]

DBT = "dbt"
"""Held while dbt writes models: one run at a time, from whichever of our doors. Behind it, for a `dbt build` that is
typed by hand, there is each model's own row lock."""
FOLLOWER = "follower"
"""Held by whoever refreshes the models after each load: `landfall refresh --watch`, or else a run of Dagster."""


def key_of(name: str) -> int:
    """The 64-bit key of a lock."""
    digest = hashlib.sha256(f"landfall.{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def held(settings: Settings, name: str, application_name: str) -> Iterator[Connection]:
    """Hold the lock on a connection of its own; who wants it waits in line, for as long as it takes.

    Raises psycopg.OperationalError when Postgres does not answer.
    """
    with connect(
        settings.postgres_dsn,
        role=TRANSFORMER,
        autocommit=True,
        application_name=application_name,
        lock_timeout_ms=0,
    ) as connection:
        connection.execute("select pg_advisory_lock(%s)", (key_of(name),))
        yield connection


def try_to_hold(connection: Connection, name: str) -> bool:
    """Take the lock for the rest of the connection's life; False when somebody else has it."""
    row = connection.execute("select pg_try_advisory_lock(%s)", (key_of(name),)).fetchone()
    return row == (True,)


def is_held(connection: Connection, name: str) -> bool:
    """Whether anybody in this database holds the lock."""
    row = connection.execute(
        """
        select exists (
            select from pg_locks
            where locktype = 'advisory' and granted and objsubid = 1 and classid = %s and objid = %s
                and database = (select oid from pg_database where datname = current_database())
        )
        """,
        halves(name),
    ).fetchone()
    return row == (True,)


def halves(name: str) -> tuple[int, int]:
    """The lock's key as pg_locks shows it: classid and objid."""
    key = key_of(name) & 0xFFFF_FFFF_FFFF_FFFF
    return key >> 32, key & 0xFFFF_FFFF
