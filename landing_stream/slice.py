"""Slices: the records of Kafka partitions within one load, landed in one Postgres transaction.

This is where an event becomes a row. Rows, quarantine, the account of each partition's slice and the ledger's next
offsets commit together, or not at all; the ledger's rows tell what has landed already. So a retry, a zombie or a second
copy of the job changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from landing_stream.copy_rows import land_records, quarantine_records
from landing_stream.ledger import (
    Account,
    Load,
    LoadNotOpen,
    Span,
    Writer,
    check_generation,
    close_slices,
    owed_accounts,
)
from landing_stream.parse import Parser
from landing_stream.witness import last_of_each


@dataclass(frozen=True)
class Share:
    """What a task is told to land: spans of partitions, each of which becomes a slice."""

    writer: Writer
    load: Load
    topic_id: UUID
    spans: tuple[Span, ...]


def land_share(
    connection: psycopg.Connection,
    share: Share,
    parser: Parser,
    read: Callable[[Mapping[int, Account]], Iterable[pa.RecordBatch]],
    still_same_topic: Callable[[], None] = lambda: None,
) -> dict[int, Account]:
    """Lands the records that the ledger does not have yet; gives the accounts by partition of those that it had not.

    `read` is given the accounts and reads their records: RECORD_SCHEMA, offsets ascending within a partition.
    `still_same_topic` is called after the last record was read and before the commit, and raises when the topic was
    made anew: its records would then be those of another topic. Raises Fenced, LoadNotOpen, LedgerError and what
    Postgres raises; nothing is committed then.
    """
    stream = share.writer.stream
    with connection.transaction():
        check_generation(connection, share.writer)
        _check_open(connection, share)
        accounts = owed_accounts(connection, stream, share.topic_id, share.spans)
        if not accounts:
            return {}
        for batch in read(accounts):
            _land_batch(connection, share, parser, _owed(batch, accounts), accounts)
        still_same_topic()
        close_slices(connection, stream, share.load, share.topic_id, accounts)
    return accounts


def _check_open(connection: psycopg.Connection, share: Share) -> None:
    stream, load_id = share.writer.stream, share.load.load_id
    row = connection.execute(
        "select state from landing.loads where stream = %s and load_id = %s", (stream, load_id)
    ).fetchone()
    if row is None or row[0] != "open":
        raise LoadNotOpen(f"stream {stream}: load {load_id} is not open any more")


def _owed(records: pa.RecordBatch, accounts: dict[int, Account]) -> pa.RecordBatch:
    """The records of a batch that the slices still owe."""
    offsets = records.column("kafka_offset")
    place = pc.index_in(records.column("kafka_partition"), value_set=pa.array(accounts, pa.int32()))
    firsts = pa.array([account.from_offset for account in accounts.values()], pa.int64()).take(place)
    ends = pa.array([account.until_offset for account in accounts.values()], pa.int64()).take(place)
    owed = pc.fill_null(pc.and_(pc.greater_equal(offsets, firsts), pc.less(offsets, ends)), False)
    return records if pc.all(owed).as_py() else records.filter(owed)


def _land_batch(
    connection: psycopg.Connection,
    share: Share,
    parser: Parser,
    records: pa.RecordBatch,
    accounts: dict[int, Account],
) -> None:
    if not records.num_rows:
        return
    bad = land_records(connection, share.writer.stream, share.load, parser, records)
    if bad:
        quarantine_records(connection, share.writer.stream, share.load, records, bad)
    _count(records, [record.index for record in bad], accounts)


def _count(records: pa.RecordBatch, bad: list[int], accounts: dict[int, Account]) -> None:
    """Adds the records, of which some are `bad`, to the accounts of their partitions."""
    times = pa.table({name: records.column(name) for name in ("kafka_partition", "kafka_timestamp")})
    aggregates = [([], "count_all"), ("kafka_timestamp", "min"), ("kafka_timestamp", "max")]
    for seen in times.group_by("kafka_partition").aggregate(aggregates).to_pylist():
        account = accounts[seen["kafka_partition"]]
        account.landed += seen["count_all"]
        bounds = [account.first_timestamp, account.last_timestamp]
        bounds += [seen["kafka_timestamp_min"], seen["kafka_timestamp_max"]]
        if known := [moment for moment in bounds if moment is not None]:
            account.first_timestamp, account.last_timestamp = min(known), max(known)
    for partition, last in last_of_each(records):
        accounts[partition].last = last
    for partition in records.column("kafka_partition").take(pa.array(bad, pa.int64())).to_pylist():
        accounts[partition].landed -= 1
        accounts[partition].quarantined += 1
