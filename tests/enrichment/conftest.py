"""Loads written as the landing writes them, and the enricher over them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from psycopg import sql

from database.connect import connect
from enrichment.enricher import Enricher
from landfall.settings import Settings
from landing_stream.ledger import Load, Writer, draw_load, finish_load, start_writer
from landing_stream.tables import ensure_day_partitions
from tests.conftest import Connection

TOPIC = uuid.UUID(int=1)
Event = Mapping[str, str | None]


class Lake:
    """A database with landing tables: one load a call, and what is known afterwards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.landing: Connection = connect(settings.as_writer, autocommit=True)
        self.reader: Connection = connect(settings.as_transformer, autocommit=True)
        self._writers: dict[str, Writer] = {}
        self._enrichers: list[Enricher] = []

    def enricher(self, **options: Any) -> Enricher:
        """Another enricher of this database."""
        self._enrichers.append(Enricher(self.settings, **options))
        return self._enrichers[-1]

    def land(self, stream: str, events: Sequence[Event], extras: Sequence[Event] = (), *, finish: bool = True) -> Load:
        """One load with these events, accounted for in one slice; `extras`: events whose fields stand in `extra`."""
        if stream not in self._writers:
            self._writers[stream] = start_writer(self.landing, stream, "stream")
        load = draw_load(self.landing, self._writers[stream])
        ensure_day_partitions(self.landing, stream, load.landed_at.astimezone(dt.UTC).date())
        fields = sorted({name for event in events for name in event})
        columns = ("load_id", "topic_id", "kafka_partition", "kafka_offset", "landed_at", "extra", *fields)
        statement = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier("landing", stream), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        rows = [(None, *(event.get(name) for name in fields)) for event in events]
        rows += [(json.dumps(event), *(None for _ in fields)) for event in extras]
        with self.landing.cursor().copy(statement) as copy:
            for number, row in enumerate(rows):
                copy.write_row((load.load_id, TOPIC, 0, number, load.landed_at, *row))
        self.landing.execute(
            "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
            " quarantined, holes) values (%s, %s, %s, 0, 0, %s, %s, 0, 0)",
            (stream, load.load_id, TOPIC, len(rows), len(rows)),
        )
        if finish:
            self.finish(stream, load)
        return load

    def finish(self, stream: str, load: Load) -> None:
        """Let readers see the load."""
        finish_load(self.landing, self._writers[stream], load)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.reader.execute(query, values or None).fetchall()

    def one(self, query: str, *values: object) -> Any:
        (row,) = self.rows(query, *values)
        return row[0]

    def horizon(self, stream: str) -> tuple[int, int]:
        """(newest load that has landed, newest load that models may read)."""
        ((landed, hi),) = self.rows("select landed_hi, hi from ops.horizons where stream = %s", stream)
        return landed, hi

    def close(self) -> None:
        for enricher in self._enrichers:
            enricher.close()
        self.landing.close()
        self.reader.close()


@pytest.fixture
def lake(database: Settings) -> Iterator[Lake]:
    """A fresh database."""
    found = Lake(database)
    yield found
    found.close()
