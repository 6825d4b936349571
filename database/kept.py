"""A connection that is kept and opened again when it broke."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]


class KeptConnection:
    """A connection, opened by `make` when it is first asked for, and again once it is closed or broken; for one thread.

    What breaks it is raised by the statement that notices: the next try of whoever uses it has a new one.
    """

    def __init__(self, make: Callable[[], Connection]) -> None:
        self._make = make
        self._connection: Connection | None = None

    def __call__(self) -> Connection:
        """The connection. Raises psycopg.OperationalError when Postgres does not answer or refuses."""
        if self._connection is None or self._connection.closed:  # which a broken one is too
            self._connection = self._make()
        return self._connection

    def close(self) -> None:
        """Give it back; the next call makes a new one."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
