"""The landing's figures: running sums by load, so that a scrape costs what landed since the one before."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
from prometheus_client.metrics_core import Metric

from landing_stream.progress import totals_between
from monitoring.catalogue import family, histogram_family
from monitoring.histogram import Histogram

Connection = psycopg.Connection[tuple[Any, ...]]

LOAD_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""A load takes 0.3 s idle and 3 s in a backlog."""
LATENESS_BOUNDS = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400)
"""Produced to committed is about a second; a day is what an outage over night leaves."""

HORIZONS = "select stream, hi from landing.horizons order by 1"
STATES = """
select state, sum(loads)::bigint from landing.loads
where stream = %s and load_id > %s and load_id <= %s and kind = 'events' group by 1
"""
DURATIONS = """
select extract(epoch from finished_at - landed_at)::float from landing.loads
where stream = %s and load_id > %s and load_id <= %s and kind = 'events' and state = 'finished'
"""
AGES = """
select
    greatest(extract(epoch from committed_at - max_kafka_timestamp), 0)::float,
    greatest(extract(epoch from committed_at - min_kafka_timestamp), 0)::float,
    landed + quarantined
from landing.slices
where stream = %s and load_id > %s and load_id <= %s and min_kafka_timestamp is not null
"""
LAST_SUCCESS = """
select finished_at from landing.loads
where stream = %s and state = 'finished' and kind = 'events' order by load_id desc limit 1
"""


class StreamTotals:
    """The sums of one stream over every load up to `read_to`; histograms begin with the process."""

    def __init__(self) -> None:
        self.read_to = 0
        self.records: Counter[str] = Counter({"landed": 0, "quarantined": 0, "hole": 0})
        self.loads: Counter[str] = Counter({"finished": 0, "sealed": 0})
        self.durations, self.lateness = Histogram(LOAD_BOUNDS), Histogram(LATENESS_BOUNDS)
        self._is_first = True

    def read(self, connection: Connection, stream: str, horizon: int) -> None:
        """Add the loads that have ended since. The first read sums the whole ledger: 0.1 s a million slices."""
        span = (stream, self.read_to, horizon)
        new = totals_between(connection, *span)
        states: dict[str, int] = dict(connection.execute(STATES, span).fetchall())
        if not self._is_first:
            durations, ages = connection.execute(DURATIONS, span).fetchall(), connection.execute(AGES, span).fetchall()
            for (seconds,) in durations:
                self.durations.add(seconds)
            for newest, oldest, count in ages:
                self.lateness.add_spread(newest, oldest, count)
        # Only now, when nothing can fail any more: a read that breaks off is repeated whole.
        self.records.update(landed=new.landed, quarantined=new.quarantined, hole=new.holes)
        self.loads.update(states)
        self.read_to, self._is_first = horizon, False


class LandingFigures:
    """The landing's part of a scrape."""

    def __init__(self) -> None:
        self._totals: dict[str, StreamTotals] = {}

    def read(self, connection: Connection) -> Iterator[Metric]:
        """Metrics of every stream that the ledger knows."""
        horizons: dict[str, int] = dict(connection.execute(HORIZONS).fetchall())
        succeeded: dict[str, dt.datetime] = {}
        for stream, horizon in horizons.items():
            self._totals.setdefault(stream, StreamTotals()).read(connection, stream, horizon)
            if last := connection.execute(LAST_SUCCESS, (stream,)).fetchone():
                succeeded[stream] = last[0]
        totals = {stream: self._totals[stream] for stream in horizons}
        records = {(s, outcome): n for s, total in totals.items() for outcome, n in total.records.items()}
        loads = {(s, state): n for s, total in totals.items() for state, n in total.loads.items()}
        yield family("landfall_landing_records_total", records)
        yield family("landfall_landing_loads_total", loads)
        yield family("landfall_landing_open_loads", by_stream(connection, horizons, OPEN))
        yield family("landfall_landing_gap_records_total", by_stream(connection, horizons, GAPS))
        yield family("landfall_landing_cut_records_total", by_stream(connection, horizons, CUTS))
        yield family(
            "landfall_landing_last_success_timestamp_seconds", {(s,): at.timestamp() for s, at in succeeded.items()}
        )
        yield histogram_family(
            "landfall_landing_load_duration_seconds", {(s,): total.durations for s, total in totals.items()}
        )
        yield histogram_family(
            "landfall_landing_lateness_seconds", {(s,): total.lateness for s, total in totals.items()}
        )


OPEN = "select stream, count(*) from landing.loads where state = 'open' group by 1"
GAPS = "select stream, sum(until_offset - from_offset)::bigint from landing.gaps where reason = 'deleted' group by 1"
CUTS = "select stream, sum(until_offset - from_offset)::bigint from landing.gaps where reason = 'cut' group by 1"


def by_stream(connection: Connection, streams: dict[str, int], query: str) -> dict[tuple[str, ...], int]:
    """A figure of each stream, 0 where the query has no row of it."""
    found: dict[str, int] = dict(connection.execute(query).fetchall())
    return {(stream,): found.get(stream, 0) for stream in streams}


def next_offsets(connection: Connection) -> dict[tuple[str, UUID], dict[int, int]]:
    """(stream, topic id in Kafka) to partition to the next offset that has not landed."""
    found: dict[tuple[str, UUID], dict[int, int]] = {}
    for stream, topic_id, partition, offset in connection.execute(
        "select stream, kafka_topic_id, kafka_partition, next_offset from landing.positions"
    ):
        found.setdefault((stream, topic_id), {})[partition] = offset
    return found
