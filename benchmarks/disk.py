"""`landfall-bench disk`: what a day of refreshes leaves on the disk beside the data."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import click
import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat

from benchmarks.instruments.history import STREAM, History
from benchmarks.instruments.machine import folder_bytes
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import environment, temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landfall.settings import Settings
from orchestration.instance import write_instance
from orchestration.retention import run_retention
from orchestration.warm import WarmReports
from warehouse.dbt_session import DbtSession
from warehouse.set_apart import Refresher

REFRESHES = 1_440
"""As many as a day has minutes: an asset is reported once a minute at most, however many passes there are."""
REFRESHES_A_TICK = 10
"""Sensor `run_retention` ticks every ten minutes."""
REFRESHES_A_COLD_ONE = 10
REFRESHES_A_TEST = 60
"""The schedule has one every 15 minutes. They take longest; in a day these are more than are kept, too."""
EVENTS = 30
STEPS = 12
"""How often the sizes are noted, apart from the start."""
TARGET_BYTES = 100_000_000
DAGSTER, FILES, CATALOG = "Dagster's folder", "logs and dbt's artifacts", "ops and catalog, Postgres"
DATA, WAL = "data, Postgres", "WAL"


@click.command(name="disk")
@click.option("--refreshes", default=REFRESHES, show_default=True, help="Each stands for a minute.")
@measured
def command(refreshes: int, say: Say) -> Part:
    """What refreshes leave on the disk, one for each minute of a day, as fast as they go.

    Each lands some events, refreshes the hot tables (each tenth the cold ones too), and reports them to Dagster.
    Between them: the ticks of all sensors, hourly runs of all tests, and ticks of the retention. About an hour."""
    return measure(say, refreshes)


def measure(say: Say, refreshes: int = REFRESHES) -> Part:
    """Bytes at the start (after one round of everything), at each twelfth, and at the end."""
    with temporary_servers(models=True) as settings, patch.dict(os.environ, environment(settings), clear=True):
        home = write_instance(settings.home / "dagster").parent
        with dg.DagsterInstance.from_config(str(home)) as instance:
            day = Day(settings, instance, home)
            day.minute(0)
            noted = [(0, sizes(settings))]
            for minute in range(1, refreshes + 1):
                day.minute(minute)
                if minute % max(1, refreshes // STEPS) == 0:
                    noted.append((minute, sizes(settings)))
                    say(f"disk: {minute:,} refreshes, {growth(noted) / 1e6:+.1f} MB beside the data")
    return summary(noted)


class Day:
    """The minutes of a day, without the waiting between."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, home: Path) -> None:
        # Imported here for start-up time.
        from orchestration.definitions import defs

        self._history, session = History(settings), DbtSession(settings)
        self._refresher = Refresher(session)
        self._instance, self._repository = instance, defs.get_repository_def()
        self._reports = WarmReports(settings, session.manifest, home)

    def minute(self, number: int) -> None:
        """Everything that happens in a minute. Raises RuntimeError when the models or the tests fail."""
        self._history.land(EVENTS, seed=number)
        outcome = self._refresher.hot_pass([STREAM], cold=number % REFRESHES_A_COLD_ONE == 0)
        if not outcome.ok:
            raise RuntimeError(f"refresh {number} failed")
        self._reports.add(outcome)
        self._instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "bench", []))
        if not self._reports.report():
            raise RuntimeError("nothing was reported to Dagster")
        for tick in self._ticks():
            self._instance.create_tick(tick)
        if number % REFRESHES_A_TEST == 0:
            with redirect_stdout(sys.stderr):
                self._repository.get_job("test").execute_in_process(instance=self._instance)
        if number % REFRESHES_A_TICK == 0:
            with dg.build_sensor_context(instance=self._instance) as context:
                run_retention(context)

    def _ticks(self) -> Iterator[TickData]:
        """What sensors that find nothing leave in a minute."""
        for sensor in self._repository.sensor_defs:
            for _ in range(round(60 / (sensor.minimum_interval_seconds or 30))):
                yield TickData(
                    instigator_origin_id=f"{sensor.name:x<40}", selector_id=f"{sensor.name:x<40}",
                    instigator_name=sensor.name, instigator_type=InstigatorType.SENSOR,
                    status=TickStatus.SKIPPED, timestamp=time.time(), end_timestamp=time.time(),
                    skip_reason="The warm refresh follows the loads of all streams.", cursor="0" * 100,
                )  # fmt: skip


def sizes(settings: Settings) -> dict[str, int]:
    """Bytes by what they are."""
    home = settings.home
    with connect(settings.as_transformer, autocommit=True) as connection:
        row = connection.execute(
            "select sum(pg_total_relation_size(c.oid)) filter (where n.nspname in ('ops', 'pg_catalog')),"
            " sum(pg_total_relation_size(c.oid)) filter (where n.nspname not in ('ops', 'pg_catalog'))"
            " from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'm') and n.nspname !~ '^pg_(toast|temp)'"
        ).fetchone()
    assert row is not None
    servers = {home / name for name in ("postgres", "kafka")}
    return {
        DAGSTER: folder_bytes(home / "dagster"),
        FILES: sum(folder_bytes(path) for path in home.iterdir() if path not in {*servers, home / "dagster"}),
        CATALOG: int(row[0]),
        DATA: int(row[1]),
        WAL: sum(folder_bytes(path) for path in home.glob("postgres/**/pg_wal")),
    }


def growth(noted: Sequence[tuple[int, dict[str, int]]]) -> int:
    """Bytes from the first to the last, without data and WAL."""
    (_, before), (_, after) = noted[0], noted[-1]
    return sum(after[name] - before[name] for name in (DAGSTER, FILES, CATALOG))


def summary(noted: Sequence[tuple[int, dict[str, int]]]) -> Part:
    """The table of sizes."""
    refreshes, grown = noted[-1][0], growth(noted)
    table = Table(f"On the disk after so many refreshes of {EVENTS} events (MB)", ["", *noted[0][1]])
    table.rows.extend((f"{minute:,}", *(size / 1e6 for size in found.values())) for minute, found in noted)
    table.notes.append(
        f"{refreshes:,} refreshes left {grown / 1e6:.1f} MB beside data and WAL;"
        f" the target is {TARGET_BYTES / 1e6:.0f} MB."
    )
    return Part("disk", [table], {"sizes": noted, "grown_bytes": grown})
