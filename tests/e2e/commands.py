"""`landfall` as a user types it, and every process that belongs to a state folder."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

LANDFALL = Path(sys.executable).parent / "landfall"


def landfall(home: Path, *arguments: str, seconds: float = 200) -> str:
    """Run a command to its end; gives its stdout. Fails with all it said when its exit code is not 0."""
    done = subprocess.run(
        [LANDFALL, *arguments], env=environment(home), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"landfall {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def demo(home: Path, *options: str) -> Iterator["RunningDemo"]:
    """A running `landfall demo`, which gets time to stop by itself at the end, and so do the servers."""
    home.parent.mkdir(parents=True, exist_ok=True)
    output = home.parent / f"{home.name}.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [LANDFALL, "demo", *options],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield RunningDemo(process, output)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        if (home / "landfall-state.json").exists():
            landfall(home, "down")


class RunningDemo:
    """A demo's process and what it has said."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self.process, self._output = process, output

    @property
    def said(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str, seconds: float) -> None:
        """Until it has said something like this regular expression."""
        said = re.compile(pattern)
        ended = self.process.poll
        wait_until(lambda: bool(said.search(self.said)) or ended() is not None, seconds, lambda: self.said)
        assert said.search(self.said), self.said

    def exit_code(self, seconds: float) -> int:
        """Its exit code, once it ends by itself within so many seconds."""
        wait_until(lambda: self.process.poll() is not None, seconds, lambda: self.said)
        return self.process.wait()


def environment(home: Path) -> dict[str, str]:
    """The environment of a shell in which only LANDFALL_HOME is set."""
    return {**os.environ, "LANDFALL_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def wait_until(done: Callable[[], bool], seconds: float, explain: Callable[[], str] = str) -> None:
    """Poll until `done()`; fails with what `explain()` gives when `seconds` have passed before."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s\n{explain()}"
        time.sleep(0.05)


def processes_of(home: Path) -> list[str]:
    """Command lines of the processes that serve this state folder: by environment, current folder or an argument."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and serves(process, str(home)):
                found.append(" ".join(process.cmdline())[:200])
    return found


def serves(process: psutil.Process, home: str) -> bool:
    """Whether a process has to do with the state folder."""
    with contextlib.suppress(psutil.Error):
        if process.environ().get("LANDFALL_HOME") == home:
            return True
    with contextlib.suppress(psutil.Error):
        if process.cwd().startswith(home):
            return True
    return any(home in argument for argument in process.cmdline())
