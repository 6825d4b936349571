"""`landfall land` as typed: it drains, stops cleanly, gives way to a newer copy, and logs no event content."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer

from database.connect import connect
from landfall.layout import venv_bin
from landfall.processes import alive
from landfall.settings import Settings
from landfall.state import open_state
from tests.conftest import Connection
from tests.landing.streams import wait_until

SECRET = "visitor-4711"
EXIT_FENCED = 3


class Command:
    """Processes of `landfall land` on a database of their own."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ, self._folder = environ, folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, environ: Mapping[str, str] = MappingProxyType({})) -> subprocess.Popen[bytes]:
        with self.log(len(self.started)).open("wb") as log:
            command = [str(venv_bin() / "landfall"), "land", *arguments]
            self.started.append(subprocess.Popen(command, env={**self._environ, **environ}, stdout=log, stderr=log))
        return self.started[-1]

    def log(self, number: int) -> Path:
        """What the copy of this number said."""
        return self._folder / f"land-{number}.log"


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


def count(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def positions(connection: Connection) -> tuple[int, int]:
    """(rows, distinct positions) of product_views, landed or quarantined."""
    row = connection.execute(
        """
        select count(*), count(distinct (topic_id, kafka_partition, kafka_offset)) from (
            select topic_id, kafka_partition, kafka_offset from landing.product_views
            union all
            select topic_id, kafka_partition, kafka_offset from landing.quarantine where stream = 'product_views'
        ) as all_rows
        """
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def enricher_of(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The enricher beside a running copy; None between two."""
    children = psutil.Process(process.pid).children()
    return next((each for each in children if alive(each) and "enrichment.process" in each.cmdline()), None)


def lines(log: Path) -> list[dict[str, Any]]:
    """The JSON lines of a log; whatever else is in it fails, but for what the JVM says of itself at its start."""
    found = log.read_text().splitlines()
    return [json.loads(line) for line in found if not line.startswith("WARNING: Using incubator modules")]


@pytest.mark.timeout(600)
def test_a_copy_gives_way_to_a_newer_one_which_stops_when_told_and_no_log_holds_an_event(
    command: Command, events: Callable[[int], None], landing: Connection, database: Settings, tmp_path: Path
) -> None:
    landed = "select count(*) from landing.product_views"
    quarantined = "select count(*) from landing.quarantine where stream = 'product_views'"
    events(500)
    older = command.start()
    wait_until(lambda: count(landing, quarantined) >= 7 and count(landing, landed) >= 500, "the first events", 120)
    newer = command.start()
    wait_until(lambda: "landing from the ledger's offsets" in command.log(1).read_text(), "the newer copy starts", 120)
    before = count(landing, landed)
    events(500)  # at the next event at the latest the older one finds that it has been replaced
    assert older.wait(120) == EXIT_FENCED
    wait_until(lambda: count(landing, landed) >= before + 500, "the newer copy lands", 120)
    enricher = enricher_of(newer)
    assert enricher is not None
    enricher.kill()
    events(100)
    wait_until(lambda: count(landing, landed) >= before + 600, "it lands though its enricher is gone", 120)
    wait_until(lambda: enricher_of(newer) not in (None, enricher), "and has another one")
    newer.send_signal(signal.SIGTERM)
    assert newer.wait(60) == 0
    events(100)
    home = tmp_path / "home of another machine"
    assert command.start("--once", environ={"LANDFALL_HOME": str(home)}).wait(120) == 0
    open_state(home)  # what runs there next takes it for a state folder
    assert count(landing, landed) == before + 700
    rows, distinct = positions(landing)
    assert rows == distinct
    ends = count(landing, "select sum(next_offset - first_offset) from landing.offsets where stream = 'product_views'")
    assert rows == ends
    behind = "select count(*) from ops.horizons where hi < landed_hi"
    with connect(database.as_transformer) as reader:
        assert count(reader, behind) == 0, "what landed is enriched"
    assert count(landing, "select count(*) from landing.loads where state = 'open'") == 0

    said = [line for number in range(3) for line in lines(command.log(number))]
    assert SECRET not in json.dumps(said)
    assert {"time", "level", "logger", "message"} <= set(said[0])
    assert any("another writer" in line["message"] and line["level"] == "ERROR" for line in lines(command.log(0)))
    assert any("the enricher ended by signal SIGKILL" in line["message"] for line in lines(command.log(1)))
    assert any("stopped between batches" in line["message"] for line in lines(command.log(1)))
    assert any(line["message"].startswith("landed ") for line in lines(command.log(2)))


@pytest.mark.timeout(300)
def test_a_stop_while_spark_starts_is_a_clean_stop_too(command: Command, database: Settings) -> None:
    folder = database.home / "landing"
    before = set(folder.glob("spark-*"))
    process = command.start()
    wait_until(lambda: bool(set(folder.glob("spark-*")) - before), "the start has begun")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert set(folder.glob("spark-*")) <= before


def test_a_stream_that_does_not_exist_is_a_sentence(command: Command) -> None:
    assert command.start("--stream", "shoes").wait(60) == 1
    (said,) = command.log(0).read_text().splitlines()
    assert json.loads(said)["message"] == (
        "There is no stream 'shoes': did you mean job_tracking or product_views or web_logs?"
    )


@pytest.mark.timeout(600)
def test_a_process_that_was_suspended_goes_on(
    command: Command, events: Callable[[int], None], landing: Connection, tmp_path: Path
) -> None:
    """As on a machine that slept. Two minutes of Spark's are a second here, and the ten until it gives up are two."""
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.network.timeout 1s\nspark.network.timeoutInterval 50ms\nspark.rpc.askTimeout 120s\n"
        "spark.executor.heartbeatInterval 400ms\nspark.executor.heartbeat.maxFailures 5\n",
        encoding="utf-8",
    )
    process = command.start("--stream", "product_views", environ={"SPARK_CONF_DIR": str(tmp_path)})
    rows = "select count(*) from landing.product_views"
    before = count(landing, rows)
    for number in range(1, 11):
        events(1)
        wait_until(lambda number=number: count(landing, rows) >= before + number, "it has landed")  # type: ignore[misc]
        if number <= 5:
            suspended = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for each in suspended:
                each.suspend()
            time.sleep(2)
            for each in suspended:
                each.resume()
    assert process.poll() is None
    assert "stopped by" not in command.log(0).read_text()
