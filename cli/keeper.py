"""Everything that keeps running, as children of one process that starts again what dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from cli.children import Child, Children
from cli.dagster_server import start_dagster
from landfall.backoff import Backoff
from landfall.errors import EXIT_FENCED
from landfall.processes import exit_in_words, is_free, last_lines
from landfall.services import ServiceRecord, service_port
from landfall.settings import Settings
from landfall.state import open_state

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
HEALTHY_SECONDS = 60.0
"""A service that ran for this many seconds has recovered: the next pause is the first one again."""

DAGSTER_PORT = 3000

Start = Callable[[Children], Child]


@dataclass
class Service:
    """One child, and when it is to be started again. Times are those of time.monotonic()."""

    name: str
    start: Start
    child: Child | None = None
    started: float = 0.0
    due: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
    asked_again: float = 0.0
    restarts: int = 0
    record: ServiceRecord = field(init=False)

    def __post_init__(self) -> None:
        self.record = ServiceRecord.of_this_process(self.name)

    def ending(self, now: float) -> str | None:
        """How it has ended, in words; None while it runs and serves."""
        assert self.child is not None
        if (code := self.child.process.poll()) is not None:
            return exit_in_words(code)
        if self.child.port is None or now < max(self.started + HEALTHY_SECONDS, self.asked_again):
            return None
        # `dagster dev` goes on when its webserver found the port taken
        self.asked_again = now + HEALTHY_SECONDS
        port = self.child.port
        return None if is_free(port) or self.child.listens() else f"without its port {port}, which another process has"

    def ended(self, home: Path, now: float, ending: str) -> bool:
        """Note an end and decide when to go on; True when the service is not to come back."""
        assert self.child is not None
        code = self.child.process.returncode
        if self.name == "land" and code == EXIT_FENCED:
            taken_over = "another `landfall land` has taken over"
            logger.error("%s: %s; it is not started again here", self.name, taken_over)
            self.record.ended(home, ending, last_lines(self.child.log, 2), given_up=taken_over)
            return True
        self.record.ended(home, ending, last_lines(self.child.log, 2))
        if now - self.started > HEALTHY_SECONDS:
            self.backoff.reset()
        self.due = now + self.backoff.next()
        self.restarts += 1
        logger.error(
            "%s ended %s: it starts again in %.0f s; its log: %s", self.name, ending, self.due - now, self.child.log
        )
        return False


@dataclass
class Keeper:
    """Starts services, and starts again those that die. What becomes of them stands in the state folder `home`."""

    home: Path
    children: Children
    services: list[Service] = field(default_factory=list)

    def run(self, stop: Event) -> None:
        """Until `stop` is set; then every child is stopped."""
        try:
            while not stop.wait(POLL_SECONDS):
                self.poll(time.monotonic())
        finally:
            self.children.stop()
            for service in self.services:
                service.record.forget(self.home)

    def poll(self, now: float) -> None:
        """Ask once how each service is."""
        for service in list(self.services):
            if service.child is None:
                if now >= service.due:
                    service.child, service.started = service.start(self.children), now
                    service.record.started(self.home, service.child.process.pid, service.child.port)
                    logger.info("%s started (process %d)", service.name, service.child.process.pid)
            elif (ending := service.ending(now)) is not None:
                # what is left of its session, such as a webserver whose daemon was killed
                self.children.drop(service.child)
                if service.ended(self.home, now, ending):
                    self.services.remove(service)
                service.child = None


def services(settings: Settings, names: Sequence[str], port: int | None) -> list[Service]:
    """The services of these names. `port`: of Dagster's page, None for the usual one or a free one."""
    starts: dict[str, Start] = {
        "land": command("land"),
        "refresh": command("refresh", "--watch"),
        "metrics": lambda children: metrics(children, settings),
        "dagster": lambda children: dagster(children, settings, port),
    }
    return [Service(name, starts[name]) for name in names]


def command(*arguments: str) -> Start:
    """Starts `landfall ARGUMENT…`."""
    return lambda children: children.start(*arguments)


def metrics(children: Children, settings: Settings) -> Child:
    """Starts `landfall metrics`: on the port that was set, or on one that no other state folder has."""
    chosen = settings.metrics_port
    if chosen == Settings.metrics_port:
        chosen = service_port(settings.home, "metrics", chosen)
    logger.info("metrics: http://127.0.0.1:%d/metrics", chosen)
    child = children.start("metrics", "--port", str(chosen))
    child.port = chosen
    return child


def dagster(children: Children, settings: Settings, port: int | None) -> Child:
    """Starts `dagster dev`: webserver, daemon, code server."""
    chosen = port or service_port(settings.home, "dagster", DAGSTER_PORT)
    server = start_dagster(settings, children, chosen)
    logger.info("Dagster: %s", server.address)
    return server.child


def keep_running(settings: Settings, names: Sequence[str], port: int | None, stop: Event) -> None:
    """Run these services until `stop` is set. Logs are in LANDFALL_HOME/serve."""
    open_state(settings.home)
    Keeper(settings.home, Children(settings.home / "serve"), services(settings, names, port)).run(stop)
