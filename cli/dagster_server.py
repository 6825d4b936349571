"""`dagster dev` as a child that leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.children import begin
from cli.environment import shell_variables
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.processes import free_port, wait_while_it_moves, work_done
from landfall.settings import Settings, without_admin
from orchestration.instance import write_instance

HOST = "127.0.0.1"
# Asked to end, it takes 1-3 s; a dbt run that is under way is cut off, which its transactions allow.
GRACE_SECONDS = 4.0
KILL_SECONDS = 1.0
JSON_LINES = PROJECT / "orchestration" / "json-lines.sh"


@dataclass(frozen=True)
class DagsterServer:
    """A running `dagster dev`, leader of a process group of its own."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def answers(self) -> bool:
        """Whether the web page is there. Raises UserError when the server has ended."""
        if self.process.poll() is not None:
            raise UserError(f"dagster dev ended with exit code {self.process.returncode}: see {self.log}.")
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/server_info", timeout=2) as response:
            return bool(response.status == 200)
        return False

    def wait(self) -> None:
        """Return when the web page answers. Raises UserError when it has ended or no longer moves."""
        waited = wait_while_it_moves(self.answers, lambda: work_done([psutil.Process(self.process.pid)], [self.log]))
        if not waited.done:
            raise UserError(
                f"dagster dev does not answer at {self.address} after {waited.seconds:.0f} s, the last"
                f" {waited.quiet_seconds:.0f} of them without doing anything: see {self.log}."
            )

    def stop(self) -> None:
        """End every process of the group: asked first, killed after GRACE_SECONDS. Safe to repeat."""
        for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            deadline = time.monotonic() + seconds
            while self.members() and time.monotonic() < deadline:
                self.process.poll()
                time.sleep(0.05)
            if not self.members():
                break
        self.process.wait(timeout=KILL_SECONDS)

    def members(self) -> list[int]:
        """Ids of the group's processes that still run."""
        return group_members(self.process.pid)


def group_members(group: int) -> list[int]:
    """Ids of the processes of a process group, those that ended and were not waited for left out."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def start_dagster(settings: Settings, port: int | None = None, *, prefix: Sequence[str] = ()) -> DagsterServer:
    """Start `dagster dev` on loopback, on `port` or a free one, with its state and log inside the state folder.

    `prefix`: a program, with arguments, that becomes the command line behind it.

    Returns at once: the page answers after 10-20 s (see `wait`). The caller ends it with `stop`. A SIGTERM to the
    process group ends it as well, in 1-3 s, but takes over 8 s on a busy machine while a run is under way.
    """
    home = settings.home / "dagster"
    write_instance(home)
    chosen = port or free_port(None)
    log = begin(home / "dagster-dev.log")
    # What to load stands in pyproject.toml.
    command = [*prefix, str(JSON_LINES), sys.executable, "-m", "dagster", "dev", "--host", HOST, "--port", str(chosen)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**without_admin(os.environ), **shell_variables(settings), "DAGSTER_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return DagsterServer(process, f"http://{HOST}:{chosen}", log)
