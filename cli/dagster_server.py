"""`dagster dev` as a child that leaves nothing behind."""

import os
import subprocess
import sys
import urllib.request
from contextlib import suppress
from dataclasses import dataclass

import psutil

from cli.children import Child, Children, begin
from cli.environment import shell_variables
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.lifeline import prefix
from landfall.processes import free_port, wait_while_it_moves, work_done
from landfall.settings import Settings, without_admin
from orchestration.instance import write_instance

HOST = "127.0.0.1"
JSON_LINES = PROJECT / "orchestration" / "json-lines.sh"


@dataclass(frozen=True)
class DagsterServer:
    """A running `dagster dev`, and where its page is."""

    child: Child
    address: str

    def answers(self) -> bool:
        """Whether the web page is there. Raises UserError when the server has ended."""
        if (code := self.child.process.poll()) is not None:
            raise UserError(f"dagster dev ended with exit code {code}: see {self.child.log}.")
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/server_info", timeout=2) as response:
            return bool(response.status == 200)
        return False

    def wait(self) -> None:
        """Return when the web page answers. Raises UserError when it has ended or no longer moves."""
        process, log = psutil.Process(self.child.process.pid), self.child.log
        waited = wait_while_it_moves(self.answers, lambda: work_done([process], [log]))
        if not waited.done:
            raise UserError(
                f"dagster dev does not answer at {self.address} after {waited.seconds:.0f} s, the last"
                f" {waited.quiet_seconds:.0f} of them without doing anything: see {log}."
            )


def start_dagster(settings: Settings, children: Children, port: int | None = None) -> DagsterServer:
    """Start `dagster dev` on loopback, on `port` or a free one, with its state and log inside the state folder.

    Returns at once: the page answers after 10-20 s (see `wait`). It ends with `children`. Asked to, it takes 1-3 s, and
    over 8 s on a busy machine while a run is under way, which is then cut off; its transactions allow that.
    """
    home = settings.home / "dagster"
    write_instance(home)
    chosen = port or free_port(None)
    log = begin(home / "dagster-dev.log")
    # What to load stands in pyproject.toml.
    command = [
        *prefix(),
        str(JSON_LINES),
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "--host",
        HOST,
        "--port",
        str(chosen),
    ]
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
    child = children.adopt(Child("dagster dev", process, log, asks_group=True, port=chosen))
    return DagsterServer(child, f"http://{HOST}:{chosen}")
