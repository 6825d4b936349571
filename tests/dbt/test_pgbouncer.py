"""Behind PgBouncer, with five connections a login: of twenty clients, killed at random, nothing is lost or held."""

from __future__ import annotations

import itertools
import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from landfall.settings import Settings
from tests.dbt.conftest import Warehouse, wait_until
from tests.dbt.crowd import EVENTS, Client, Crowd, command, dbt, land_until_fenced
from tests.pgbouncer import bouncing
from warehouse.dbt_manifest import DBT_PROJECT
from warehouse.refresh import refresh

HELD = """
select a.application_name, a.state, l.locktype, l.mode, l.relation::regclass from pg_locks as l
inner join pg_stat_activity as a on a.pid = l.pid
where a.datname = current_database() and a.pid <> pg_backend_pid()
"""
ROWS_AND_LEDGER = """
select
    (select count(*) from landing.{stream}) + (select count(*) from landing.quarantine where stream = '{stream}'),
    (
        select count(distinct (topic_id, kafka_partition, kafka_offset)) from (
            select topic_id, kafka_partition, kafka_offset from landing.{stream}
            union all
            select topic_id, kafka_partition, kafka_offset from landing.quarantine where stream = '{stream}'
        ) as r
    ),
    (select coalesce(sum(next_offset), 0) from landing.offsets where stream = '{stream}'),
    (select coalesce(sum(until_offset - from_offset), 0) from landing.slices where stream = '{stream}')
"""


def clients(settings: Settings, environ: dict[str, str], folder: Path) -> Iterator[Client]:
    """Twenty, of every kind of door."""

    def landfall(*arguments: str) -> tuple[Callable[..., None], tuple[object, ...]]:
        return command, (environ, *arguments)

    for stream in [*EVENTS] * 2:
        yield Client(f"land {stream}", itertools.repeat((land_until_fenced, (settings, stream))))
    for stream, make in EVENTS.items():
        files = [folder / f"{stream}-{seed}.jsonl" for seed in range(50)]
        for seed, path in enumerate(files):
            path.write_text("".join(json.dumps(event) + "\n" for event in make(60, 1_000 + seed)))
        yield Client(f"ingest {stream}", itertools.cycle([landfall("ingest", stream, str(path)) for path in files]))
    for _ in range(2):
        yield Client("refresh --watch", itertools.repeat(landfall("refresh", "--watch")))
    for _ in range(3):
        yield Client("refresh", itertools.repeat(landfall("refresh")))
    # not into the project's own folder, which others read
    aside = ("--target-path", str(folder / "target"), "--log-path", str(folder / "target"))
    yield Client("dbt", itertools.repeat((dbt, (environ, "run", "--project-dir", str(DBT_PROJECT), *aside))))
    yield Client("status", itertools.repeat(landfall("status", "--json")))
    yield Client("export", itertools.repeat(landfall("export", str(folder / "export"))))
    yield Client("migrate", itertools.cycle([landfall("migrate"), landfall("doctor", "--json")]))
    yield Client("people", itertools.cycle([
        landfall("erase", "--device-id", "device-3", "--no-links"), landfall("retention"),
    ]))  # fmt: skip
    yield Client("looks", itertools.cycle([
        landfall("quarantine", "list"), landfall("quarantine", "replay"), landfall("report", str(folder / "charts")),
        landfall("explain", "visitor", "device-1"),
    ]))  # fmt: skip


LATE = {"data_age", "landing_lag"}
"""Checks of `status` that find what is done to everybody here."""


def complaint(text: str) -> str:
    """What a client that failed said; of a report, what it finds wrong, if that is not lateness alone."""
    if not text.startswith("{"):
        return text
    wrong = [found for found in json.loads(text).get("findings", []) if found["severity"] == "error"]
    if wrong and {found["check"] for found in wrong} <= LATE:
        return ""
    return "".join(f"{found['check']}: {found['message']}\n" for found in wrong) or text


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_of_twenty_clients_that_are_killed_nothing_is_lost_doubled_or_left_held(
    make_warehouse: Callable[[], Warehouse],
    environ_of: Callable[[Settings], dict[str, str]],
    tmp_path: Path,
    mode: str,
) -> None:
    """In session mode five connections are too few: who gets none says so, and no more comes of it."""
    warehouse = make_warehouse()
    logs = tmp_path / "logs"
    logs.mkdir()
    pool = {"pool_mode": mode, "default_pool_size": 5, "query_wait_timeout": 120 if mode == "transaction" else 3}
    with bouncing(warehouse.settings, tmp_path / "bouncer", **pool) as settings:
        crowd = Crowd(logs, [*clients(settings, environ_of(settings), tmp_path)])
        until = time.monotonic() + (15 if mode == "transaction" else 6)
        crowd.run(lambda: time.monotonic() > until, 0.5, random.Random(1))
        wait_until(lambda: warehouse.rows(HELD) == [], "what the killed ones held is free")
        assert refresh(settings if mode == "transaction" else warehouse.settings).ok
    killed = -signal.SIGKILL
    assert {code for _, code in crowd.ended if code == killed}, "some were killed"
    failed = {name: complaint(text) for (name, code), text in crowd.said().items() if code not in (0, killed)}
    allowed = ["try again when"]  # a refresh was at work for longer than retention or an erasure waits
    if mode == "session":
        allowed += ["the pooler had no connection to Postgres free in time", "query_wait_timeout"]
        allowed.append("closed unexpectedly")  # the pooler's word is lost where the client was sending
    assert {name: text for name, text in failed.items() if text and not any(word in text for word in allowed)} == {}
    for stream in EVENTS:
        rows, distinct, ledger, accounted = warehouse.rows(ROWS_AND_LEDGER.format(stream=stream))[0]
        assert rows == distinct == ledger == accounted
    if mode == "transaction":
        before = warehouse.tables()
        assert refresh(warehouse.settings, full_refresh=True).ok
        assert warehouse.tables() == before
