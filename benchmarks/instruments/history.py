"""A history of any length in the landing tables: a day of simulated product views, copied onto the days before."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.convergence_trial.hand import TOPIC, Hand
from database.connect import connect
from enrichment.enricher import enrich
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.ledger import draw_load, finish_load, start_writer
from simulator.simulation import Options, ticks

STREAM = "product_views"
EVENTS_A_DAY = 100_000
"""So that the cost of a longer history is not that of busier days."""
_SHIFTED = {
    "id": "id || '-' || %(day)s",
    "_id": "_id || '-' || %(day)s",
    "device_id": "device_id || '-' || %(day)s",
    "time_stamp": (
        "case when time_stamp ~ '^[0-9]{1,10}([.][0-9]+)?$' then (time_stamp::numeric - 86400 * %(day)s)::text"
        " when time_stamp ~ '^[0-9]{13}$' then (time_stamp::numeric - 86400000::bigint * %(day)s)::text"
        " else time_stamp end"
    ),
}


def events_of_day(count: int, seed: int, until: float) -> list[bytes | None]:
    """`count` product views of the day that ends at `until` (epoch seconds)."""
    options = Options(streams=(STREAM,), rate=count / 86_400, count=count, seed=seed, start=until - 86_400)
    return [value for tick in ticks(options) for batch in tick.batches.values() for value in batch.values]


class History:
    """The history of one database. Events of its first day were simulated; those of each day before it are copies with
    other keys, devices and times."""

    def __init__(self, settings: Settings, events_a_day: int = EVENTS_A_DAY) -> None:
        self._settings, self._events_a_day = settings, events_a_day
        self._now = time.time()
        self._days = 0
        self._first_load = 0

    def grow(self, events: int) -> None:
        """Up to this many events, in whole days, landed and enriched."""
        if not self._days:
            self.land(self._events_a_day, seed=1)
            self._days = 1
        connection = connect(self._settings.as_writer, autocommit=True)
        self._first_load = self._first_load or _one(connection, "select min(load_id) from landing.product_views")
        writer = start_writer(connection, STREAM, "stream")
        while self._days * self._events_a_day < events:
            load = draw_load(connection, writer)
            connection.execute(
                self._copy_of_a_day(connection),
                {"load": load.load_id, "landed_at": load.landed_at, "day": self._days, "first": self._first_load},
            )
            finish_load(connection, writer, load)
            self._days += 1
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier("landing", STREAM)))
        connection.close()
        enrich(self._settings)

    def land(self, events: int, seed: int) -> None:
        """This many new events of the last day, landed and enriched."""
        hand = Hand(self._settings, load_contracts()[STREAM], first_offset=seed * 1_000_000_000)
        hand.land(events_of_day(events, seed, self._now), dt.datetime.fromtimestamp(self._now, dt.UTC))
        hand.close()
        enrich(self._settings)

    def _copy_of_a_day(self, connection: psycopg.Connection[Any]) -> sql.Composed:
        position = (
            "load_id",
            "topic_id",
            "kafka_partition",
            "kafka_offset",
            "kafka_timestamp",
            "kafka_key",
            "landed_at",
        )
        rows = connection.execute(
            "select attname from pg_attribute where attrelid = 'landing.product_views'::regclass and attnum > 0"
            " and not attisdropped order by attnum"
        )
        names = [name for (name,) in rows if name not in position]
        return sql.SQL(
            "insert into landing.product_views (load_id, topic_id, kafka_partition, kafka_offset, kafka_timestamp,"
            " landed_at, {names}) select %(load)s, {topic}, kafka_partition, kafka_offset + 1000000 * %(day)s,"
            " kafka_timestamp, %(landed_at)s, {values} from landing.product_views where load_id = %(first)s"
        ).format(
            topic=sql.Literal(TOPIC),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(
                sql.SQL(_SHIFTED[name]) if name in _SHIFTED else sql.Identifier(name) for name in names
            ),
        )


def _one(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
