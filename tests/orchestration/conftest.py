"""A database with the models' relations, and loads in it: what Dagster makes of them needs no Spark."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from confluent_kafka import Producer

from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.copy_rows import RECORD_SCHEMA
from landing_stream.ledger import Span, draw_load, finish_load, prepare_partitions, start_writer
from landing_stream.parse import Parser
from landing_stream.slice import Share, land_share
from landing_stream.topics import Topics
from tests.conftest import MakeDatabase, land_nothing_older

Land = Callable[[str, Sequence[object]], int]


@pytest.fixture
def warehouse(
    make_database: MakeDatabase, environ_of: Callable[[Settings], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A database of its own with the models' empty relations; this process' environment names it."""
    settings = make_database(models=True)
    for name, value in environ_of(settings).items():
        if name.startswith("LANDFALL_"):
            monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def land(warehouse: Settings) -> Land:
    """land(stream, events): produces the events to partition 0 and lands them as one load; returns its id."""

    def land(stream: str, events: Sequence[object]) -> int:
        contract = load_contracts()[stream]
        values = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
        topics = Topics(warehouse.kafka.client_config())
        topic_id, _ = topics.describe(contract.topic)
        first = topics.latest(contract.topic, [0])[0]
        producer = Producer(warehouse.kafka.client_config())
        for value in values:
            producer.produce(contract.topic, value, partition=0)
        assert producer.flush(30) == 0
        span = Span(0, first, topics.latest(contract.topic, [0])[0])
        with connect(warehouse.as_writer, autocommit=True) as writer_connection:
            writer = start_writer(writer_connection, stream, "stream")
            prepare_partitions(writer_connection, stream, set())
            load = draw_load(writer_connection, writer)
            share = Share(writer, load, topic_id, (span,))
            land_share(writer_connection, share, Parser(contract), lambda _: [records(topic_id.bytes, first, values)])
            finish_load(writer_connection, writer, load)
        return load.load_id

    return land


def records(topic_id: bytes, first: int, values: Sequence[bytes]) -> pa.RecordBatch:
    """Kafka records of partition 0 as the landing transaction reads them."""
    now = dt.datetime.now(dt.UTC)
    columns: dict[str, list[Any]] = {
        "topic_id": [topic_id] * len(values),
        "kafka_partition": [0] * len(values),
        "kafka_offset": [first + index for index in range(len(values))],
        "kafka_timestamp": [now] * len(values),
        "kafka_key": [None] * len(values),
        "value": list(values),
    }
    return pa.RecordBatch.from_pydict(columns, schema=RECORD_SCHEMA)


@pytest.fixture(scope="session")
def defs() -> dg.Definitions:
    """What `dagster dev` loads."""
    # Imported here for start-up time.
    from orchestration.definitions import defs

    return defs


@pytest.fixture
def landed_so_far(warehouse: Settings) -> None:
    """What other tests left in the topics counts as landed in this database."""
    land_nothing_older(warehouse)
