"""What became of dbt's runs and tests, and how far the models are."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
from prometheus_client.metrics_core import Metric

from monitoring.catalogue import family, histogram_family
from monitoring.histogram import Histogram
from warehouse.dbt_session import REFRESHING

Connection = psycopg.Connection[tuple[Any, ...]]

REFRESH_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""A warm pass takes some tenths of a second, a full refresh minutes."""
OVERLAP = dt.timedelta(minutes=1)
"""A run commits a little after the `ended_at` that it writes: the last minute is read again, each run counted once."""

# `up` makes relations, empty: no refresh.
RUNS = """
select
    invocation_id, started_by, extract(epoch from ended_at - started_at)::float, rows_written, failed = '{}', ended_at
from ops.runs where ended_at > %s and command in ('run', 'build') and started_by <> 'up'
"""
NEWEST_SUCCESSES = """
select started_by, max(ended_at) from ops.runs
where failed = '{}' and command in ('run', 'build') and started_by <> 'up'
group by 1
"""
MODELS = """
select
    h.stream,
    count(*) filter (where p.position < h.hi),
    coalesce(max(h.hi - p.position), 0),
    h.landed_hi - h.hi
from ops.horizons as h
left join ops.model_progress as p on p.source = h.stream
group by h.stream, h.hi, h.landed_hi
"""


class Refreshes:
    """Counts, by what started them, of the runs that ended since the first read; ops.runs forgets after two days."""

    def __init__(self) -> None:
        self._since: dt.datetime | None = None
        self._counted: dict[str, dt.datetime] = {}
        self._outcomes: Counter[tuple[str, ...]] = Counter()
        self._rows: Counter[tuple[str, ...]] = Counter()
        self._durations: dict[tuple[str, ...], Histogram] = {}
        self._successes: dict[str, dt.datetime] = {}

    def read(self, connection: Connection) -> Iterator[Metric]:
        """The metrics of refreshes."""
        if self._since is None:
            self._begin(connection)
        for run in self._ended(connection):
            self._count(*run)
        yield family("landfall_refreshes_total", self._outcomes)
        yield family("landfall_refresh_rows_total", self._rows)
        yield histogram_family("landfall_refresh_duration_seconds", self._durations)
        yield family(
            "landfall_refresh_last_success_timestamp_seconds",
            {(started_by,): at.timestamp() for started_by, at in self._successes.items()},
        )

    def _begin(self, connection: Connection) -> None:
        """What ended before is not counted: two days of it are there, and a counter that starts with them would show
        them as new after each start of the exporter."""
        for started_by, at in connection.execute(NEWEST_SUCCESSES):
            self._successes[started_by] = at
        # from the start, as Prometheus sees no increase in a counter that appears at 1
        for started_by in dict.fromkeys((*REFRESHING, *self._successes)):
            self._appears(started_by)
        ((now,),) = connection.execute("select clock_timestamp()").fetchall()
        self._counted = {run[0]: now for run in connection.execute(RUNS, (now - OVERLAP,))}
        self._since = now

    def _ended(self, connection: Connection) -> list[tuple[Any, ...]]:
        assert self._since is not None
        runs = connection.execute(RUNS, (self._since - OVERLAP,)).fetchall()
        self._since = max([self._since, *(run[-1] for run in runs)])
        new = [run for run in runs if run[0] not in self._counted]
        self._counted = {run[0]: run[-1] for run in runs}
        return new

    def _count(
        self, _: str, started_by: str, seconds: float, rows: int, went_well: bool, ended_at: dt.datetime
    ) -> None:
        self._appears(started_by)
        self._outcomes[started_by, "ok" if went_well else "failed"] += 1
        self._rows[started_by,] += rows
        self._durations[started_by,].add(seconds)
        if went_well:
            self._successes[started_by] = max(ended_at, self._successes.get(started_by, ended_at))

    def _appears(self, started_by: str) -> None:
        """The counters of what starts runs begin at 0."""
        for outcome in ("ok", "failed"):
            self._outcomes[started_by, outcome] += 0
        self._rows[started_by,] += 0
        self._durations.setdefault((started_by,), Histogram(REFRESH_BOUNDS))


def model_metrics(connection: Connection) -> Iterator[Metric]:
    """How far enrichment and models are behind what has landed."""
    rows = connection.execute(MODELS).fetchall()
    yield family("landfall_models_behind", {(stream,): relations for stream, relations, _, _ in rows})
    yield family("landfall_models_loads_behind", {(stream,): loads for stream, _, loads, _ in rows})
    yield family("landfall_enrichment_loads_behind", {(stream,): loads for stream, _, _, loads in rows})


def check_metrics(connection: Connection) -> Iterator[Metric]:
    """The newest result of each dbt test."""
    rows = connection.execute("select test, status, tested_at from ops.test_results order by 1").fetchall()
    statuses = Counter({"pass": 0, "warn": 0, "fail": 0, "error": 0, "skipped": 0})
    statuses.update(status for _, status, _ in rows)
    yield family("landfall_tests", {(status,): number for status, number in statuses.items()})
    not_passed = {(test, status): 1 for test, status, _ in rows if status in ("warn", "fail", "error")}
    yield family("landfall_test_not_passed", not_passed)
    newest = [row[2].timestamp() for row in rows]
    yield family("landfall_tests_last_run_timestamp_seconds", {(): max(newest)} if newest else {})
