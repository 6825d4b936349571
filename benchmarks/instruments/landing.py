"""`landfall land` as a user runs it: a process of its own, all contracts, until it is told to stop."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.instruments.cpu import application, descendants
from benchmarks.instruments.events import STREAM
from benchmarks.instruments.servers import environment
from database.connect import connect
from landfall.layout import venv_bin
from landfall.processes import last_lines
from landfall.settings import Settings

START_SECONDS = 180.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Landing:
    """A running `landfall land`, and when (epoch seconds) its process was started."""

    settings: Settings
    process: psutil.Popen
    started: float

    def members(self) -> dict[str, list[psutil.Process]]:
        """Its living processes, by part."""
        return application(self.process)

    def wait_for(self, query: str, seconds: float, **values: object) -> None:
        """Polls until `query`, which gives one boolean, is true.

        Raises RuntimeError when that takes longer than `seconds`, or when the process ends.
        """
        deadline = time.monotonic() + seconds
        with connect(self.settings.as_transformer, autocommit=True) as connection:
            while True:
                row = connection.execute(query.encode(), values).fetchone()
                if row is not None and row[0]:
                    return
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"landfall land did not get on: {last_lines(log_of(self.settings))}")
                time.sleep(0.1)

    def wait_until_started(self) -> None:
        """Polls until every stream has a writer: the queries are about to run."""
        self.wait_for("select count(*) = (select count(*) from landing.streams) from landing.writers", START_SECONDS)

    def wait_until_landed(self, count: int, seconds: float) -> None:
        """Polls until `count` events are accounted for in all."""
        self.wait_for(
            "select coalesce(sum(landed + quarantined), 0) >= %(count)s from landing.slices where stream = %(stream)s",
            seconds, count=count, stream=STREAM,
        )  # fmt: skip


@contextmanager
def landing(settings: Settings) -> Iterator[Landing]:
    """`landfall land` on these servers, stopped between batches at the end of the block."""
    started = time.time()
    with command(settings, "land") as process:
        yield Landing(settings, process, started)


@contextmanager
def command(settings: Settings, *arguments: str) -> Iterator[psutil.Popen]:
    """`landfall ARGUMENT…` on these servers, told to stop at the end of the block."""
    with log_of(settings, arguments[0]).open("ab") as log:
        process = psutil.Popen(
            [str(venv_bin() / "landfall"), *arguments],
            env=environment(settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop(process)


def stop(process: psutil.Popen) -> None:
    """A clean stop; after a minute everything below it is killed."""
    below = descendants(process)
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()
    _, left = psutil.wait_procs(below, timeout=10)
    for survivor in left:
        survivor.kill()


def log_of(settings: Settings, name: str = "land") -> Path:
    """Where the command's log goes."""
    return settings.home / f"bench-{name}.log"
