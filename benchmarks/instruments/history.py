"""A history of any length in the landing tables: a day of simulated product views, copied onto the days before."""

from __future__ import annotations

import datetime as dt
import random
import re
import time
from collections.abc import Sequence
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
RETURNING, RETURN_DAYS = 0.25, 7
"""A quarter of the devices, and all logins, are the same for so many days."""
# Texts that say nothing (no login, a placeholder) stay.
_SHIFTED = {
    "id": "id || '-' || %(day)s",
    "_id": "_id || '-' || %(day)s",
    "order_id": "case when order_id ~ '^[0-9]+$' then order_id || lpad(%(day)s::text, 4, '0') else order_id end",
    "device_id": "device_id || '-' || case when hashtext(device_id) %% 4 = 0 then %(week)s else %(day)s end",
    "user_id_db": (
        "case when user_id_db ~ '^[1-9][0-9]+$' then user_id_db || lpad(%(week)s::text, 3, '0') else user_id_db end"
    ),
    "email_address": "case when email_address like '%%@%%' then %(week)s || email_address else email_address end",
    "time_stamp": (
        "case when time_stamp ~ '^[0-9]{1,10}([.][0-9]+)?$' then (time_stamp::numeric - 86400 * %(day)s)::text"
        " when time_stamp ~ '^[0-9]{13}$' then (time_stamp::numeric - 86400000::bigint * %(day)s)::text"
        " else time_stamp end"
    ),
}
_DEVICE = re.compile(rb'"device_id":"([^"]+)"')


def events_of_day(count: int, seed: int, until: float) -> list[bytes | None]:
    """`count` product views of the day that ends at `until` (epoch seconds)."""
    options = Options(streams=(STREAM,), rate=count / 86_400, count=count, seed=seed, start=until - 86_400)
    return [value for tick in ticks(options) for batch in tick.batches.values() for value in batch.values]


class History:
    """The history of one database. Events of its first day were simulated; those of each day before it are copies with
    other keys, orders and times, of people of whom many come for a week."""

    def __init__(self, settings: Settings, events_a_day: int = EVENTS_A_DAY) -> None:
        self._settings, self._events_a_day = settings, events_a_day
        self._now = time.time()
        self._days = 0
        self._first_load = 0
        self._devices: list[bytes] = []

    def grow(self, events: int) -> None:
        """Up to this many events, in whole days, landed and enriched."""
        if not self._days:
            values = events_of_day(self._events_a_day, 1, self._now)
            self._devices = sorted({device for value in values for device in _DEVICE.findall(value or b"")})
            self._land(values, seed=1)
            self._days = 1
        connection = connect(self._settings.as_writer, autocommit=True)
        self._first_load = self._first_load or _one(connection, "select min(load_id) from landing.product_views")
        writer = start_writer(connection, STREAM, "stream")
        while self._days * self._events_a_day < events:
            load = draw_load(connection, writer)
            connection.execute(
                self._copy_of_a_day(connection),
                {
                    "load": load.load_id,
                    "landed_at": load.landed_at,
                    "day": self._days,
                    "week": self._days // RETURN_DAYS,
                    "first": self._first_load,
                },
            )
            finish_load(connection, writer, load)
            self._days += 1
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier("landing", STREAM)))
        connection.close()
        enrich(self._settings)

    def land(self, events: int, seed: int) -> None:
        """This many new events of the last day, landed and enriched. A quarter of their devices are those of a day
        before."""
        chance, again = random.Random(seed), dict[bytes, bytes]()

        def known(found: re.Match[bytes]) -> bytes:
            if (device := found[1]) not in again:
                again[device] = device
                if self._devices and chance.random() < RETURNING:
                    day = chance.randrange(self._days)
                    again[device] = chance.choice(self._devices) + (b"-%d" % day if day else b"")
            return b'"device_id":"' + again[device] + b'"'

        self._land([value and _DEVICE.sub(known, value) for value in events_of_day(events, seed, self._now)], seed)

    def _land(self, values: Sequence[bytes | None], seed: int) -> None:
        hand = Hand(self._settings, load_contracts()[STREAM], first_offset=seed * 1_000_000_000)
        hand.land(values, dt.datetime.fromtimestamp(self._now, dt.UTC))
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
