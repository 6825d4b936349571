"""Apache Superset as a child that leaves nothing behind."""

import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import psutil

from cli.children import Child, Children, begin
from dashboards.superset.environment import python
from dashboards.superset.state import BUNDLE, open_folder, write_config
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.lifeline import prefix
from landfall.processes import is_free, last_lines, wait_until, wait_while_it_moves, work_done
from landfall.services import kept_service, service_port
from landfall.settings import Settings
from landfall.surroundings import UTF8_MODE

HOST = "127.0.0.1"
SERVICE = "dashboards"
NOT_FOR_IT = ("LANDFALL_", "PG", "DAGSTER_", "DBT_", "SUPERSET", "FLASK_", "GUNICORN_", "PYTHONPATH")
"""Variables that begin so are not Superset's to know: logins of other roles, and settings that are in files."""
SAID = "landfall: "
"""Begins the lines of its log that a person is shown while it starts."""
STOP_SECONDS = 60.0
"""It takes 2 to 4 on a quiet machine."""

WriteBundle = Callable[[Path], None]


@dataclass(frozen=True)
class SupersetServer:
    """A running Superset, and where its pages are."""

    child: Child
    address: str
    log_bytes: int = 0
    """Length of its log before its start: a service that is started again goes on in the same one."""

    def answers(self) -> bool:
        """Whether its pages are there. Raises UserError when it has ended."""
        if self.child.process.poll() is not None:
            log = self.child.log
            raise UserError(f"Superset ended: {last_lines(log, 3, self.log_bytes)} | More is in {log}.")
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/health", timeout=2) as response:
            return bool(response.status == 200)
        return False

    def said(self) -> list[str]:
        """What it has told a person since its start, line by line."""
        lines = self.child.log.read_bytes()[self.log_bytes :].decode(errors="replace").splitlines()
        return [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]

    def wait(self, stop: Event, say: Callable[[str], None]) -> bool:
        """Return when its pages answer, or when `stop` is set; whether they do. `say` is told what it does meanwhile.

        Raises UserError when it has ended or no longer moves.
        """
        process, log, told = psutil.Process(self.child.process.pid), self.child.log, 0

        def done() -> bool:
            nonlocal told
            for line in self.said()[told:]:
                say(line)
                told += 1
            return stop.is_set() or self.answers()

        waited = wait_while_it_moves(done, lambda: work_done([process], [log]))
        if not waited.done:
            raise UserError(
                f"Superset does not answer at {self.address} after {waited.seconds:.0f} s, the last"
                f" {waited.quiet_seconds:.0f} of them without doing anything: see {log}."
            )
        return not stop.is_set()


def start_superset(
    settings: Settings, children: Children, port: int, write_content: WriteBundle | None = None
) -> SupersetServer:
    """Start Superset on this port of loopback, in its environment (`set_up` before), with its state in the state
    folder. `write_content` writes what it shows, instead of our dashboards.

    Returns at once: it first prepares what is not prepared yet, half a minute the first time, and otherwise answers
    some seconds after its start (see `wait`). It ends with `children`, within 2 s.
    """
    # Imported here for start-up time: `landfall down` needs none of it.
    from dashboards.superset.bundle import write_bundle

    folder = open_folder(settings.home)
    (write_content or write_bundle)(folder / BUNDLE)
    (folder / BUNDLE).chmod(0o600)
    write_config(settings)
    log = begin(folder / "superset.log")
    log.chmod(0o600)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_IT)}
    own = {
        "SUPERSET_HOME": str(folder),
        "SUPERSET_CONFIG_PATH": str(PROJECT / "dashboards" / "superset" / "inside" / "superset_config.py"),
        # "Today" in a filter, and the hours of a time stamp, are the same on every machine; our dashboards count on it.
        "TZ": "UTC",
        "PGTZ": "UTC",
        UTF8_MODE: "1",
    }
    before = log.stat().st_size
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*prefix(), str(python()), "-m", "dashboards.superset.inside.serve", str(port), settings.listen_address],
            cwd=PROJECT,
            env={**kept, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    child = children.adopt(Child(SERVICE, process, log, port=port))
    return SupersetServer(child, f"http://{HOST}:{port}", before)


def choose_port(settings: Settings, wanted: int | None) -> int:
    """`wanted`, else the one that was set, else the one it had last, else the usual, else a free one.

    Raises UserError when one that was asked for is taken.
    """
    asked = wanted or (settings.superset_port if settings.superset_port != Settings.superset_port else None)
    if asked is None:
        return service_port(settings.home, SERVICE, Settings.superset_port)
    if not wait_until(lambda: is_free(asked), 2):
        raise UserError(f"Port {asked} of {HOST} is taken: stop what has it, or choose another one with --port.")
    return asked


def stop_superset(home: Path) -> bool:
    """Stop the Superset of this state folder that `landfall dashboards` runs; whether one ran.

    One that `landfall serve` keeps running goes on, as its other services do. Raises UserError when it does not end.
    """
    found = kept_service(home, SERVICE)
    if found is None or found.comes_back or found.pid is None:
        return False
    with suppress(psutil.Error):
        keeper, server = psutil.Process(found.keeper), psutil.Process(found.pid)
        keeper.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs([server, keeper], STOP_SECONDS)
        if alive:
            raise UserError(f"Superset (process {alive[0].pid}) did not stop within {STOP_SECONDS:.0f} s.")
    return True
