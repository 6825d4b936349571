"""Child processes, each the leader of a session of its own, so that none of them can get lost."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from landfall.errors import EXIT_FENCED, UserError
from landfall.layout import venv_bin
from landfall.lifeline import prefix
from landfall.processes import exit_in_words, last_lines
from landfall.settings import without_admin

GRACE_SECONDS = 3.0
"""How long children may take to stop cleanly: 2 s on a quiet machine. All of them write in transactions, so that
killing what takes longer (a refresh under way) loses nothing."""
KILL_SECONDS = 2.0


@dataclass
class Child:
    """A child process and its log. `asks_group`: SIGTERM goes to its whole group, not only to the leader."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    asks_group: bool = False
    port: int | None = None
    """Of 127.0.0.1, where it serves something."""

    def check(self) -> None:
        """Raise UserError when it has ended; children of the demo run until they are stopped."""
        code = self.process.poll()
        if code is None:
            return
        if self.name == "landfall land" and code == EXIT_FENCED:
            raise UserError("Another `landfall land` on the same servers has taken over: stop it, then try again.")
        raise UserError(f"`{self.name}` ended {exit_in_words(code)}; {self.log} says: {last_lines(self.log, 3)}")

    def ask(self) -> None:
        """Ask it to stop."""
        with contextlib.suppress(ProcessLookupError):
            if self.asks_group:
                os.killpg(self.process.pid, signal.SIGTERM)
            elif self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End whatever is left of its session."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def listens(self) -> bool:
        """Whether one of its session listens on its port. True where the system does not say who listens."""
        for pid in self.members():
            try:
                found = psutil.Process(pid).net_connections("tcp")
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied:
                return True
            if any(one.status == psutil.CONN_LISTEN and one.laddr.port == self.port for one in found):
                return True
        return False

    def members(self) -> list[int]:
        """Processes of its session that still run. Spark's Python workers leave its group, but not its session."""
        self.process.poll()
        return session_members(self.process.pid)


def session_members(session: int) -> list[int]:
    """Ids of the session's processes, those that ended and were not waited for left out."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


@cache
def begin(log: Path) -> Path:
    """Empty a child's log, once in the life of this process: what a child said last stays when it is started again.

    Open it to append: it is cut meanwhile (orchestration/upkeep/logs.py).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    return log


class Children:
    """The children of this process, with logs in `folder`. Started from the main thread: see landfall/lifeline.py."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[Child] = []

    def start(self, *arguments: str) -> Child:
        """Run `landfall ARGUMENT…`, with its output in a log: see `begin`."""
        log = begin(self.folder / f"{arguments[0]}.log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*prefix(), str(venv_bin() / "landfall"), *arguments],
                env=without_admin(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.adopt(Child(f"landfall {arguments[0]}", process, log))

    def adopt(self, child: Child) -> Child:
        """Take charge of a child that was started elsewhere."""
        self._running.append(child)
        return child

    def wait(self, child: Child) -> int:
        """The exit code of a child that has ended, which is then no longer looked after."""
        self._running.remove(child)
        return child.process.wait()

    def check(self) -> None:
        """Raise UserError when one of them has ended."""
        for child in self._running:
            child.check()

    def drop(self, child: Child) -> None:
        """Look no more after a child that has ended, and end what is left of its session."""
        self._running.remove(child)
        child.kill()
        wait_for_end([child], KILL_SECONDS)

    def stop(self) -> None:
        """Stop all of them: asked first, killed after GRACE_SECONDS."""
        children, self._running = self._running, []
        for child in children:
            child.ask()
        wait_for_end(children, GRACE_SECONDS)
        for child in children:
            child.kill()
        wait_for_end(children, KILL_SECONDS)


def wait_for_end(children: list[Child], seconds: float) -> None:
    """Wait until nothing is left of these, or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while any(child.members() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
