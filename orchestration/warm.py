"""Shows Dagster what the warm refresh does, without a run for each pass: materializations that belong to no run."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from database.connect import connect
from landfall.settings import Settings
from orchestration.instance import FILE_NAME, STORAGE_VARIABLE
from warehouse.dbt_session import Outcome

if TYPE_CHECKING:
    from orchestration.figures import Written

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_REPORTS = 60.0
"""An event takes 4.6 KB and 5-8 ms, and a pass touches some 60 assets: with one every two seconds, each reported, that
would be 12 GB a day."""
POLL_SECONDS = 5.0
"""How often a Dagster is looked for."""
SECONDS_OF_A_HEARTBEAT = 120.0
"""Dagster's daemon says every 30 s that it lives. Where none does, nothing would ever remove what is reported."""


class WarmReports:
    """Collects what passes wrote, and reports it once a minute from a thread of its own, so that no pass waits.

    What nobody watches waits: Dagster may be started later, and then shows what was refreshed before.
    """

    def __init__(self, settings: Settings, manifest: Any, home: Path) -> None:
        self._settings, self._manifest, self._home = settings, manifest, home
        self._passes: list[Outcome] = []
        self._what: dict[str, Written] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dagster reports", daemon=True)

    def add(self, outcome: Outcome) -> None:
        """Take note of a pass."""
        self._passes.append(outcome)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def close(self) -> None:
        """Report no more. What waits is left out: the next refresh reports it with its own."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            try:
                reported = self.report()
            except Exception as error:  # whatever Dagster's storage raises: the refresh is not to suffer from it
                logger.warning("Dagster could not be told of the refreshes: %s", " ".join(str(error).split())[:300])
                reported = True
            self._stop.wait(SECONDS_BETWEEN_REPORTS if reported else POLL_SECONDS)

    def report(self) -> bool:
        """Report what waits, now, where a Dagster lives; whether anything was reported."""
        # Imported here for start-up time.
        from orchestration.figures import materializations, together, views_above, written

        while self._passes:
            self._what = together(self._what, written(self._passes.pop(0)))
        if not self._what or not storage_is_made(self._home):
            return False
        import dagster as dg

        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            if not is_watched(instance, time.time()):
                return False
            with connect(
                self._settings.as_transformer, autocommit=True, application_name="landfall refresh"
            ) as connection:
                events = materializations(connection, self._what, views_above(self._manifest))
            for event in events:
                instance.report_runless_asset_event(event)
        self._what = {}
        return True


def storage_is_made(home: Path) -> bool:
    """Whether a Dagster has made its tables, so that to open its storage makes none.

    Two processes that make those of SQLite at once end one of them ("table runs already exists"), and that may be
    `dagster dev`. The schedules' are made last, and have a version when they are complete.
    """
    if os.environ.get(STORAGE_VARIABLE):
        return (home / FILE_NAME).is_file()  # Dagster itself tries again where Postgres has the table already
    database = home / "schedules" / "schedules.db"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("select 1 from alembic_version").fetchone() is not None
    except sqlite3.OperationalError:  # no file yet, or no table
        return False


def is_watched(instance: Any, now: float) -> bool:
    """Whether a Dagster daemon lives that shares this storage."""
    beats = instance.get_daemon_heartbeats().values()
    return any(now - beat.timestamp < SECONDS_OF_A_HEARTBEAT for beat in beats)


@contextmanager
def warm_reports(settings: Settings, manifest: Any) -> Iterator[WarmReports]:
    """Reports while the block lasts, to the Dagster of DAGSTER_HOME or else of the state folder."""
    reports = WarmReports(settings, manifest, Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster"))
    reports.start()
    try:
        yield reports
    finally:
        reports.close()
