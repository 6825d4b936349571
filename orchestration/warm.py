"""Shows Dagster what the warm refresh does, without a run for each pass: materializations that belong to no run."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landfall.settings import Settings
from warehouse.connect import connect
from warehouse.dbt_session import Outcome
from warehouse.roles import TRANSFORMER

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_REPORTS = 60.0
"""An event takes about 1.3 KB and 5-8 ms, and a pass every two seconds touches some 60 assets: reported each time, that
would be 3 GB a day."""
SECONDS_OF_A_HEARTBEAT = 120.0
"""Dagster's daemon says every 30 s that it lives. Where none does, nothing would ever remove what is reported."""


class WarmReports:
    """Collects what passes wrote, and reports it once a minute from a thread of its own, so that no pass waits."""

    def __init__(self, settings: Settings, manifest: Any, home: Path) -> None:
        self._settings, self._manifest, self._home = settings, manifest, home
        self._waiting: list[Outcome] = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="dagster reports", daemon=True)

    def add(self, outcome: Outcome) -> None:
        """Take note of a pass."""
        with self._lock:
            self._waiting.append(outcome)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def close(self) -> None:
        """Report no more. What waits is left out: the next refresh reports it with its own."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            if not self._waiting:
                continue
            try:
                self.report()
            except Exception as error:  # whatever Dagster's storage raises: the refresh is not to suffer from it
                logger.warning("Dagster could not be told of the refreshes: %s", " ".join(str(error).split())[:300])
            self._stop.wait(SECONDS_BETWEEN_REPORTS)

    def report(self) -> None:
        """Report what waits, now, when somebody watches; else forget it."""
        import dagster as dg

        from orchestration.figures import Written, materializations, together, views_above, written

        with dg.DagsterInstance.from_config(str(self._home)) as instance:
            if not is_watched(instance, time.time()):
                with self._lock:
                    self._waiting.clear()
                return
            with self._lock:
                outcomes, self._waiting = self._waiting, []
            what: dict[str, Written] = {}
            for outcome in outcomes:
                what = together(what, written(outcome))
            with connect(
                self._settings.postgres_dsn, role=TRANSFORMER, autocommit=True, application_name="landfall refresh"
            ) as connection:
                events = materializations(connection, what, views_above(self._manifest))
            for event in events:
                instance.report_runless_asset_event(event)


def is_watched(instance: Any, now: float) -> bool:
    """Whether a Dagster daemon lives that shares this storage."""
    beats = instance.get_daemon_heartbeats().values()
    return any(now - beat.timestamp < SECONDS_OF_A_HEARTBEAT for beat in beats)


@contextmanager
def warm_reports(settings: Settings, manifest: Any) -> Iterator[WarmReports | None]:
    """Reports while the block lasts; None where Dagster has no home (DAGSTER_HOME, else the state folder's)."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home / "dagster")
    if not (home / "dagster.yaml").is_file():
        yield None
        return
    reports = WarmReports(settings, manifest, home)
    reports.start()
    try:
        yield reports
    finally:
        reports.close()
