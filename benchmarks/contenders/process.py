"""A contender as a process: it is told on stdin to drain, and answers on stdout how long that took.

`python -m benchmarks.contenders.process NAME`, with LANDFALL_HOME set.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol

import psutil

from benchmarks.instruments.cpu import descendants
from benchmarks.instruments.servers import environment
from landfall.processes import last_lines
from landfall.settings import Settings

NAMES = {
    "landfall": "Landfall",
    "jdbc": "Spark JDBC sink, rewritten inserts",
    "jdbc-plain": "Spark JDBC sink, plain inserts",
    "noop": "Kafka source → noop",
}
_ANSWER = "drained "


class Drains(Protocol):
    """What a contender can do."""

    def drain(self, starts: Mapping[int, int]) -> None: ...


class Contender:
    """The other end: starts the process, tells it to drain, stops it."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._log = settings.home / f"bench-{name}.log"
        with self._log.open("ab") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "benchmarks.contenders.process", name],
                env=environment(settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        below = descendants(self.process)
        self.process.stdin.close()  # it ends by itself when nobody has anything to tell it any more
        try:
            self.process.wait(1 if error is not None else 20)
        except psutil.TimeoutExpired:
            below = descendants(self.process)  # its JVM may have started meanwhile
            self.process.kill()
            self.process.wait()
        for survivor in psutil.wait_procs(below, timeout=10)[1]:
            survivor.kill()

    def drain(self, starts: Mapping[int, int]) -> float:
        """Drains from these offsets to the topic's end; seconds. Raises RuntimeError when the process failed."""
        self.process.stdin.write(json.dumps({str(partition): offset for partition, offset in starts.items()}) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(_ANSWER):
                return float(line.removeprefix(_ANSWER))
        raise RuntimeError(f"{NAMES[self.name]} failed: {last_lines(self._log)}")


def contender(name: str, settings: Settings, scratch: Path) -> Drains:
    """The contender of a name, its Spark session started."""
    if name == "landfall":
        # Imported here for start-up time.
        from benchmarks.contenders.landfall import Landfall

        return Landfall(settings, scratch)
    # Imported here for start-up time.
    from benchmarks.contenders.spark import SparkSink, jdbc, write_nothing

    write = write_nothing if name == "noop" else jdbc(rewrite=name == "jdbc")
    return SparkSink(settings, scratch, write)


def main(name: str) -> None:
    """Drains once for each line of stdin, until it is closed."""
    settings = Settings.load()
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=settings.home) as scratch:
        drains = contender(name, settings, Path(scratch))
        for line in sys.stdin:
            starts = {int(partition): offset for partition, offset in json.loads(line).items()}
            began = time.monotonic()
            drains.drain(starts)
            print(f"{_ANSWER}{time.monotonic() - began}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
