"""A copy of `landfall land` as the processes it consists of, to be killed one by one."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from landfall.layout import venv_bin
from landfall.processes import alive, gone, wait_until

PARTS = ("driver", "jvm", "daemon", "worker", "enricher")
_ALONE_SECONDS = 40.0
# In the command line of the daemon, and of its forks, the workers.
_WORKER = "pyspark.worker"
_ENRICHER = "enrichment.process"


class Copy:
    """A running `landfall land` with its JVM, the daemon and the workers that run Python for it, and its enricher; or
    another command."""

    def __init__(self, environ: Mapping[str, str], log: Path, *arguments: str, command: str = "land") -> None:
        with log.open("ab") as output:
            # A session of its own: Ctrl-C in this terminal stops the trial, which stops the copies.
            self.process = subprocess.Popen(
                [str(venv_bin() / "landfall"), command, *arguments],
                env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.started = time.monotonic()
        self._driver = psutil.Process(self.process.pid)
        self._family: set[psutil.Process] = {self._driver}

    def runs(self) -> bool:
        return self.process.poll() is None

    def part(self, name: str) -> list[psutil.Process]:
        """The living processes of one of PARTS."""
        return [process for process in self.family() if alive(process) and _part(process, self._driver) == name]

    def family(self) -> set[psutil.Process]:
        """All processes that belong, or belonged, to this copy."""
        for process in list(self._family):
            with contextlib.suppress(psutil.Error):
                self._family.update(process.children(recursive=True))
        return self._family

    def wait(self, seconds: float) -> int | None:
        """The exit code, None when it still runs after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def left_alone(self) -> int:
        """Waits until nothing of a copy that has ended is left; kills what outlives it for long and counts it."""
        family = list(self.family())
        if wait_until(lambda: gone(family), _ALONE_SECONDS):
            return 0
        left = [process for process in family if alive(process)]
        self.kill()
        return len(left)

    def kill(self) -> None:
        """SIGKILL to all of it at once."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stops all of it where it stands, as a machine that swaps or a paused container does."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _part(process: psutil.Process, driver: psutil.Process) -> str | None:
    if process == driver:
        return "driver"
    try:
        command, parent = process.cmdline(), process.parent()
        if process.name() == "java":
            return "jvm"
        if _ENRICHER in command:
            return "enricher"
        if _WORKER not in command:
            return None
        # Workers outlive their daemon: they are what the JVM did not start itself.
        return "daemon" if parent is not None and parent.name() == "java" else "worker"
    except psutil.NoSuchProcess:
        return None
