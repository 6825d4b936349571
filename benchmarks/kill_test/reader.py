"""A reader beside it all: it follows the horizons as dbt's models do and keeps what it saw."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from database.connect import connect
from landfall.login import Login

Positions = NDArray[np.int64]

_POLL_SECONDS = 0.2
_LAST_LOOK_SECONDS = 60.0

_ROWS = sql.SQL(
    "select kafka_partition::bigint << 48 | kafka_offset from {} where load_id > %s and load_id <= %s"
    " union all select kafka_partition::bigint << 48 | kafka_offset from landing.quarantine"
    " where stream = %s and load_id > %s and load_id <= %s"
)


class Reader:
    """Reads `load_id > lo and load_id <= hi` of each stream, over and over, in a thread of its own.

    One topic id a stream is taken for granted: a position is partition and offset in one number.
    """

    def __init__(self, login: Login, streams: Iterable[str], seed: int) -> None:
        self.low = dict.fromkeys(streams, 0)
        self.reads = 0
        self._login, self._rng = login, random.Random(f"reader {seed}")
        self._seen: dict[str, list[Positions]] = {stream: [] for stream in self.low}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> dict[str, Positions]:
        """Reads what is left, and gives all positions seen by stream, in no order."""
        self._stop.set()
        self._thread.join()
        deadline = time.monotonic() + _LAST_LOOK_SECONDS
        while not self._look():
            if time.monotonic() > deadline:
                raise RuntimeError("Postgres does not answer the reader")
            time.sleep(_POLL_SECONDS)
        return {stream: np.concatenate([np.empty(0, np.int64), *parts]) for stream, parts in self._seen.items()}

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            self._look()

    def _look(self) -> bool:
        """One round over the streams; False when Postgres was away, which moves nothing."""
        try:
            with connect(self._login, autocommit=True, application_name="kill test: reader") as found:
                for stream in self.low:
                    self._read(found, stream)
        except psycopg.Error:
            return False
        return True

    def _read(self, connection: psycopg.Connection, stream: str) -> None:
        row = connection.execute("select hi from landing.horizons where stream = %s", (stream,)).fetchone()
        assert row is not None
        low, high = self.low[stream], int(row[0])
        if high <= low:
            return
        self._stop.wait(self._rng.random() * 0.5)  # a slow reader: what commits meanwhile must not change what it gets
        table = sql.Identifier("landing", stream)
        rows = connection.execute(_ROWS.format(table), (low, high, stream, low, high)).fetchall()
        self._seen[stream].append(np.array([position for (position,) in rows], np.int64))
        self.low[stream] = high
        self.reads += 1
