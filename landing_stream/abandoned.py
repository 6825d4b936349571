"""Loads that a batch door's process left open when it was killed: they hold readers of the stream back until sealed.

The streaming door seals its own when it starts again, which it does by itself. A killed `landfall ingest` may never be
run again; so its process holds a lock as long as it lives, and who reads the landing seals loads of one that does not.
"""

from __future__ import annotations

import psycopg

from landing_stream.ledger import Writer


def hold_door(connection: psycopg.Connection, writer: Writer) -> None:
    """Shows that this writer lives, until the connection ends. The key is that of landing.seal_abandoned()."""
    key = f"landfall.landing.holder/{writer.stream}/{writer.door}/{writer.generation}"
    connection.execute("select pg_advisory_lock_shared(hashtextextended(%s, 0))", (key,))


def seal_abandoned(connection: psycopg.Connection) -> int:
    """Seals the open loads of batch doors whose processes are gone; returns how many. `connection`: as transformer.

    What they had committed stays, whole. Nothing more can be written to a sealed load, so a mistake would cost nothing.
    """
    row = connection.execute("select landing.seal_abandoned()").fetchone()
    assert row is not None
    return int(row[0])
