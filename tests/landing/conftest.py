"""One Spark session for all landing tests; each test has a stream, a topic and a database of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession

from cli.prepare import up
from jvm.jars import spark_jars
from landfall.settings import Settings
from landing_stream.contract import Contract, Field
from landing_stream.session import spark_session
from local_stack.stack import down
from tests.landing.command import SECRET, Command
from tests.landing.streams import Stream


class MakeStream(Protocol):
    """Makes a stream `things` with a topic of its own in the test's database."""

    def __call__(self, *, partitions: int = 1, max_value_bytes: int = 1_000_000) -> Stream: ...


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session that `landfall land` makes, in an environment with a login."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("LANDFALL_EXAMPLE_DSN", "postgresql://landing_writer:sesame@127.0.0.1/landfall")
        environ.setenv("LANDFALL_EXAMPLE", "no login")
        session = spark_session(spark_jars(), tmp_path_factory.mktemp("spark"), "local[2]")
    yield session
    session.stop()


def contract(topic: str, max_value_bytes: int = 1_000_000, fields: tuple[str, ...] = ("id", "v")) -> Contract:
    """A contract of the stream `things`."""
    return Contract(
        stream="things",
        topic=topic,
        description="Things that happen.",
        key_fields=("id",),
        event_time_field="id",
        event_time_unit="iso8601",
        max_value_bytes=max_value_bytes,
        fields=tuple(Field(name, f"the field {name}") for name in fields),
    )


@pytest.fixture
def make_stream(
    spark: SparkSession, database: Settings, make_topic: Callable[..., str], tmp_path: Path
) -> Iterator[MakeStream]:
    """A maker of streams."""
    made: list[Stream] = []

    def make(*, partitions: int = 1, max_value_bytes: int = 1_000_000) -> Stream:
        made.append(Stream(spark, database, contract(make_topic(partitions), max_value_bytes), tmp_path))
        return made[-1]

    yield make
    for stream in made:
        stream.close()


@pytest.fixture
def stream(make_stream: MakeStream) -> Stream:
    """A stream with one partition."""
    return make_stream()


@pytest.fixture(scope="session")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State folder of servers of these tests' own, to be killed and started again; their topics begin empty."""
    home = tmp_path_factory.mktemp("breakable") / "home"
    try:
        up(home, models=False)
        yield home
    finally:
        down(home)


@pytest.fixture
def command(database: Settings, environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path) -> Iterator[Command]:
    found = Command(
        {**environ_of(database), "LANDFALL_LOG_FORMAT": "json", "LANDFALL_TRIGGER_SECONDS": "0.2"}, tmp_path
    )
    yield found
    for process in found.started:
        process.kill()
        process.wait()


@pytest.fixture
def events(settings: Settings) -> Callable[[int], None]:
    """events(n): produces n visits and a record of each kind of poison, all with the secret in them."""
    producer = Producer({**settings.kafka.client_config(), "log_level": 0})
    poison = (
        f"{SECRET}",
        f'["{SECRET}"]',
        f'{{"{SECRET}":NaN}}',
        f'{{"{SECRET}":"\\u0000"}}',
        f'{{"id":"{SECRET}"' + "[" * 1_100,
        f'{{"ip":"{SECRET}","x":"\\ud83d"}}',
    )

    def produce(count: int) -> None:
        for number in range(count):
            producer.produce("product_views", json.dumps({"id": f"e{number}", "ip": SECRET, "new": SECRET}).encode())
        for value in poison:
            producer.produce("product_views", value.encode(), key=SECRET.encode())
        producer.produce("product_views", SECRET.encode() + b"\xff")
        assert producer.flush(60) == 0

    return produce
