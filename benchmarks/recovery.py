"""`landfall-bench recovery`: what refreshes the models is killed; the seconds until they are right, by themselves."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
import psutil
import psycopg

from benchmarks.instruments.cpu import descendants
from benchmarks.instruments.events import flowing
from benchmarks.instruments.landing import command as running_command
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from database.locks import DBT, FOLLOWER, is_held
from landfall.processes import free_port
from landfall.settings import Settings
from simulator.simulation import STREAMS
from warehouse.dbt_session import DbtSession
from warehouse.refresh import first_trouble

GIVE_UP_SECONDS = 300.0
RATE = 100.0
Connection = psycopg.Connection[tuple[Any, ...]]


@click.command(name="recovery")
@click.option("--rounds", default=3, show_default=True, help="Kills of each kind.")
@measured
def command(rounds: int, say: Say) -> Part:
    """Kill -9 of what refreshes the models, in the midst of it, and the seconds until they are right again.

    \b
    refresh    the warm `landfall refresh --watch`, while dbt writes; `landfall serve` starts it again
    run        a refresh that Dagster's sensor started, while dbt writes; no warm refresh beside
    daemon     Dagster's daemon and the run under way; no warm refresh beside; `landfall serve` starts Dagster again
    hand-over  `landfall serve` with the warm refresh and all below it; a Dagster elsewhere takes over

    Right: every table has read what had landed when the kill came. After all kills every dbt test passes, and no
    landed record is unaccounted for, or the measurement fails."""
    return measure(say, rounds)


@dataclass(frozen=True)
class Scene:
    """The servers of a measurement, what runs on them, and a look into the database."""

    settings: Settings
    database: Connection

    def follower(self) -> psutil.Process | None:
        """The process that refreshes the models, known by the port of its connection; None between two of them."""
        row = self.database.execute(
            """
            select a.client_port
            from pg_locks as l
            inner join pg_stat_activity as a on a.pid = l.pid
            where l.locktype = 'relation' and l.granted and l.mode = 'ExclusiveLock'
                and a.datname = current_database() and l.relation = to_regclass(%s)
            """,
            (f"ops.{FOLLOWER}",),
        ).fetchone()
        connections = psutil.net_connections("tcp") if row else []
        for connection in connections:
            if row and connection.laddr and connection.laddr.port == row[0] and connection.pid:
                return psutil.Process(connection.pid)
        return None

    def daemon(self) -> psutil.Process | None:
        """Dagster's daemon, of this state folder."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "dagster._daemon" in process.cmdline() and process.environ().get("LANDFALL_HOME") == self.home:
                    return process
        return None

    @property
    def home(self) -> str:
        """The state folder."""
        return str(self.settings.home)

    def wait(self, done: Callable[[], bool], what: str) -> None:
        """Poll. Raises RuntimeError when it takes longer than GIVE_UP_SECONDS."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {GIVE_UP_SECONDS:.0f} s: {what}; logs in {self.settings.home}")
            time.sleep(0.1)

    def horizons(self) -> dict[str, int]:
        """The newest load of each stream."""
        return dict(self.database.execute("select stream, hi from landing.horizons").fetchall())

    def has_read(self, horizons: dict[str, int]) -> bool:
        """Whether every table has read every load up to these."""
        positions: dict[str, int] = dict(
            self.database.execute("select source, min(position) from ops.model_progress group by source").fetchall()
        )
        return all(positions.get(stream, 0) >= hi for stream, hi in horizons.items())

    def is_writing(self) -> bool:
        """Whether dbt writes just now."""
        return is_held(self.database, DBT)


def measure(say: Say, rounds: int = 3) -> Part:
    """Seconds from each kill to right tables."""
    found: dict[str, list[float]] = {}
    with (
        temporary_servers(models=True) as settings,
        connect(settings.as_transformer, autocommit=True) as database,
    ):
        scene = Scene(settings, database)
        with served(scene, "land"), flowing(settings, RATE, seed=1, streams=STREAMS):
            scene.wait(lambda: all(scene.horizons().values()), "a first load of each stream")
            with served(scene, "dagster"):
                with served(scene, "refresh") as supervisor:
                    for _ in range(rounds):
                        recovered(scene, found, say, "refresh", lambda: [scene.follower()])
                    everything = [supervisor, *descendants(supervisor)]
                    recovered(scene, found, say, "hand-over", lambda: [scene.follower(), *everything])
                for _ in range(rounds):
                    recovered(scene, found, say, "run", lambda: [scene.follower()])
                    recovered(scene, found, say, "daemon", lambda: [scene.follower(), scene.daemon()])
        check(settings, database)
    return summary(found)


@contextmanager
def served(scene: Scene, service: str) -> Iterator[psutil.Process]:
    """`landfall serve --only SERVICE` while the block lasts."""
    arguments = ["serve", "--only", service, "--port", str(free_port(None))]
    with running_command(scene.settings, *arguments) as process:
        yield process


def recovered(
    scene: Scene,
    found: dict[str, list[float]],
    say: Say,
    kind: str,
    victims: Callable[[], Sequence[psutil.Process | None]],
) -> None:
    """Kill while dbt writes, and note the seconds until what had landed by then is in every table."""
    targets: list[psutil.Process] = []

    def found_at_work() -> bool:
        nonlocal targets
        seen = victims()
        targets = [process for process in seen if process is not None]
        return scene.is_writing() and len(targets) == len(seen)

    scene.wait(found_at_work, f"{kind} to be at work")
    for process in targets:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    killed, horizons = time.monotonic(), scene.horizons()
    scene.wait(lambda: scene.has_read(horizons), f"right tables after a kill of {kind}")
    found.setdefault(kind, []).append(time.monotonic() - killed)
    say(f"recovery: {kind} killed, right after {found[kind][-1]:.1f} s")


def check(settings: Settings, database: Connection) -> None:
    """Raise RuntimeError unless every dbt test passes and every landed record is accounted for."""
    outcome = DbtSession(settings).run(["build", "--exclude-resource-type", "unit_test"])
    if not outcome.ok:
        raise RuntimeError(f"after the kills: {first_trouble(outcome)}")
    row = database.execute(
        "select count(*) from ops.reconciliation where unexplained_offsets <> 0 or unexplained_rows <> 0"
    ).fetchone()
    if row != (0,):
        raise RuntimeError("after the kills some landed records are unaccounted for: see ops.reconciliation")


def summary(found: dict[str, list[float]]) -> Part:
    """The table of seconds by kind of kill."""
    table = Table("Killed while it refreshed: seconds until every table was right again", ["killed", "kills", "each"])
    for kind, seconds in found.items():
        table.rows.append((kind, len(seconds), ", ".join(f"{value:.1f}" for value in seconds)))
    table.notes.append("Afterwards every dbt test passed and every landed record was accounted for.")
    return Part("recovery", [table], {"seconds": found})
