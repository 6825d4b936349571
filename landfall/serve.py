"""Everything that keeps running, as children of one process that starts again what dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from landfall.errors import EXIT_FENCED
from landfall.settings import Settings
from local_stack.children import Child, Children, how
from local_stack.lifeline import prefix

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
HEALTHY_SECONDS = 60.0
"""A service that ran for so long has recovered: the next pause is the first one again."""

Start = Callable[[Children], Child]


@dataclass
class Service:
    """One child, and when it is to be started again. Times are those of time.monotonic()."""

    name: str
    start: Start
    child: Child | None = None
    started: float = 0.0
    due: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    restarts: int = 0

    def ended(self, now: float) -> bool:
        """Note an end and decide when to go on; True when the service is not to come back."""
        assert self.child is not None
        code = self.child.process.returncode
        if self.name == "land" and code == EXIT_FENCED:
            logger.error("%s: another `landfall land` has taken over; it is not started again here", self.name)
            return True
        if now - self.started > HEALTHY_SECONDS:
            self.pause = FIRST_PAUSE_SECONDS
        self.due, self.pause = now + self.pause, min(2 * self.pause, LONGEST_PAUSE_SECONDS)
        self.restarts += 1
        logger.error(
            "%s ended %s: it starts again in %.0f s; its log: %s", self.name, how(code), self.due - now, self.child.log
        )
        return False


@dataclass
class Supervisor:
    """Starts services, and starts again those that die."""

    children: Children
    services: list[Service] = field(default_factory=list)

    def run(self, stop: Event) -> None:
        """Until `stop` is set; then every child is stopped."""
        try:
            while not stop.wait(LOOK_SECONDS):
                self.look(time.monotonic())
        finally:
            self.children.stop()

    def look(self, now: float) -> None:
        """One look at each service."""
        for service in list(self.services):
            if service.child is None:
                if now >= service.due:
                    service.child, service.started = service.start(self.children), now
                    logger.info("%s started (process %d)", service.name, service.child.process.pid)
            elif service.child.process.poll() is not None:
                # what is left of its session, such as a webserver whose daemon was killed
                self.children.drop(service.child)
                if service.ended(now):
                    self.services.remove(service)
                service.child = None


def services(settings: Settings, names: Sequence[str], port: int | None) -> list[Service]:
    """The services of these names. `port`: of Dagster's page."""
    commands: dict[str, tuple[str, ...]] = {
        "land": ("land",),
        "refresh": ("refresh", "--watch"),
        "metrics": ("metrics",),
    }
    found = [Service(name, command(*commands[name])) for name in names if name in commands]
    if "dagster" in names:
        found.append(Service("dagster", lambda children: dagster(children, settings, port)))
    return found


def command(*arguments: str) -> Start:
    """Starts `landfall ARGUMENT…`."""
    return lambda children: children.start(*arguments)


def dagster(children: Children, settings: Settings, port: int | None) -> Child:
    """Starts `dagster dev`: webserver, daemon, code server."""
    from orchestration.serve import start_dagster

    server = start_dagster(settings, port, prefix=prefix())
    logger.info("Dagster: %s", server.address)
    return children.adopt(Child("dagster dev", server.process, server.log, asks_group=True))


def supervise(settings: Settings, names: Sequence[str], port: int | None, stop: Event) -> None:
    """Run these services until `stop` is set. Logs are in LANDFALL_HOME/serve."""
    folder: Path = settings.home / "serve"
    Supervisor(Children(folder), services(settings, names, port)).run(stop)
