"""What could not be landed: to list, to look at, and to land after all once the reason is gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pyarrow as pa
from psycopg.rows import class_row

from landing_stream.abandoned import holding_door
from landing_stream.contract import Contract
from landing_stream.copy_rows import RECORD_SCHEMA, land_records
from landing_stream.ledger import LedgerError, Writer, check_generation, draw_load, finish_load, prepare_partitions
from landing_stream.ledger import start_writer as take_door
from landing_stream.parse import Parser

DOOR = "replay"
Position = tuple[int, UUID, int, int]

# A load of any door is short, for an open one holds readers back: a replay of many records is many loads.
_RECORDS_A_LOAD = 5_000


@dataclass(frozen=True)
class Summary:
    """Quarantined records of one stream and reason; `waiting` of them were not replayed."""

    stream: str
    reason: str
    records: int
    waiting: int
    first_landed_at: dt.datetime
    last_landed_at: dt.datetime


@dataclass(frozen=True)
class Record:
    """A quarantined record; `size` in bytes, None for a tombstone."""

    stream: str
    load_id: int
    topic_id: UUID
    kafka_partition: int
    kafka_offset: int
    kafka_timestamp: dt.datetime | None
    kafka_key: bytes | None
    landed_at: dt.datetime
    reason: str
    detail: str | None
    size: int | None
    replayed_load_id: int | None
    value: bytes | None = None


_COLUMNS = """stream, load_id, topic_id, kafka_partition, kafka_offset, kafka_timestamp, kafka_key, landed_at, reason,
    detail, length(value) as size, replayed_load_id"""


def summarize(connection: psycopg.Connection, stream: str | None = None, reason: str | None = None) -> list[Summary]:
    """Counts by stream and reason."""
    with connection.cursor(row_factory=class_row(Summary)) as cursor:
        return cursor.execute(
            """
            select
                stream,
                reason,
                count(*) as records,
                count(*) filter (where replayed_load_id is null) as waiting,
                min(landed_at) as first_landed_at,
                max(landed_at) as last_landed_at
            from landing.quarantine
            where stream = coalesce(%(stream)s, stream) and reason = coalesce(%(reason)s, reason)
            group by stream, reason
            order by stream, records desc, reason
            """,
            {"stream": stream, "reason": reason},
        ).fetchall()


def newest(connection: psycopg.Connection, stream: str | None, reason: str | None, limit: int) -> list[Record]:
    """The newest records, without their values."""
    with connection.cursor(row_factory=class_row(Record)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS} from landing.quarantine
            where stream = coalesce(%(stream)s, stream) and reason = coalesce(%(reason)s, reason)
            order by landed_at desc, stream, kafka_partition, kafka_offset desc
            limit %(limit)s
            """,
            {"stream": stream, "reason": reason, "limit": limit},
        ).fetchall()


def at_position(connection: psycopg.Connection, stream: str, partition: int, offset: int) -> list[Record]:
    """The records at a position, with their values: more than one where the topic was made anew."""
    with connection.cursor(row_factory=class_row(Record)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS}, value from landing.quarantine
            where stream = %s and kafka_partition = %s and kafka_offset = %s order by load_id
            """,
            (stream, partition, offset),
        ).fetchall()


def replay(connection: psycopg.Connection, contract: Contract, reason: str | None = None) -> tuple[int, int]:
    """Parses the stored bytes again by today's contract and lands what can be landed, with its original position.

    Each record lands once, however often this runs; one that still cannot stays. Returns (landed, still quarantined).
    """
    writer = take_door(connection, contract.stream, DOOR)
    with holding_door(connection, writer):
        return _replay(connection, writer, contract, reason)


def _replay(connection: psycopg.Connection, writer: Writer, contract: Contract, reason: str | None) -> tuple[int, int]:
    parser, landed, waiting = Parser(contract), 0, 0
    after: Position = (0, UUID(int=0), -1, -1)
    while records := _waiting(connection, contract.stream, reason, after):
        last = records[-1]
        after = (last.load_id, last.topic_id, last.kafka_partition, last.kafka_offset)
        landed_now = 0
        if len(parser.parse(pa.array([record.value for record in records], pa.binary())).good):
            landed_now = _replay_load(connection, writer, parser, records)
        landed += landed_now
        waiting += len(records) - landed_now
    return landed, waiting


def _replay_load(connection: psycopg.Connection, writer: Writer, parser: Parser, records: list[Record]) -> int:
    """Lands what can be landed of `records` as one load; gives how many."""
    prepare_partitions(connection, writer.stream, set())
    load = draw_load(connection, writer)
    with connection.transaction():
        check_generation(connection, writer)
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array([record.topic_id.bytes for record in records], pa.binary()),
                pa.array([record.kafka_partition for record in records], pa.int32()),
                pa.array([record.kafka_offset for record in records], pa.int64()),
                pa.array([record.kafka_timestamp for record in records], pa.timestamp("us", "UTC")),
                pa.array([record.kafka_key for record in records], pa.binary()),
                pa.array([record.value for record in records], pa.binary()),
            ],
            schema=RECORD_SCHEMA,
        )
        still_bad = {bad.index for bad in land_records(connection, writer.stream, load, parser, batch)}
        landed = [record for index, record in enumerate(records) if index not in still_bad]
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                update landing.quarantine set replayed_load_id = %s
                where stream = %s and topic_id = %s and kafka_partition = %s and kafka_offset = %s
                    and replayed_load_id is null
                """,
                [(load.load_id, r.stream, r.topic_id, r.kafka_partition, r.kafka_offset) for r in landed],
            )
            if cursor.rowcount != len(landed):
                raise LedgerError(f"stream {writer.stream}: another replay has landed some of these records meanwhile")
    finish_load(connection, writer, load)
    return len(landed)


def _waiting(connection: psycopg.Connection, stream: str, reason: str | None, after: Position) -> list[Record]:
    with connection.cursor(row_factory=class_row(Record)) as cursor:
        return cursor.execute(
            f"""
            select {_COLUMNS}, value from landing.quarantine
            where stream = %s and reason = coalesce(%s, reason) and replayed_load_id is null
                and (load_id, topic_id, kafka_partition, kafka_offset) > (%s, %s, %s, %s)
            order by load_id, topic_id, kafka_partition, kafka_offset
            limit {_RECORDS_A_LOAD}
            """,
            (stream, reason, *after),
        ).fetchall()
