"""What happens to the landing stream, a disaster a function: each leaves a copy running that lands."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import psycopg

from benchmarks.kill_test.copies import Copy
from database.connect import connect
from landfall.processes import gone, wait_until
from landfall.settings import Settings
from local_stack.kafka import Kafka
from local_stack.postgres import Postgres

EXIT_STOPPED, EXIT_FENCED = 0, 3

_START_SECONDS = 180.0
_RECOVER_SECONDS = 180.0
_STOP_SECONDS = 60.0
# One kill in four comes while the copy is still starting, the others while it lands.
_DURING_START = 0.25
_LONGEST_START, _LONGEST_LANDING = 12.0, 6.0


class Scene:
    """The servers, and the copy of `landfall land` that is to land at the end of each disaster."""

    def __init__(self, home: Path, settings: Settings, environ: Mapping[str, str], rng: random.Random) -> None:
        self.home, self.settings, self.rng = home, settings, rng
        self.starts = self.left_alone = 0
        self.moment = ""
        self.over_at = self.went_on_at = 0.0
        """When the last disaster was over, or, where it is a moment, came; and when landing was seen to go on."""
        self.log = home / "land.log"
        self.kafka = Kafka(home / "kafka")
        self.postgres = Postgres(home / "postgres")
        self._environ = environ
        self._copies: list[Copy] = []
        self._generation = 0

    @property
    def copy(self) -> Copy:
        return self._copies[-1]

    def start(self) -> Copy:
        """Starts a copy, beside what runs."""
        self._generation = self._ask("select max(generation) from landing.writers where door = 'stream'")
        self._copies.append(Copy(self._environ, self.log))
        self.starts += 1
        return self.copy

    def restart(self) -> None:
        """Starts a copy in place of one that has ended, and waits a little for what is left of the old one."""
        old = self._copies.pop()
        self.start()
        self.left_alone += old.left_alone()

    def landing(self) -> None:
        """Waits until the newest copy has finished a load."""
        query = "select count(*) from landing.loads where door = 'stream' and state = 'finished' and generation > %s"
        self._wait(
            lambda: self._ask(query, self._generation) > 0, _START_SECONDS, "has landed nothing since it started"
        )
        self.went_on_at = time.monotonic()

    def recovered(self) -> None:
        """Waits until a load that is drawn from now on is finished, by the copy that runs now."""
        last = self._ask("select max(load_id) from landing.loads where stream = 'product_views'")
        query = (
            "select count(*) from landing.loads"
            " where stream = 'product_views' and door = 'stream' and state = 'finished' and load_id > %s"
        )
        self._wait(lambda: self._ask(query, last) > 0, _RECOVER_SECONDS, "lands no more")
        self.went_on_at = time.monotonic()

    def over(self) -> None:
        """From now on it is waited for landing to go on."""
        self.over_at = time.monotonic()

    def random_moment(self, *, landing: bool = False) -> None:
        """Waits for a random moment of the newest copy's life; with `landing`, one when it has landed something."""
        if not landing and self.rng.random() < _DURING_START:
            self.moment = f"{self.pause(_LONGEST_START):.1f} s after its start"
        else:
            self.landing()
            self.moment = f"{self.pause(_LONGEST_LANDING):.1f} s after its first load"
        self.over()

    def part(self, *names: str) -> psutil.Process:
        """A random one of the copy's processes of the first name that has any, as soon as there is one."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            found[:] = next(filter(None, map(self.copy.part, names)), [])
            return bool(found)

        self._wait(is_there, _START_SECONDS, f"has no {names[0]}")
        self.over()
        return self.rng.choice(sorted(found, key=lambda process: process.pid))

    def ended(self, copy: Copy, *codes: int) -> None:
        """Waits until a copy has ended, with one of these exit codes."""
        if (code := copy.wait(_RECOVER_SECONDS)) not in codes:
            raise RuntimeError(f"a copy ended with {code} rather than {codes} (None: not at all): see {self.log}")

    def backend(self) -> int:
        """The process id of a random connection of the copy."""
        query = "select array_agg(pid) from pg_stat_activity where application_name like 'landfall land%'"
        with self._connect() as connection:
            row = connection.execute(query).fetchone()
        return self.rng.choice(sorted(row[0])) if row and row[0] else 0

    def stop(self) -> None:
        """Ends the newest copy as an operator does."""
        self.landing()
        self.copy.process.terminate()
        if (code := self.copy.wait(_STOP_SECONDS)) != EXIT_STOPPED:
            raise RuntimeError(f"SIGTERM ended the copy with {code}: see {self.log}")
        self.left_alone += self.copy.left_alone()

    def kill(self) -> None:
        for copy in self._copies:
            copy.kill()

    def forget(self, old: Copy) -> None:
        """Counts what is left of a copy that has ended."""
        self._copies.remove(old)
        self.left_alone += old.left_alone()

    def pause(self, longest: float) -> float:
        """Waits for a random time of up to so many seconds; gives it."""
        seconds = self.rng.uniform(0, longest)
        time.sleep(seconds)
        return seconds

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        if not wait_until(lambda: not self.copy.runs() or done(), seconds, interval=0.2):
            raise RuntimeError(f"after {seconds:.0f} s the copy {what}: see {self.log}")
        if not self.copy.runs():
            raise RuntimeError(f"the copy ended by itself with {self.copy.process.returncode}: see {self.log}")

    def _ask(self, query: str, *parameters: int) -> int:
        """A number, 0 for null and while Postgres is away."""
        with contextlib.suppress(psycopg.Error), self._connect() as connection:
            row = connection.execute(query, parameters).fetchone()
            return int(row[0] or 0) if row else 0
        return 0

    def _connect(self) -> psycopg.Connection:
        return connect(self.settings.as_writer, application_name="kill test")


def kill_driver(scene: Scene) -> None:
    """The Python process dies; its JVM and its workers are left to find out by themselves, beside the next copy."""
    scene.random_moment()
    scene.part("driver").kill()
    scene.copy.process.wait()
    scene.restart()


def kill_jvm(scene: Scene) -> None:
    """The JVM dies: the driver says so and ends with 1."""
    scene.random_moment()
    scene.part("jvm").kill()
    scene.ended(scene.copy, 1)
    scene.restart()


def kill_worker(scene: Scene) -> None:
    """A Python worker dies: the batch fails, the query starts again, the process lives."""
    scene.random_moment()
    scene.part("worker").kill()
    scene.recovered()


def kill_daemon(scene: Scene) -> None:
    """The process that forks the workers dies. Its workers live on; Spark makes another when it needs one."""
    scene.random_moment()
    scene.part("daemon", "worker").kill()
    scene.recovered()


def kill_enricher(scene: Scene) -> None:
    """The process that enriches dies: the landing does not notice, and another one goes on."""
    scene.random_moment()
    scene.part("enricher").kill()
    scene.recovered()


def kill_everything(scene: Scene) -> None:
    """The machine goes down, as it were: no part has a chance to clean up."""
    scene.random_moment()
    scene.copy.kill()
    scene.restart()


def second_copy(scene: Scene) -> None:
    """Somebody starts a second `landfall land`: the older one is fenced and ends with 3."""
    scene.random_moment(landing=True)
    old = scene.copy
    scene.start()
    scene.ended(old, EXIT_FENCED)
    scene.forget(old)
    scene.landing()


def frozen_copy(scene: Scene) -> None:
    """A copy stands still in the middle of its work, another takes over, and the first wakes up: it ends with 3."""
    scene.random_moment(landing=True)
    old = scene.copy
    old.freeze()
    try:
        scene.start()
        scene.landing()
    finally:
        old.thaw()
    scene.ended(old, EXIT_FENCED)
    scene.forget(old)
    scene.recovered()


def kill_backend(scene: Scene) -> None:
    """A Postgres backend dies by SIGKILL: Postgres throws all connections out and recovers."""
    scene.random_moment(landing=True)
    if pid := scene.backend():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    scene.recovered()


def kill_postgres(scene: Scene) -> None:
    """Postgres dies by SIGKILL and comes back after a moment; the copy waits for it."""
    _postgres_away(scene, signal.SIGKILL)


def restart_postgres(scene: Scene) -> None:
    """Postgres is restarted, its sessions thrown out."""
    _postgres_away(scene, signal.SIGINT)


def kill_kafka(scene: Scene) -> None:
    """Kafka dies by SIGKILL and comes back after a moment; the copy waits for it."""
    _kafka_away(scene, signal.SIGKILL)


def restart_kafka(scene: Scene) -> None:
    """Kafka is stopped and started."""
    _kafka_away(scene, signal.SIGTERM)


def _postgres_away(scene: Scene, number: signal.Signals) -> None:
    scene.random_moment(landing=True)
    server = scene.postgres
    process = server.postmaster()
    assert process is not None
    process.send_signal(number)
    wait_until(lambda: gone([process]), 60)
    time.sleep(scene.rng.uniform(0, 3))
    server.start()
    scene.over()
    scene.recovered()


def _kafka_away(scene: Scene, number: signal.Signals) -> None:
    scene.random_moment(landing=True)
    server = scene.kafka
    process = server.broker()
    assert process is not None
    process.send_signal(number)
    wait_until(lambda: gone([process]), 60)
    time.sleep(scene.rng.uniform(0, 3))
    server.start()
    scene.over()
    scene.recovered()


DISASTERS: dict[str, Callable[[Scene], None]] = {
    "driver": kill_driver,
    "jvm": kill_jvm,
    "worker": kill_worker,
    "daemon": kill_daemon,
    "enricher": kill_enricher,
    "everything": kill_everything,
    "copy": second_copy,
    "frozen": frozen_copy,
    "backend": kill_backend,
    "postgres": kill_postgres,
    "postgres-restart": restart_postgres,
    "kafka": kill_kafka,
    "kafka-restart": restart_kafka,
}
