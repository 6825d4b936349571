"""Servers as processes: found by what they run, not by a pid file, because a pid may long belong to another process."""

import contextlib
import random
import re
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from landfall.errors import UserError

# Below the kernel's range for outgoing connections (32768 and up), so that no client takes a server's port meanwhile.
PORTS = range(15_000, 32_000)
PORT_SECONDS = 2.0
QUIET_SECONDS = 60.0
"""A server that starts and has neither written a line nor used a second of CPU for this many seconds hangs."""
LONGEST_SECONDS = 900.0


def alive(process: psutil.Process) -> bool:
    """Whether the process runs; one that has ended and waits for its parent to look does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes_with(argument: str) -> list[psutil.Process]:
    """Processes that have this very command line argument, oldest first."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if argument in process.cmdline() and alive(process):
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def processes_in(folder: Path, name: str) -> list[psutil.Process]:
    """Processes of this program name whose current folder is `folder`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == name and process.cwd() == str(folder) and alive(process):
                found.append(process)
    return found


def wait_until(done: Callable[[], bool], seconds: float, interval: float = 0.05) -> bool:
    """Poll until `done()`; False when `seconds` have passed before."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


@dataclass(frozen=True)
class Wait:
    """How a wait for a server ended. `seconds`: how long it was; `quiet_seconds`: how long nothing had moved."""

    done: bool
    seconds: float
    quiet_seconds: float


def wait_while_it_moves(
    done: Callable[[], bool],
    movement: Callable[[], object],
    quiet_seconds: float = QUIET_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
) -> Wait:
    """Poll until `done()`, for as long as `movement()` comes out otherwise than before now and then.

    By progress and not by a fixed time: a busy machine takes ten times as long as a quiet one.
    Gives up when nothing has moved for `quiet_seconds`; `longest_seconds` bounds what moves without getting anywhere.
    """
    started = moved = time.monotonic()
    seen = movement()
    while not done():
        now = time.monotonic()
        if (news := movement()) != seen:
            seen, moved = news, now
        if now - moved > quiet_seconds or now - started > longest_seconds:
            return Wait(False, now - started, now - moved)
        time.sleep(0.05)
    return Wait(True, time.monotonic() - started, 0.0)


def work_done(processes: Iterable[psutil.Process], logs: Iterable[Path]) -> tuple[int, int]:
    """(whole seconds of CPU that these processes and their children have used, bytes of these logs).

    An idle JVM uses a hundredth of a core: in whole seconds that does not pass for movement.
    """
    seconds = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for member in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = member.cpu_times()
                    seconds += times.user + times.system
    size = 0
    for log in logs:
        with contextlib.suppress(OSError):
            size += log.stat().st_size
    return int(seconds), size


def gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(alive(process) for process in processes)


def free_port(preferred: int | None, taken: tuple[int, ...] = ()) -> int:
    """A port of 127.0.0.1 that nobody listens on: the one used before if it is still free, for clients that know it.

    Raises UserError when 100 ports tried at random were all taken.
    """
    if preferred is not None:
        # A server that was killed a moment ago holds its port until the last of its threads has ended.
        wait_until(lambda: is_free(preferred), PORT_SECONDS)
    for port in candidates(preferred):
        if port not in taken and is_free(port):
            return port
    raise UserError(f"No free port of 127.0.0.1 found between {PORTS.start} and {PORTS.stop}: stop what holds them.")


def candidates(preferred: int | None) -> Iterator[int]:
    """Ports to try, in order."""
    if preferred is not None:
        yield preferred
    yield from random.sample(PORTS, 100)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def exit_in_words(code: int) -> str:
    """An exit code in words."""
    return f"with exit code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"


_LONGEST_EXCEPTION = 60
"""Lines. SQLAlchemy's repeats the statement, and Dagster's longest makes a table of twenty columns."""
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception): ")
"""Begins the line of a Python traceback that says what went wrong; the text after it may take many lines more."""


def last_lines(log: Path, count: int = 5, since: int = 0) -> str:
    """The end of a log on one line, for a message about a program that ended: from its exception on, if it says one.

    `since`: how many bytes of the log are of an earlier program.
    """
    try:
        lines = log.read_bytes()[since:].decode(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    end = lines[-_LONGEST_EXCEPTION:]
    exceptions = [number for number, line in enumerate(end) if _EXCEPTION.match(line)]
    shown = end[exceptions[-1] :][:count] if exceptions else end[-count:]
    return " | ".join(line.strip() for line in shown if line.strip()) or "(empty log)"
