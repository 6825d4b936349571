"""One slice: the records of one Kafka partition within one load, landed in one Postgres transaction.

This is where an event becomes a row. Rows, quarantine, the account of the slice and the ledger's next offset commit
together, or not at all; the ledger's row tells what has landed already. So a retry, a zombie or a second copy of the
job changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from landing_stream.copy_rows import land_records, quarantine_records
from landing_stream.ledger import LedgerError, Load, LoadNotOpen, Span, Writer, advance, check_generation, lock_offset
from landing_stream.parse import Parser


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

    @property
    def holes(self) -> int:
        return self.until_offset - self.from_offset - self.landed - self.quarantined

    def saw(self, timestamps: pa.Array) -> None:
        """Widens first_timestamp and last_timestamp to hold these."""
        bounds = pc.min_max(timestamps).as_py()
        seen = [self.first_timestamp, self.last_timestamp, bounds["min"], bounds["max"]]
        known = [moment for moment in seen if moment is not None]
        if known:
            self.first_timestamp, self.last_timestamp = min(known), max(known)


def land_slice(
    connection: psycopg.Connection,
    job: Slice,
    parser: Parser,
    batches: Iterable[pa.RecordBatch],
    still_same_topic: Callable[[], None] = lambda: None,
) -> Account | None:
    """Lands the records (RECORD_SCHEMA, ascending offsets) that the ledger does not have yet; None when it has all.

    `still_same_topic` is called after the last record was read and before the commit, and raises when the topic was
    made anew: its records would then be those of another topic. Raises Fenced, LoadNotOpen, LedgerError and what
    Postgres raises; nothing is committed then.
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


def _within(records: pa.RecordBatch, account: Account) -> pa.RecordBatch:
    """The records of a batch that the slice still owes."""
    offsets = records.column("kafka_offset")
    owed = pc.and_(pc.greater_equal(offsets, account.from_offset), pc.less(offsets, account.until_offset))
    return records if pc.all(owed).as_py() else records.filter(owed)


def _land_batch(
    connection: psycopg.Connection, job: Slice, parser: Parser, records: pa.RecordBatch, account: Account
) -> None:
    if not records.num_rows:
        return
    bad = land_records(connection, job.writer.stream, job.load, parser, records)
    if bad:
        quarantine_records(connection, job.writer.stream, job.load, records, bad)
    account.landed += records.num_rows - len(bad)
    account.quarantined += len(bad)
    account.saw(records.column("kafka_timestamp"))


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
    owed = Span(job.span.kafka_partition, account.from_offset, account.until_offset)
    advance(connection, job.writer.stream, job.topic_id, owed)
