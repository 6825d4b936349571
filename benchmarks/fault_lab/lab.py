"""What the faults strike: a landing stream and a refresh that follows it, with a link between any two parts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.fault_lab.clocks import Clocks
from benchmarks.fault_lab.disks import Disks
from benchmarks.fault_lab.proxy import Link
from benchmarks.freshness import cold_relations
from benchmarks.kill_test.copies import Copy
from benchmarks.kill_test.disasters import Scene
from database.connect import connect
from landfall.processes import last_lines, wait_until
from landfall.settings import Settings
from warehouse.dbt_manifest import read_manifest

_REFRESH_SECONDS = 240.0
_COMMAND_SECONDS = 300.0
_STARTS, _ANSWER_SECONDS = 6, 20.0
_HOT = "select source, min(position) from ops.model_progress where relation <> all(%s) group by source"


@dataclass(frozen=True)
class Fault:
    """`what`: a sentence for the report. `strike` calls `lab.over()` when the fault is over, or where it is a moment,
    at it; then waits for who was struck to go on; and leaves the lab whole."""

    what: str
    strike: Callable[[Lab], None]


def fault(strike: Callable[..., None], **bound: object) -> Fault:
    """The fault whose sentence is what the function says of itself; `bound`: what it takes beside the lab."""
    return Fault(" ".join((strike.__doc__ or "").split()), partial(strike, **bound))


@dataclass(frozen=True)
class Environs:
    """The environments of the parts: each knows the servers by links of its own."""

    land: Mapping[str, str]
    refresh: Mapping[str, str]
    commands: Mapping[str, str]


class Command:
    """A command that runs."""

    def __init__(self, environ: Mapping[str, str], log: Path, arguments: Sequence[str]) -> None:
        self._arguments, self._log = arguments, log
        with log.open("ab") as output:
            self._begun = output.tell()
        self._copy = Copy(environ, log, *arguments[1:], command=arguments[0])

    def ended_well(self) -> None:
        """Waits for its end. Raises RuntimeError, with what it says, when that is not exit code 0."""
        if (code := self._copy.wait(_COMMAND_SECONDS)) != 0:
            self._copy.kill()
            said = last_lines(self._log, since=self._begun)
            raise RuntimeError(f"`landfall {' '.join(self._arguments)}` ended with {code}: {said}")


class Lab(Scene):
    """The scene of the kill test, with links, and with models that follow."""

    def __init__(
        self,
        home: Path,
        settings: Settings,
        environs: Environs,
        rng: random.Random,
        links: Mapping[str, Link] | None = None,
        clocks: Clocks | None = None,
        disks: Disks | None = None,
    ) -> None:
        super().__init__(home, settings, environs.land, rng)
        self.environs = environs
        self.links, self._clocks, self._disks = links or {}, clocks, disks
        self._cold = cold_relations(read_manifest())
        self._watch: Copy | None = None

    @property
    def clocks(self) -> Clocks:
        """Those of its processes."""
        assert self._clocks is not None
        return self._clocks

    @property
    def disks(self) -> Disks:
        """Those under its servers."""
        assert self._disks is not None
        return self._disks

    @property
    def watch(self) -> Copy:
        """The refresh that follows; started where there is none."""
        if self._watch is None:
            self._watch = Copy(self.environs.refresh, self.home / "refresh.log", "--watch", command="refresh")
        return self._watch

    def stop_watch(self) -> None:
        """Ends it as an operator does. Raises RuntimeError when it does not end well."""
        copy, self._watch = self.watch, None
        copy.process.terminate()
        if (code := copy.wait(60)) != 0:
            copy.kill()
            raise RuntimeError(f"SIGTERM ended the refresh with {code}: see {self.home / 'refresh.log'}")

    def kill(self) -> None:
        super().kill()
        self.kill_watch()

    def kill_watch(self) -> None:
        """SIGKILL to it and all below it."""
        if self._watch is not None:
            self._watch.kill()
            self._watch = None

    def refreshed(self) -> None:
        """Waits until every hot table has read what has landed by now."""
        horizons = self._read("select stream, hi from landing.horizons", _REFRESH_SECONDS)

        def has_read() -> bool:
            if not self.watch.runs():
                return True
            positions = self._read(_HOT, 0.0, self._cold)
            return all(positions.get(stream, 0) >= hi for stream, hi in horizons.items())

        if not wait_until(has_read, _REFRESH_SECONDS, interval=0.2) or not self.watch.runs():
            code = self.watch.process.poll()
            raise RuntimeError(f"the models follow no more (exit code {code}): see {self.home / 'refresh.log'}")
        self.went_on_at = time.monotonic()

    def begin(self, *arguments: str) -> Command:
        """`landfall …` beside it all."""
        return Command(self.environs.commands, self.home / "commands.log", arguments)

    def start_servers(self) -> None:
        """Starts those that have ended, or end while this is asked: a Postgres that cannot recover ends after a while.

        Raises RuntimeError or UserError when they do not run within minutes.
        """
        for _ in range(_STARTS):
            self.postgres.start()
            self.kafka.start()
            if self._read("select 1, 1", _ANSWER_SECONDS):
                return
        raise RuntimeError(f"Postgres does not answer: {self.postgres.said()}")

    def revive(self) -> None:
        """After something that went wrong: everything is whole and runs anew."""
        for link in self.links.values():
            link.heal()
        self.start_servers()
        self.kill()
        self._copies.clear()
        self.start()
        self.landing()
        self.refreshed()

    def hold(self, least: float, most: float) -> float:
        """Lets a fault last for a random time; gives the seconds."""
        seconds = self.rng.uniform(least, most)
        time.sleep(seconds)
        self.moment = f"{self.moment}, for {seconds:.1f} s" if self.moment else f"for {seconds:.1f} s"
        return seconds

    def _read(self, query: str, seconds: float, *parameters: object) -> dict[str, int]:
        """Rows of two columns, as soon as Postgres answers; none when it does not within so many seconds."""
        found: dict[str, int] = {}

        def answered() -> bool:
            try:
                with connect(self.settings.as_transformer, application_name="fault lab") as connection:
                    found.update(connection.execute(query.encode(), parameters).fetchall())
            except psycopg.Error:
                return False
            return True

        wait_until(answered, seconds, interval=0.5)
        return found
