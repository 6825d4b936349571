"""What became of the services of a state folder, as who keeps them running wrote it down: LANDFALL_HOME/services."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from landfall.processes import alive, free_port
from landfall.state import write_private

FOLDER = "services"
ENDS_KEPT = 50
"""With pauses of up to 30 s, the ends of at least the last 20 minutes."""


@dataclass(frozen=True)
class End:
    """One end of a service. `at`: seconds since 1970; `how`: exit code or signal in words; `said`: its last lines."""

    at: float
    how: str
    said: str


@dataclass
class ServiceRecord:
    """One service. `keeper`: process id of who starts it again, and when that process began (seconds since 1970)."""

    name: str
    keeper: int
    keeper_began: float
    pid: int | None = None
    """Its process; None while it does not run."""
    started_at: float | None = None
    """Seconds since 1970."""
    port: int | None = None
    """Of 127.0.0.1, where it serves something."""
    given_up: str = ""
    """Why it is not started again; empty while it is."""
    comes_back: bool = True
    """Whether the keeper starts it again when it ends."""
    ends: list[End] = field(default_factory=list)
    """Oldest first, at most ENDS_KEPT."""

    @classmethod
    def of_this_process(cls, name: str) -> ServiceRecord:
        """A record of a service that this process keeps running."""
        own = psutil.Process()
        return cls(name, own.pid, own.create_time())

    def started(self, home: Path, pid: int, port: int | None) -> None:
        """Note a start."""
        self.pid, self.started_at, self.port = pid, time.time(), port
        self.write(home)

    def ended(self, home: Path, how: str, said: str, *, given_up: str = "") -> None:
        """Note an end."""
        self.pid, self.given_up = None, given_up
        self.ends = [*self.ends, End(time.time(), how, said)][-ENDS_KEPT:]
        self.write(home)

    def write(self, home: Path) -> None:
        """Keep it in the state folder `home`, mode 600: a log's last lines may name hosts of events."""
        (home / FOLDER).mkdir(mode=0o700, exist_ok=True)
        write_private(home / FOLDER / f"{self.name}.json", json.dumps(asdict(self)) + "\n")

    def forget(self, home: Path) -> None:
        """Its keeper stops it and ends: nothing is to be said of it any more. The port stays known."""
        self.pid, self.ends, self.given_up = None, [], ""
        self.write(home)

    @property
    def is_kept(self) -> bool:
        """Whether who keeps it running still runs."""
        try:
            keeper = psutil.Process(self.keeper)
            # Both are of the same clock of the kernel; a hundredth of a second is its grain.
            return abs(keeper.create_time() - self.keeper_began) < 0.1 and alive(keeper)
        except psutil.Error:
            return False


def kept_services(home: Path) -> tuple[ServiceRecord, ...]:
    """The services of `home` that a running process keeps running, by name; one whose file is damaged is left out."""
    return tuple(record for record in read_records(home) if record.is_kept)


def kept_service(home: Path, name: str) -> ServiceRecord | None:
    """The service of this name while it runs and its keeper does; None otherwise."""
    return next((record for record in kept_services(home) if record.name == name and record.pid is not None), None)


def read_records(home: Path) -> Iterable[ServiceRecord]:
    """Every record of `home`, by name."""
    for path in sorted((home / FOLDER).glob("*.json")):
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            yield ServiceRecord(**given | {"ends": [End(**end) for end in given["ends"]]})
        except (OSError, ValueError, TypeError, KeyError):
            continue


def service_port(home: Path, name: str, usual: int) -> int:
    """The port of 127.0.0.1 for a service: the one it had last in `home`, else `usual`, else a free one.

    Each only while nobody listens on it, so that the services of two state folders do not fight over one.
    Raises UserError when no port is free.
    """
    last = next((record.port for record in read_records(home) if record.name == name), None)
    return free_port(last or usual)
