"""What a Spark task does: in the Python worker, with what that process keeps between tasks, it lands its slice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa

from landing_stream.contract import Contract
from landing_stream.copy_rows import RECORD_SCHEMA
from landing_stream.ledger import Fenced, LedgerError, Load, LoadNotOpen, Span, Writer
from landing_stream.logs import safe_message
from landing_stream.parse import Parser
from landing_stream.slice import Account, Slice, land_slice
from landing_stream.topics import KafkaUnavailable, TopicReplaced, Topics
from warehouse.connect import connect

# What a task reports to the driver: one row a slice.
REPORT_SCHEMA = "kafka_partition int, landed long, quarantined long, failure string, detail string"
_REPORT = pa.schema(
    [
        ("kafka_partition", pa.int32()),
        ("landed", pa.int64()),
        ("quarantined", pa.int64()),
        ("failure", pa.string()),
        ("detail", pa.string()),
    ]
)

_SOURCE_COLUMNS = ("partition", "offset", "timestamp", "key", "value")


@dataclass(frozen=True)
class Plan:
    """One micro-batch: the load and the spans of offsets, by Kafka partition. Sent to every task of the batch."""

    contract: Contract
    writer: Writer
    load: Load
    topic_id: UUID
    spans: Mapping[int, Span]
    dsn: str
    kafka: Mapping[str, Any]


class _Worker:
    """What this process keeps between tasks: a connection costs 15 ms, a parser 4 ms, a Kafka client 20 ms."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._connections: dict[str, psycopg.Connection] = {}
        self._parsers: dict[str, tuple[Contract, Parser]] = {}
        self._topics: dict[str, Topics] = {}

    def connection(self, dsn: str) -> psycopg.Connection:
        found = self._connections.get(dsn)
        if found is None or found.closed or found.broken:
            found = connect(dsn, role="landing_writer", autocommit=True, application_name="landfall land: slice")
            self._connections[dsn] = found
        return found

    def parser(self, contract: Contract) -> Parser:
        known = self._parsers.get(contract.stream)
        if known is None or known[0] != contract:
            known = self._parsers[contract.stream] = (contract, Parser(contract))
        return known[1]

    def topics(self, kafka: Mapping[str, Any]) -> Topics:
        key = str(kafka["bootstrap.servers"])
        if key not in self._topics:
            self._topics[key] = Topics(kafka)
        return self._topics[key]


_worker: _Worker | None = None


def _this_worker() -> _Worker:
    global _worker
    if _worker is None or _worker.pid != os.getpid():  # a fork must not share its parent's connections
        _worker = _Worker()
    return _worker


def landing_task(plan: Plan) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for mapInArrow over (partition, offset, timestamp, key, value): lands a slice and reports it."""

    def land(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        records = (batch for batch in batches if batch.num_rows)
        first = next(records, None)
        if first is None:
            return
        yield _report(first.column("partition")[0].as_py(), *_land(plan, first, records))
        for (
            _
        ) in records:  # a worker that leaves input unread is not used again, and the next one costs a second to start
            pass

    return land


def _land(
    plan: Plan, first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]
) -> tuple[Account | None, str | None, str | None]:
    """(account, failure, detail): failures travel as data, Spark's exceptions quote more than a log may hold."""
    partition = first.column("partition")[0].as_py()
    worker = _this_worker()
    try:
        topics = worker.topics(plan.kafka)
        account = land_slice(
            worker.connection(plan.dsn),
            Slice(plan.writer, plan.load, plan.topic_id, plan.spans[partition]),
            worker.parser(plan.contract),
            (_with_position(batch, partition, plan.topic_id) for batch in _chain(first, rest)),
            lambda: topics.check_same(plan.contract.topic, plan.topic_id),
        )
    except (Fenced, LoadNotOpen, LedgerError, TopicReplaced, KafkaUnavailable, psycopg.Error) as error:
        return None, type(error).__name__, safe_message(error)
    return account, None, None


def _report(partition: int, account: Account | None, failure: str | None, detail: str | None) -> pa.RecordBatch:
    row = {
        "kafka_partition": partition,
        "landed": account.landed if account else 0,
        "quarantined": account.quarantined if account else 0,
        "failure": failure,
        "detail": detail,
    }
    return pa.RecordBatch.from_pylist([row], schema=_REPORT)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _with_position(batch: pa.RecordBatch, partition: int, topic_id: UUID) -> pa.RecordBatch:
    """Spark's records as RECORD_SCHEMA. A task reads one Kafka partition; anything else would break the ledger."""
    partitions = batch.column("partition")
    if partitions[0].as_py() != partition or partitions[-1].as_py() != partition:
        raise RuntimeError(
            "a task received records of two Kafka partitions: minPartitions and maxRecordsPerPartition must not be set"
        )
    arrays = [pa.repeat(pa.scalar(topic_id.bytes, pa.binary()), batch.num_rows), *map(batch.column, _SOURCE_COLUMNS)]
    columns = [array.cast(field.type) for array, field in zip(arrays, RECORD_SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA)
