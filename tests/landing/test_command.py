"""`landfall land` as typed: it drains, stops cleanly, gives way to a newer copy, and logs no event content."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from database.connect import connect
from landfall.processes import alive
from landfall.settings import Settings
from landfall.state import open_state
from tests.conftest import Connection
from tests.landing.command import SECRET, Command, count, positions
from tests.landing.streams import wait_until

EXIT_FENCED = 3


def enricher_of(process: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The enricher beside a running copy; None between two."""
    children = psutil.Process(process.pid).children()
    return next((each for each in children if alive(each) and "enrichment.process" in each.cmdline()), None)


def lines(log: Path) -> list[dict[str, Any]]:
    """The JSON lines of a log; whatever else is in it fails, but for what the JVM says of itself at its start."""
    found = log.read_text().splitlines()
    return [json.loads(line) for line in found if not line.startswith("WARNING: Using incubator modules")]


def test_a_copy_gives_way_to_a_newer_one_which_stops_when_told_and_no_log_holds_an_event(
    command: Command, events: Callable[[int], None], landing: Connection, database: Settings, tmp_path: Path
) -> None:
    landed = "select count(*) from landing.product_views"
    quarantined = "select count(*) from landing.quarantine where stream = 'product_views'"
    events(500)
    older = command.start()
    wait_until(lambda: count(landing, quarantined) >= 7 and count(landing, landed) >= 500, "the first events", 240)
    newer = command.start()
    wait_until(lambda: "landing from the ledger's offsets" in command.log(1).read_text(), "the newer copy starts", 240)
    before = count(landing, landed)
    events(500)  # at the next event at the latest the older one finds that it has been replaced
    assert older.wait(240) == EXIT_FENCED
    wait_until(lambda: count(landing, landed) >= before + 500, "the newer copy lands", 240)
    enricher = enricher_of(newer)
    assert enricher is not None
    enricher.kill()
    events(100)
    wait_until(lambda: count(landing, landed) >= before + 600, "it lands though its enricher is gone", 240)
    wait_until(lambda: enricher_of(newer) not in (None, enricher), "and has another one")
    newer.send_signal(signal.SIGTERM)
    assert newer.wait(240) == 0
    events(100)
    home = tmp_path / "home of another machine"
    assert command.start("--once", environ={"LANDFALL_HOME": str(home)}).wait(240) == 0
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


def test_a_stop_while_spark_starts_is_a_clean_stop_too(command: Command, database: Settings) -> None:
    folder = database.home / "landing"
    before = set(folder.glob("spark-*"))
    process = command.start()
    wait_until(lambda: bool(set(folder.glob("spark-*")) - before), "the start has begun")
    process.send_signal(signal.SIGINT)
    assert process.wait(240) == 0
    assert set(folder.glob("spark-*")) <= before


def test_a_stream_that_does_not_exist_is_a_sentence(command: Command) -> None:
    assert command.start("--stream", "shoes").wait(180) == 1
    (said,) = command.log(0).read_text().splitlines()
    assert json.loads(said)["message"] == (
        "There is no stream 'shoes': did you mean job_tracking or product_views or web_logs?"
    )


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
