"""Loads that a batch door's process left open when it was killed: they hold readers of the stream back until sealed.

The streaming door seals its own when it starts again, which it does by itself. A killed `landfall ingest` may never be
run again; so its process holds a lock as long as it lives, and who reads the landing seals loads of one that does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from database.advisory_locks import advisory_lock
from database.lock_keys import holder_of_door
from landfall.login import WRITER, Login
from landing_stream.ledger import Writer


@contextmanager
def holding_door(connection: psycopg.Connection, writer: Writer) -> Iterator[None]:
    """Shows that this writer lives, while the context lasts. The key is that of landing.seal_abandoned()."""
    lock = holder_of_door(writer.stream, writer.door, writer.generation)
    info = connection.info
    login = Login(make_conninfo("", **info.get_parameters(), password=info.password), WRITER)
    with advisory_lock(login, lock, info.get_parameters().get("application_name", "landfall"), shared=True):
        yield


def seal_abandoned(connection: psycopg.Connection) -> int:
    """Seals the open loads of batch doors whose processes are gone; returns how many. `connection`: as transformer.

    What they had committed stays, whole. Nothing more can be written to a sealed load, so a mistake would cost nothing.
    """
    row = connection.execute("select landing.seal_abandoned()").fetchone()
    assert row is not None
    return int(row[0])
