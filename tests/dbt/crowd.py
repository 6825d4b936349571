"""Many clients of one database, each a process of its own, that are killed and start again."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID

import pyarrow as pa

from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.copy_rows import RECORD_SCHEMA
from landing_stream.ledger import Account, Fenced, Span, draw_load, finish_load, prepare_partitions, start_writer
from landing_stream.parse import Parser
from landing_stream.slice import Share, land_share
from tests.dbt.events import Event, job_events, shop_events, web_requests

PRELOADED = (
    "tests.dbt.crowd", "cli.main", "cli.commands.ingest", "cli.commands.refresh", "warehouse.refresh",
    "warehouse.watch", "dbt.cli.main", "cli.status_report", "health.doctor", "exports.export", "erasure.erase",
    "warehouse.retention", "reports.chart", "explain.visitor", "monitoring.collector", "dbt.adapters.postgres",
)  # fmt: skip
"""What each process would import: here the process that forks them has it already."""
EVENTS: Mapping[str, Callable[[int, int], list[Event]]] = {
    "product_views": shop_events,
    "web_logs": web_requests,
    "job_tracking": job_events,
}
TOPIC = UUID(int=1)
ROWS = 40
"""Of a slice."""


@dataclass
class Client:
    """`turns`: what it runs, one after another, each with its arguments; of these, the process and the log of now."""

    name: str
    turns: Iterator[tuple[Callable[..., None], tuple[object, ...]]]
    process: BaseProcess | None = None
    log: Path = Path()


@dataclass
class Crowd:
    """Clients side by side, whose logs are in `folder`. `ended`: of each process the log and the exit code."""

    folder: Path
    clients: Sequence[Client]
    ended: list[tuple[Path, int]] = field(default_factory=list)

    def run(self, over: Callable[[], bool], kill_each: float, chance: random.Random) -> None:
        """Until it is over, killing one of them each so many seconds; then all that still run."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*PRELOADED])
        killed_at = time.monotonic()
        numbers = itertools.count()
        while not over():
            for client in self.clients:
                if client.process is not None and client.process.exitcode is not None:
                    self.note(client)
                if client.process is None:
                    target, arguments = next(client.turns)
                    client.log = self.folder / f"{next(numbers):04} {client.name}.log"
                    client.process = context.Process(
                        target=start, args=(str(client.log), target, *arguments), daemon=True
                    )
                    client.process.start()
            if time.monotonic() > killed_at + kill_each:
                chance.choice([client.process for client in self.clients if client.process is not None]).kill()
                killed_at = time.monotonic()
            time.sleep(0.01)
        for client in self.clients:
            if client.process is not None:
                client.process.kill()
                client.process.join(20)
                self.note(client)

    def note(self, client: Client) -> None:
        """Its process has ended."""
        assert client.process is not None
        assert client.process.exitcode is not None
        self.ended.append((client.log, client.process.exitcode))
        client.process = None

    def said(self) -> dict[tuple[str, int], str]:
        """By log and exit code, what each said."""
        return {(log.name, code): log.read_text(errors="replace") for log, code in self.ended if log.exists()}


def start(log: str, target: Callable[..., None], *arguments: object) -> None:
    """In the new process: what it says goes to the file."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(said, number)
    target(*arguments)


def command(environ: Mapping[str, str], *arguments: str) -> None:
    """A `landfall` command, as its console script runs it."""
    from cli.main import main

    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["landfall", *arguments]
    main()


def dbt(environ: Mapping[str, str], *arguments: str) -> None:
    """dbt as it is typed by hand."""
    from dbt.cli.main import cli

    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["dbt", *arguments]
    cli()


def land_slices(settings: Settings, stream: str, loads: int) -> None:
    """What the landing does: takes the door, and lands loads of slices of two partitions from where the ledger stands.

    Raises Fenced when another one has taken the door.
    """
    parser = Parser(load_contracts()[stream])
    with connect(settings.as_writer, autocommit=True, application_name="landfall land: slice") as connection:
        writer = start_writer(connection, stream, "stream")
        prepare_partitions(connection, stream, set())
        for _ in range(loads):
            load = draw_load(connection, writer)
            found = connection.execute(
                "select kafka_partition, next_offset from landing.offsets where stream = %s and topic_id = %s",
                (stream, TOPIC),
            )
            at = {0: 0, 1: 0, **dict(found.fetchall())}
            spans = tuple(Span(partition, at[partition], at[partition] + ROWS) for partition in (0, 1))
            share = Share(writer, load, TOPIC, spans)
            land_share(connection, share, parser, lambda accounts: [records(stream, accounts)])
            finish_load(connection, writer, load)


def land_until_fenced(settings: Settings, stream: str) -> None:
    """A copy of the landing, which ends as its command does."""
    with suppress(Fenced):
        land_slices(settings, stream, 15)


def records(stream: str, accounts: Mapping[int, Account]) -> pa.RecordBatch:
    """The records of these spans: the same whenever they are read."""
    rows = []
    for partition, account in accounts.items():
        for offset in range(account.from_offset, account.until_offset):
            (event,) = EVENTS[stream](1, offset * 2 + partition)
            key = {"product_views": "id", "web_logs": "event_id"}.get(stream)
            if key:
                event[key] = f"{partition}-{offset}"
            value = b"{" if offset % 37 == 0 else json.dumps(event).encode()
            rows.append((partition, offset, value))
    now = dt.datetime.now(dt.UTC)
    return pa.RecordBatch.from_pydict(
        {
            "topic_id": [TOPIC.bytes] * len(rows),
            "kafka_partition": [row[0] for row in rows],
            "kafka_offset": [row[1] for row in rows],
            "kafka_timestamp": [now] * len(rows),
            "kafka_key": [None] * len(rows),
            "value": [row[2] for row in rows],
        },
        schema=RECORD_SCHEMA,
    )
