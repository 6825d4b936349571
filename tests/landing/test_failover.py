"""Postgres fails over to a streaming standby under load: landing and refreshes go on by themselves, nothing is lost."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyspark.sql import SparkSession

from cli.prepare import prepare
from database.connect import connect
from database.migrate import migrate
from exports.export import export
from health.doctor.deployment import Deployment
from landfall.layout import venv_bin
from landfall.settings import Settings
from landing_stream.ledger import Fenced
from tests.dbt.crowd import ROWS, land_slices
from tests.doctor.conftest import found
from tests.landing.conftest import contract
from tests.landing.streams import Stream, wait_until
from tests.standby import Pair, replicated, settings_of
from warehouse.refresh import refresh


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with replicated(tmp_path) as found:
        yield found


@pytest.fixture
def stream(
    pair: Pair, settings: Settings, spark: SparkSession, make_topic: Callable[..., str], tmp_path: Path
) -> Iterator[Stream]:
    """A stream with 2,000 events that wait to be landed in small loads, in a database that has no standby yet."""
    own = settings_of(pair, tmp_path / "home", settings)
    prepare(own, topics=False, models=True)
    stream = Stream(spark, own, contract(make_topic(4)), tmp_path)
    stream.number(1, 2_000, partitions=4)
    yield stream
    stream.close()


@contextmanager
def landing_requests(settings: Settings) -> Iterator[list[int]]:
    """Lands web_logs until the block ends, whatever happens to Postgres: the offsets that were acknowledged."""
    stop, acknowledged = threading.Event(), [0]

    def run() -> None:
        while not stop.wait(0.1):
            with suppress(psycopg.Error, Fenced):
                land_slices(settings, "web_logs", 1)
                acknowledged[0] += 2 * ROWS

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        thread.join(60)


def one(settings: Settings, query: str) -> Any:
    """The single value of a query, on whichever server answers."""
    with connect(settings.as_transformer) as reader:
        row = reader.execute(query.encode()).fetchone()
    return row[0] if row else None


def next_offsets(settings: Settings, stream: str) -> int:
    """How much of a stream the ledger has, over its partitions."""
    return int(one(settings, f"select coalesce(sum(next_offset), 0) from landing.offsets where stream = '{stream}'"))


def test_a_synchronous_standby_has_all_that_was_acknowledged(
    stream: Stream, pair: Pair, environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path
) -> None:
    settings = stream.settings
    pair.add_standby(synchronous=True)
    with (tmp_path / "refresh.log").open("wb") as log:
        watching = subprocess.Popen(
            [venv_bin() / "landfall", "refresh", "--watch"], env=environ_of(settings), stdout=log, stderr=log
        )
    try:
        with stream.landing(max_offsets=100), landing_requests(settings) as acknowledged:
            counted = "select coalesce(sum(action_count), 0) from marts.kpi_web_actions_5min"
            wait_until(lambda: one(settings, counted) > 0, "the marts follow")
            people_read_from_the_standby(settings.with_dsns(bi_reader=pair.at_standby("dashboards")), tmp_path)
            stream.number(2_001, 4_000, partitions=4)
            stream.landed(2_001)
            ledger, offsets, marts = next_offsets(settings, "things"), acknowledged[0], one(settings, counted)
            pair.lose_primary()
            stream.number(4_001, 4_500, partitions=4)
            pair.promote()
            assert next_offsets(settings, "things") >= ledger
            assert next_offsets(settings, "web_logs") >= offsets
            assert one(settings, counted) >= marts
            stream.landed(4_500)
            before = one(settings, counted)
            wait_until(lambda: one(settings, counted) > before, "the refresh goes on")
    finally:
        watching.terminate()
        watching.wait(180)
    complete(stream, 4_500)
    assert refresh(settings).ok
    web = one(settings, "select count(*) from landing.web_logs")
    assert web == one(settings, "select count(distinct (kafka_partition, kafka_offset)) from landing.web_logs")
    assert web == one(settings, counted)


def people_read_from_the_standby(settings: Settings, folder: Path) -> None:
    """Their login is made where the others are, and exports and the doctor read from there."""
    migrate(settings)

    def is_made() -> bool:
        with suppress(psycopg.OperationalError):
            connect(settings.as_reader).close()
            return True
        return False

    wait_until(is_made, "the standby knows the login")
    (done,) = export(settings, str(folder / "export"), ["kpi_web_actions_5min"])
    assert done.rows > 0
    login = found(Deployment(settings.home, settings), "postgres_logins")["LANDFALL_BI_DSN"]
    assert login.severity == "ok"
    assert "dashboards works as bi_reader at 127.0.0.2:" in login.message
    assert "a standby that " in login.message


def test_what_a_standby_lacked_lands_again_and_once(stream: Stream, pair: Pair) -> None:
    pair.add_standby(synchronous=False)
    assert pair.standby.stop()
    with stream.landing(max_offsets=100):  # takes the door, which the standby does not know
        stream.landed(2_000)
        pair.lose_primary()
        pair.start_standby()
        behind = stream.settings.with_dsns(transformer=pair.at_standby("transformer"))
        assert next_offsets(behind, "things") == 0, "the ledger went back"
        assert one(behind, "select count(*) from landing.things") == 0, "and the rows with it"
        pair.promote()
        stream.number(2_001, 2_500, partitions=4)
        stream.landed(2_500)
    assert stream.exit_code == 0
    complete(stream, 2_500)


def complete(stream: Stream, last: int) -> None:
    """Every event is there once, and the accounts say the same; no load is left open."""
    assert stream.numbers() == list(range(1, last + 1))
    assert stream.one("select sum(landed) from landing.slices where stream = 'things'") == last
    assert stream.one("select count(*) from landing.loads where state = 'open' and stream = 'things'") == 0
    assert next_offsets(stream.settings, "things") == last
