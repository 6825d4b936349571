"""One slice: the records of one Kafka partition within one load, landed in one Postgres transaction.

This is where an event becomes a row. Rows, quarantine, the account of the slice and the ledger's next offset commit
together, or
not at all; the ledger's row tells what has landed already. So a retry, a zombie or a second copy of the job changes
nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

import pgpq
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from landing_stream.classify import Reason
from landing_stream.contract import POSITION_COLUMNS
from landing_stream.ledger import LedgerError, Load, LoadNotOpen, Span, Writer, check_generation, lock_offset
from landing_stream.parse import Bad, Parser

# What a batch of records must hold, as Spark's Kafka source names it.
RECORD_SCHEMA = pa.schema(
    [("offset", pa.int64()), ("timestamp", pa.timestamp("us", "UTC")), ("key", pa.binary()), ("value", pa.binary())]
)

_QUARANTINE = (
    "stream", *POSITION_COLUMNS, "reason", "detail", "value",
)  # fmt: skip

# Postgres' timestamptz ends in the year 294276; a producer may write any 64-bit number.
_LATEST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Slice:
    """What a task is told to land."""

    writer: Writer
    load: Load
    topic_id: UUID
    span: Span


@dataclass
class Account:
    """What became of a slice's offsets: landed + quarantined + holes = until_offset - from_offset."""

    from_offset: int
    until_offset: int
    landed: int = 0
    quarantined: int = 0
    first_timestamp: dt.datetime | None = None
    last_timestamp: dt.datetime | None = None
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def holes(self) -> int:
        return self.until_offset - self.from_offset - self.landed - self.quarantined


def land_slice(
    connection: psycopg.Connection,
    job: Slice,
    parser: Parser,
    batches: Iterable[pa.RecordBatch],
    still_same_topic: Callable[[], None] = lambda: None,
) -> Account | None:
    """Lands the records of `batches` (RECORD_SCHEMA, ascending offsets) that the ledger does not have yet; None when it
    has all.

    `still_same_topic` is called after the last record was read and before the commit, and raises when the topic was
    made anew: its
    records would then be those of another topic. Raises Fenced, LoadNotOpen, LedgerError; nothing is committed then.
    """
    span = job.span
    with connection.transaction():
        check_generation(connection, job.writer)
        _check_open(connection, job)
        next_offset = lock_offset(connection, job.writer.stream, job.topic_id, span)
        if next_offset >= span.until_offset:
            return None
        account = Account(next_offset, span.until_offset)
        for batch in batches:
            _land_batch(connection, job, parser, _within(batch, account), account)
        still_same_topic()
        _close(connection, job, account)
    return account


def _check_open(connection: psycopg.Connection, job: Slice) -> None:
    row = connection.execute(
        "select state from landing.loads where stream = %s and load_id = %s", (job.writer.stream, job.load.load_id)
    ).fetchone()
    if row is None or row[0] != "open":
        raise LoadNotOpen(f"stream {job.writer.stream}: load {job.load.load_id} is not open any more")


def _within(batch: pa.RecordBatch, account: Account) -> pa.RecordBatch:
    """The records of a batch that the slice still owes."""
    offsets = batch.column("offset")
    if not len(offsets) or (offsets[0].as_py() >= account.from_offset and offsets[-1].as_py() < account.until_offset):
        return batch
    return batch.filter(pc.and_(pc.greater_equal(offsets, account.from_offset), pc.less(offsets, account.until_offset)))


def _land_batch(
    connection: psycopg.Connection, job: Slice, parser: Parser, records: pa.RecordBatch, account: Account
) -> None:
    if not records.num_rows:
        return
    records = _storable_timestamps(records)
    parsed = parser.parse(records.column("value"))
    rows = _landing_rows(job, records if not parsed.bad else records.take(parsed.good), parsed.columns)
    refused = _copy_or_isolate(connection, sql.Identifier("landing", job.writer.stream), rows)
    bad = parsed.bad + [Bad(parsed.good[i].as_py(), Reason.UNSTORABLE, why) for i, why in refused]
    if bad:
        quarantine = _quarantine_rows(job, records, bad)
        _copy(connection, sql.Identifier("landing", "quarantine"), quarantine)
        for record in bad:
            account.reasons[record.reason] = account.reasons.get(record.reason, 0) + 1
    account.landed += rows.num_rows - len(refused)
    account.quarantined += len(bad)
    bounds = pc.min_max(records.column("timestamp")).as_py()
    known = [
        t for t in (account.first_timestamp, account.last_timestamp, bounds["min"], bounds["max"]) if t is not None
    ]
    account.first_timestamp, account.last_timestamp = (min(known), max(known)) if known else (None, None)


def _storable_timestamps(records: pa.RecordBatch) -> pa.RecordBatch:
    """Kafka's timestamp is whatever a producer wrote; one that Postgres cannot hold becomes null."""
    index = records.schema.get_field_index("timestamp")
    timestamps = records.column(index)
    usable = pc.and_(
        pc.greater_equal(timestamps, pa.scalar(dt.datetime(1, 1, 1, tzinfo=dt.UTC), timestamps.type)),
        pc.less_equal(timestamps, pa.scalar(_LATEST, timestamps.type)),
    )
    if pc.all(usable).as_py():
        return records
    return records.set_column(index, "timestamp", pc.if_else(usable, timestamps, pa.scalar(None, timestamps.type)))


def _position_arrays(job: Slice, records: pa.RecordBatch) -> list[pa.Array]:
    """The columns of POSITION_COLUMNS. A uuid is sent as its 16 bytes, which is its binary form in Postgres."""
    count = records.num_rows
    return [
        pa.repeat(pa.scalar(job.load.load_id, pa.int64()), count),
        pa.repeat(pa.scalar(job.topic_id.bytes, pa.binary()), count),
        pa.repeat(pa.scalar(job.span.kafka_partition, pa.int32()), count),
        records.column("offset"),
        records.column("timestamp"),
        records.column("key"),
        pa.repeat(pa.scalar(job.load.landed_at, pa.timestamp("us", "UTC")), count),
    ]


def _landing_rows(job: Slice, records: pa.RecordBatch, columns: pa.RecordBatch) -> pa.RecordBatch:
    names = [*POSITION_COLUMNS, *columns.schema.names]
    return pa.RecordBatch.from_arrays([*_position_arrays(job, records), *columns.columns], names=names)


def _quarantine_rows(job: Slice, records: pa.RecordBatch, bad: list[Bad]) -> pa.RecordBatch:
    bad.sort(key=lambda record: record.index)
    at = records.take(pa.array([record.index for record in bad], pa.int64()))
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(job.writer.stream), len(bad)),
            *_position_arrays(job, at),
            pa.array([str(record.reason) for record in bad]),
            pa.array([record.detail for record in bad], pa.string()),
            at.column("value"),
        ],
        names=list(_QUARANTINE),
    )


def _copy(connection: psycopg.Connection, table: sql.Composable, rows: pa.RecordBatch) -> None:
    """COPY in Postgres' binary format: 1.8 µs a row in the server, text costs 4.5."""
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.schema.names))
    encoder = pgpq.ArrowToPostgresBinaryEncoder(rows.schema)
    encoder.write_header()
    payload = encoder.write_batch(rows)
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} ({}) from stdin (format binary)").format(table, columns)) as copy,
    ):
        copy.write(payload)
        copy.write(encoder.finish())


def _copy_or_isolate(
    connection: psycopg.Connection, table: sql.Composable, rows: pa.RecordBatch
) -> list[tuple[int, str]]:
    """Copies all rows but those that Postgres refuses, which it gives: (index, SQLSTATE name).

    Halves the batch to find them.
    """
    if not rows.num_rows:
        return []
    try:
        with connection.transaction():
            _copy(connection, table, rows)
        return []
    except (psycopg.DataError, psycopg.ProgrammingError, psycopg.errors.ProgramLimitExceeded) as error:
        if isinstance(error, psycopg.ProgrammingError) and not isinstance(
            error, psycopg.errors.UntranslatableCharacter
        ):
            raise
        if rows.num_rows == 1:
            return [(0, f"Postgres refused the row: {type(error).__name__}")]
    half = rows.num_rows // 2
    refused = _copy_or_isolate(connection, table, rows.slice(0, half))
    return refused + [(half + i, why) for i, why in _copy_or_isolate(connection, table, rows.slice(half))]


def _close(connection: psycopg.Connection, job: Slice, account: Account) -> None:
    if account.holes < 0:
        raise LedgerError(f"stream {job.writer.stream}: more records than offsets in {job.span}; a record came twice")
    key = (job.writer.stream, job.topic_id, job.span.kafka_partition)
    connection.execute(
        """
        insert into landing.slices (
            stream, topic_id, kafka_partition, load_id, from_offset, until_offset, landed, quarantined, holes,
            min_kafka_timestamp, max_kafka_timestamp
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *key, job.load.load_id, account.from_offset, account.until_offset, account.landed, account.quarantined,
            account.holes, account.first_timestamp, account.last_timestamp,
        ),
    )  # fmt: skip
    moved = connection.execute(
        """
        update landing.offsets set next_offset = %s
        where stream = %s and topic_id = %s and kafka_partition = %s and next_offset = %s
        """,
        (account.until_offset, *key, account.from_offset),
    )
    if moved.rowcount != 1:
        raise LedgerError(f"stream {job.writer.stream}: the ledger moved under the slice {job.span}")
