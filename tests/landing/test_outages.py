"""Postgres or Kafka away: the landing stream backs off and resumes by itself, and nothing is lost or doubled."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pyspark.sql import SparkSession

from cli.prepare import prepare
from landfall.processes import gone
from landfall.settings import Settings
from landing_stream import supervisor
from local_stack.kafka import Kafka
from local_stack.postgres import Postgres
from tests.conftest import at_database, create
from tests.landing.conftest import contract
from tests.landing.streams import Stream, wait_until


@pytest.fixture
def outage(breakable: Path, spark: SparkSession, tmp_path: Path) -> Iterator[Stream]:
    """A stream on servers that may be killed, with 2,000 events that wait to be landed in small loads."""
    servers = Settings.of_home(breakable)
    name = f"outage_{uuid.uuid4().hex[:12]}"
    create(servers, name)
    settings = at_database(servers, name)
    prepare(settings, topics=False, models=False)
    admin = AdminClient({**settings.kafka.client_config(), "log_level": 0})
    admin.create_topics([NewTopic(name, num_partitions=4)])[name].result(30)
    stream = Stream(spark, settings, contract(name), tmp_path)
    stream.number(1, 2_000, partitions=4)
    yield stream
    stream.close()


def end(process: psutil.Process | None, number: signal.Signals) -> None:
    """Sends the signal and waits until the process is gone."""
    assert process is not None
    process.send_signal(number)
    wait_until(lambda: gone([process]), "the server has ended")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "restarted"])
def test_postgres_goes_and_comes_back_while_landing(outage: Stream, breakable: Path, number: signal.Signals) -> None:
    server = Postgres(breakable / "postgres")
    with outage.landing(max_offsets=100):
        outage.landed(1)
        end(server.postmaster(), number)
        outage.number(2_001, 2_500, partitions=4)
        server.start()
        outage.landed(2_500)
    assert outage.exit_code == 0
    complete(outage, 2_500)


def test_a_postgres_backend_is_killed_while_it_takes_rows(outage: Stream) -> None:
    with outage.landing(max_offsets=100):
        outage.landed(1)
        query = "select pid from pg_stat_activity where application_name = 'landfall land: slice' limit 1"
        os.kill(outage.one(query), signal.SIGKILL)
        outage.landed(2_000)
    complete(outage, 2_000)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "restarted"])
def test_kafka_goes_and_comes_back_while_landing(outage: Stream, breakable: Path, number: signal.Signals) -> None:
    server = Kafka(breakable / "kafka")
    with outage.landing(max_offsets=100):
        outage.landed(1)
        end(server.broker(), number)
        server.start()
        outage.number(2_001, 2_500, partitions=4)
        outage.landed(2_500)
    assert outage.exit_code == 0
    complete(outage, 2_500)


def test_landing_that_starts_before_its_servers_waits_for_them(
    outage: Stream, breakable: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka, postgres = Kafka(breakable / "kafka"), Postgres(breakable / "postgres")
    end(kafka.broker(), signal.SIGTERM)
    end(postgres.postmaster(), signal.SIGINT)
    with outage.landing():
        wait_until(told(caplog, "stopped by OperationalError"), "Postgres is missed")
        postgres.start()
        wait_until(told(caplog, "stopped by KafkaUnavailable"), "Kafka is missed")
        kafka.start()
        outage.landed(2_000)
    assert outage.exit_code == 0
    complete(outage, 2_000)


def test_landing_goes_on_though_the_clock_is_set_back(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with stream.landing():
        stream.number(1, 10)
        stream.landed(10)
        monkeypatch.setattr(supervisor, "wall_clock", lambda: time.time() - 3_600)
        wait_until(told(caplog, "stopped by ClockSetBack: the clock was set back by 3,600 s"), "the query starts again")
        stream.number(11, 20)
        stream.landed(20)
    assert stream.exit_code == 0
    assert stream.numbers() == list(range(1, 21))


def told(caplog: pytest.LogCaptureFixture, words: str) -> Callable[[], bool]:
    return lambda: words in caplog.text


def complete(stream: Stream, last: int) -> None:
    """Every event is there once, and the accounts say the same; no load is left open."""
    assert stream.numbers() == list(range(1, last + 1))
    assert stream.one("select sum(landed) from landing.slices") == last
    assert stream.one("select count(*) from landing.loads where state = 'open'") == 0
    assert sum(stream.ledger().values()) == last
