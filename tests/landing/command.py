"""Processes of `landfall land`, and what they landed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from landfall.layout import venv_bin
from tests.conftest import Connection

SECRET = "visitor-4711"
"""In each event of the fixture `events`."""


class Command:
    """Processes of `landfall land` on a database of their own."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ, self._folder = environ, folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, environ: Mapping[str, str] = MappingProxyType({})) -> subprocess.Popen[bytes]:
        """`landfall land` with these arguments."""
        return self.run(str(venv_bin() / "landfall"), "land", *arguments, environ=environ)

    def run(self, *command: str, environ: Mapping[str, str] = MappingProxyType({})) -> subprocess.Popen[bytes]:
        """Another way to start it."""
        with self.log(len(self.started)).open("wb") as log:
            self.started.append(subprocess.Popen(command, env={**self._environ, **environ}, stdout=log, stderr=log))
        return self.started[-1]

    def log(self, number: int) -> Path:
        """What the copy of this number said."""
        return self._folder / f"land-{number}.log"


def count(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def positions(connection: Connection) -> tuple[int, int]:
    """(rows, distinct positions) of product_views, landed or quarantined."""
    row = connection.execute(
        """
        select count(*), count(distinct (topic_id, kafka_partition, kafka_offset)) from (
            select topic_id, kafka_partition, kafka_offset from landing.product_views
            union all
            select topic_id, kafka_partition, kafka_offset from landing.quarantine where stream = 'product_views'
        ) as all_rows
        """
    ).fetchone()
    assert row is not None
    return row[0], row[1]
