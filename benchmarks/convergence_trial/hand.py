"""Lands records with the landing's own ledger, parser and COPY, without Kafka: in any order, in loads of any size."""

from __future__ import annotations

import datetime as dt
import uuid
import zlib
from collections.abc import Sequence

import pyarrow as pa

from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import Contract
from landing_stream.copy_rows import RECORD_SCHEMA, land_records, quarantine_records
from landing_stream.ledger import draw_load, finish_load, start_writer
from landing_stream.parse import Parser
from landing_stream.tables import ensure_day_partitions

TOPIC = uuid.UUID(int=1)
PARTITIONS = 3
_ROWS_AT_ONCE = 20_000


class Hand:
    """Lands records of one stream, from `first_offset` on in each partition; takes the stream's door."""

    def __init__(self, settings: Settings, contract: Contract, first_offset: int = 0) -> None:
        self._stream, self._parser = contract.stream, Parser(contract)
        self._connection = connect(settings.as_writer, autocommit=True)
        self._writer = start_writer(self._connection, contract.stream, "stream")
        self._next = [first_offset] * PARTITIONS

    def land(self, values: Sequence[bytes | None], produced: dt.datetime) -> int:
        """One load with these records, in their order, produced at this moment; returns how many were quarantined.

        A record's partition follows from its bytes, as it does from a key.
        """
        load = draw_load(self._connection, self._writer)
        ensure_day_partitions(self._connection, self._stream, load.landed_at.astimezone(dt.UTC).date())
        before, quarantined = list(self._next), [0] * PARTITIONS
        with self._connection.transaction():
            for begin in range(0, len(values), _ROWS_AT_ONCE):
                batch = self._batch(values[begin : begin + _ROWS_AT_ONCE], produced)
                bad = land_records(self._connection, self._stream, load, self._parser, batch)
                if bad:
                    quarantine_records(self._connection, self._stream, load, batch, bad)
                for record in bad:
                    quarantined[batch.column("kafka_partition")[record.index].as_py()] += 1
            self._account(load.load_id, before, quarantined)
        finish_load(self._connection, self._writer, load)
        return sum(quarantined)

    def close(self) -> None:
        self._connection.close()

    def _batch(self, values: Sequence[bytes | None], produced: dt.datetime) -> pa.RecordBatch:
        partitions = [zlib.crc32(value or b"") % PARTITIONS for value in values]
        offsets = []
        for partition in partitions:
            offsets.append(self._next[partition])
            self._next[partition] += 1
        count = len(values)
        return pa.RecordBatch.from_arrays(
            [
                pa.array([TOPIC.bytes] * count, pa.binary()),
                pa.array(partitions, pa.int32()),
                pa.array(offsets, pa.int64()),
                pa.array([produced] * count, pa.timestamp("us", "UTC")),
                pa.nulls(count, pa.binary()),
                pa.array(values, pa.binary()),
            ],
            schema=RECORD_SCHEMA,
        )

    def _account(self, load_id: int, before: Sequence[int], quarantined: Sequence[int]) -> None:
        """The ledger's rows of this load."""
        for partition, (start, end) in enumerate(zip(before, self._next, strict=True)):
            if end > start:
                bad = quarantined[partition]
                self._connection.execute(
                    "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset,"
                    " landed, quarantined, holes) values (%s, %s, %s, %s, %s, %s, %s, %s, 0)",
                    (self._stream, load_id, TOPIC, partition, start, end, end - start - bad, bad),
                )
