"""What does not pass by itself: the landing says it once, shows it, and goes on when it is mended; a bug ends it."""

from __future__ import annotations

import datetime as dt
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Producer

from cli.children import Child, Children
from cli.keeper import Keeper, Service
from health.checks.services import judge
from health.gaps import read, sentences
from health.limits import Limits
from landfall.layout import PROJECT
from landfall.lifeline import prefix
from landfall.services import kept_services
from landfall.settings import Settings
from landing_stream.contract import Field
from landing_stream.query import SliceFailed
from landing_stream.supervisor import Supervisor
from tests.conftest import Connection
from tests.landing.faulty import faulty
from tests.landing.streams import Stream, wait_until

SECRET = "visitor-4711"


def troubles(transformer: Connection) -> list[tuple[Any, ...]]:
    return transformer.execute("select part, kind, sentence from ops.troubles").fetchall()


def held_up(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Our lines at level ERROR. py4j's own are silenced in a process of ours."""
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    return [record.getMessage() for record in errors if not record.name.startswith("py4j")]


def tried(transformer: Connection, times: int) -> Callable[[], bool]:
    """tried(…)(): whether it was tried again so often since it was noted."""
    seen: set[Any] = set()

    def enough() -> bool:
        seen.update(row[0] for row in transformer.execute("select last_tried_at from ops.troubles").fetchall())
        return len(seen) > times

    return enough


def test_a_log_that_ends_below_the_ledger_is_a_gap_that_is_said_and_holds_nothing_up(
    stream: Stream, transformer: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    stream.number(1, 3)
    stream.land()
    stream.db.execute("update landing.offsets set next_offset = 1000")
    with stream.landing():
        stream.number(4, 5)
        stream.landed(5)
        wait_until(lambda: troubles(transformer) == [], "nothing holds it up")
    assert stream.exit_code == 0
    assert stream.numbers() == [1, 2, 3, 4, 5]
    assert len(held_up(caplog)) == 1
    said = sentences(read(transformer, "things"))
    assert said.startswith("Kafka's log was cut beneath what has landed, last noticed ")
    assert ": partition 0 offsets 3 to 999 of the old log had landed and stay, " in said


def test_a_revoked_right_is_told_once_and_nothing_is_lost_or_doubled_when_it_is_granted_again(
    stream: Stream, transformer: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    stream.number(1, 500)
    with stream.landing(max_offsets=100):
        stream.landed(1)
        stream.db.execute("revoke insert on landing.slices from landing_writer")
        stream.number(501, 600)
        wait_until(tried(transformer, 2), "it is tried again and again")
        assert [row[:2] for row in troubles(transformer)] == [("stream things", "person")]
        (said,) = held_up(caplog)
        assert "permission denied for table slices (SQLSTATE 42501)" in said
        assert "Grant it again, as the owner of what is named;" in said
        stream.db.execute("grant insert on landing.slices to landing_writer")
        stream.landed(600)
        wait_until(lambda: troubles(transformer) == [], "it is over")
    assert stream.exit_code == 0
    assert stream.numbers() == list(range(1, 601))
    assert stream.one("select sum(landed) from landing.slices") == 600


def test_who_stops_a_landing_that_is_held_up_takes_its_trouble_away(stream: Stream, transformer: Connection) -> None:
    stream.db.execute("revoke insert on landing.loads from landing_writer")
    stream.number(1, 1)
    with stream.landing():
        wait_until(lambda: troubles(transformer) != [], "it is noted")
    assert stream.exit_code == 0
    assert troubles(transformer) == []


def test_a_topic_that_is_made_later_is_found(stream: Stream, transformer: Connection, make_topic: Any) -> None:
    there = stream.contract
    stream.contract = replace(there, topic=f"{there.topic}-not-made-yet")
    with stream.landing():
        wait_until(lambda: troubles(transformer) != [], "it is missed")
        ((_, kind, sentence),) = troubles(transformer)
    assert kind == "person"
    assert "`landfall migrate --topics` makes it" in sentence
    stream.contract = there
    stream.number(1, 1)
    stream.land()
    assert stream.numbers() == [1]


def test_a_bug_in_a_task_ends_the_landing_with_its_trace_and_without_the_event(
    stream: Stream, transformer: Connection
) -> None:
    stream.contract = faulty(stream.contract)
    stream.produce(SECRET.encode())
    query = stream.query(once=False)
    with pytest.raises(SliceFailed, match=r"^TypeError in \w+\.py, line \d+\n") as raised:
        Supervisor(stream.spark, stream.settings, [query], False, threading.Event()).run()
    (trace,) = raised.value.__notes__
    assert "in land_share" in trace
    assert SECRET not in trace
    ((part, kind, _),) = troubles(transformer)
    assert (part, kind) == ("stream things", "bug")
    assert stream.one("select count(*) from landing.things") == 0
    stream.contract = replace(stream.contract, max_value_bytes=1_000)
    stream.land()
    assert [row["value"] for row in stream.quarantine()] == [SECRET.encode()], "a mended one lands it"


def test_a_bug_in_the_driver_ends_the_landing_too(stream: Stream, transformer: Connection) -> None:
    stream.contract = replace(stream.contract, fields=(cast(Field, None),))
    with pytest.raises(AttributeError):
        Supervisor(stream.spark, stream.settings, [stream.query()], False, threading.Event()).run()
    assert [kind for _, kind, _ in troubles(transformer)] == ["bug"]


def test_a_process_that_dies_of_a_bug_leaves_its_trace_and_is_a_finding_of_serve(
    database: Settings, environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path
) -> None:
    environ = {**environ_of(database), "LANDFALL_LOG_FORMAT": "json"}
    log = tmp_path / "land.log"

    def start(children: Children) -> Child:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*prefix(), sys.executable, "-m", "tests.landing.faulty", "land", "--stream", "product_views"],
                env=environ, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        return children.adopt(Child("landfall land", process, log))

    producer = Producer({**database.kafka.client_config(), "log_level": 0})
    producer.produce("product_views", SECRET.encode())
    assert producer.flush(60) == 0
    children, land = Children(tmp_path), Service("land", start)
    keeper = Keeper(tmp_path, children, [land])
    deadline = time.monotonic() + 240
    try:
        while not land.restarts and time.monotonic() < deadline:
            keeper.poll(time.monotonic())
            time.sleep(0.2)
        (found,) = judge(kept_services(tmp_path), dt.datetime.now(dt.UTC), Limits())
    finally:
        children.stop()
    assert (found.subject, found.severity) == ("land", "warn")
    assert "It ended 1 time in the last 15 min, the last time with exit code 1" in found.message
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["level"] == "CRITICAL"
    assert "TypeError in" in last["message"]
    assert "in land_share" in last["traceback"]
    assert SECRET not in log.read_text()
