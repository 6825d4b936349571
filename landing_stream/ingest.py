"""The batch door: a finished file lands as loads of its own, with the ledger of the streaming door, once.

A file's records have the hash of its content as topic_id, partition 0, and their number in the file as offset, so that
the ledger knows the file again under any name, and an interrupted one goes on behind what has landed. They have no
Kafka time: they were never in Kafka, and neither lateness nor lag is to be measured by them; models that need a time of
arrival take landed_at.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pyarrow as pa

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landfall.wording import counted
from landing_stream.abandoned import holding_door
from landing_stream.contract import Contract
from landing_stream.copy_rows import FILE_RECORD_SCHEMA
from landing_stream.file_records import FileRecord, Refused
from landing_stream.files import SourceFile, records_from, topic_id_of
from landing_stream.ledger import (
    Load,
    Span,
    Writer,
    check_generation,
    draw_load,
    finish_load,
    prepare_partitions,
    start_writer,
)
from landing_stream.parse import Parser
from landing_stream.slice import Share, land_share
from landing_stream.starting_offsets import next_offsets
from landing_stream.tables import ensure_tables

logger = logging.getLogger(__name__)

DOOR = "file"
# An open load holds readers of the stream back: 50,000 events land in about a second.
RECORDS_A_LOAD = 50_000
BYTES_A_LOAD = 64 << 20


@dataclass(frozen=True)
class Ingested:
    """What became of a file now."""

    file: SourceFile
    landed: int = 0
    quarantined: int = 0
    loads: int = 0
    first: int = 0
    """The record that it went on from; those before had landed."""
    before: tuple[str, dt.datetime] | None = None
    """Under which name and when all of it had landed before; nothing was done then."""
    finished: bool = True

    def sentence(self) -> str:
        """For the one who waits for it."""
        if self.before is not None:
            name, when = self.before
            known = "" if name == self.file.name else f" as {name}"
            return f"landed before{known}, on {when.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
        gone_on = f", from line {self.first + 1:,} on" if self.first else ""
        rest = "" if self.finished else "; stopped: the same command goes on from here"
        return (
            f"landed {self.landed:,}, quarantined {self.quarantined:,} in {counted(self.loads, 'load')}{gone_on}{rest}"
        )


class FileDoor:
    """Lands files of one stream, as its writer. `connection`: as landing_writer, autocommit.

    Raises Fenced when another ingestion of the stream has begun, UserError for a file that cannot be read.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        contract: Contract,
        writer: Writer,
        records_a_load: int = RECORDS_A_LOAD,
        on_load: Callable[[Load], None] = lambda load: None,
    ) -> None:
        self._connection, self._contract, self._writer = connection, contract, writer
        self._parser = Parser(contract)
        self._records_a_load = records_a_load
        self._on_load = on_load
        self._days: set[dt.date] = set()

    def land(self, file: SourceFile, stop: threading.Event | None = None) -> Ingested:
        """Lands what the ledger does not have of a file; ends between two loads when `stop` is set."""
        topic_id = topic_id_of(file)
        file.check_unchanged()
        known = self._register(file, topic_id)
        if known is not None:
            return Ingested(file, before=known)
        first = next_offsets(self._connection, self._contract.stream, topic_id).get(0, 0)
        with file.opened() as content:
            return self._land_records(file, topic_id, first, records_from(file, content, self._contract, first), stop)

    def _land_records(
        self, file: SourceFile, topic_id: UUID, first: int, records: Iterator[FileRecord], stop: threading.Event | None
    ) -> Ingested:
        position, loads, landed, quarantined = first, 0, 0, 0
        for values in groups(records, self._records_a_load, BYTES_A_LOAD):
            span = Span(0, position, position + len(values))
            good, bad = self._land_load(file, topic_id, span, values)
            position, loads, landed, quarantined = span.until_offset, loads + 1, landed + good, quarantined + bad
            logger.info("stream %s: %s landed up to line %d", self._contract.stream, file.name, position)
            if stop is not None and stop.is_set():
                return Ingested(file, landed, quarantined, loads, first, finished=False)
        self._finish(topic_id, position)
        return Ingested(file, landed, quarantined, loads, first)

    def _land_load(self, file: SourceFile, topic_id: UUID, span: Span, values: list[FileRecord]) -> tuple[int, int]:
        """One load of one slice: (landed, quarantined)."""
        prepare_partitions(self._connection, self._contract.stream, self._days)
        load = draw_load(self._connection, self._writer)
        self._on_load(load)
        share = Share(self._writer, load, topic_id, (span,))
        accounts = land_share(
            self._connection, share, self._parser, lambda _: [_batch(topic_id, span, values)], file.check_unchanged
        )
        finish_load(self._connection, self._writer, load)
        account = accounts.get(span.kafka_partition)
        return (account.landed, account.quarantined) if account else (0, 0)

    def _register(self, file: SourceFile, topic_id: UUID) -> tuple[str, dt.datetime] | None:
        """Writes the file down; (name, when) where all of it had landed before."""
        with self._connection.transaction():
            check_generation(self._connection, self._writer)
            self._connection.execute(
                "insert into landing.files (stream, topic_id, name, format, bytes) values (%s, %s, %s, %s, %s)"
                " on conflict (stream, topic_id) do nothing",
                (self._contract.stream, topic_id, file.name, file.format, file.size),
            )
            row = self._connection.execute(
                "select name, finished_at from landing.files where stream = %s and topic_id = %s",
                (self._contract.stream, topic_id),
            ).fetchone()
        assert row is not None
        return None if row[1] is None else (row[0], row[1])

    def _finish(self, topic_id: UUID, lines: int) -> None:
        with self._connection.transaction():
            check_generation(self._connection, self._writer)
            self._connection.execute(
                "update landing.files set lines = %s, finished_at = clock_timestamp()"
                " where stream = %s and topic_id = %s",
                (lines, self._contract.stream, topic_id),
            )


def groups(records: Iterable[FileRecord], most_records: int, most_bytes: int) -> Iterator[list[FileRecord]]:
    """The places of a file in their order, in groups of at most `most_records` and `most_bytes`, or of one record.

    Places without a record count by the thousand.
    """
    group: list[FileRecord] = []
    count = size = 0
    for record in records:
        weight = 0 if record is None else len(record.value if isinstance(record, Refused) else record)
        if group and (count >= most_records or size + weight > most_bytes or len(group) >= 1_000 * most_records):
            yield group
            group, count, size = [], 0, 0
        group.append(record)
        count += record is not None
        size += weight
    if group:
        yield group


def _batch(topic_id: UUID, span: Span, places: list[FileRecord]) -> pa.RecordBatch:
    """The records among these places of a file."""
    numbered = [(at, record) for at, record in enumerate(places, start=span.from_offset) if record is not None]
    refused = [record if isinstance(record, Refused) else None for _, record in numbered]
    count = len(numbered)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(topic_id.bytes, pa.binary()), count),
            pa.repeat(pa.scalar(span.kafka_partition, pa.int32()), count),
            pa.array([at for at, _ in numbered], pa.int64()),
            pa.nulls(count, pa.timestamp("us", "UTC")),
            pa.nulls(count, pa.binary()),
            pa.array([each.value if isinstance(each, Refused) else each for _, each in numbered], pa.binary()),
            pa.array([each and str(each.reason) for each in refused], pa.string()),
            pa.array([each and each.detail for each in refused], pa.string()),
        ],
        schema=FILE_RECORD_SCHEMA,
    )


def ingest(
    settings: Settings,
    contract: Contract,
    files: Sequence[SourceFile],
    report: Callable[[Ingested], object] = lambda outcome: None,
    stop: threading.Event | None = None,
    *,
    records_a_load: int = RECORDS_A_LOAD,
    on_load: Callable[[Load], None] = lambda load: None,
) -> list[UserError]:
    """Lands files of a stream one after another, each record once, and reports what became of each.

    Returns why files could not be landed, or not to their end; the others have landed. `on_load` is told of each load
    that was drawn. Raises Fenced when another ingestion of the stream has begun meanwhile, UserError when the database
    has no ledger for it.
    """
    problems: list[UserError] = []
    with connect(
        settings.as_writer, autocommit=True, application_name=f"landfall ingest: {contract.stream}"
    ) as connection:
        writer = _take_door(connection, contract)
        door = FileDoor(connection, contract, writer, records_a_load, on_load)
        with holding_door(connection, writer):
            for file in files:
                try:
                    report(door.land(file, stop))
                except UserError as problem:
                    problems.append(problem)
                if stop is not None and stop.is_set():
                    break
    return problems


def _take_door(connection: psycopg.Connection, contract: Contract) -> Writer:
    try:
        connection.execute("select from landing.files limit 1")
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise UserError("The database has no ledger of files yet: run `landfall migrate` (or `landfall up`).") from None
    ensure_tables(connection, [contract])
    return start_writer(connection, contract.stream, DOOR)
