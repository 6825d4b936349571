"""Whether the log that Kafka has is the one that has landed, and if not, up to which offset it is.

A log that lost its end (an unclean leader, a restored disk) and has grown again has the same topic id, and offsets that
go on: only its records tell. The ledger keeps the last one of each partition.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from landing_stream.ledger import Position
from landing_stream.records import RecordReader
from landing_stream.topics import TopicOffsets
from landing_stream.witness import Witness, witness

Place = tuple[int, dt.datetime | None, bytes | None]
"""Offset, Kafka time and key of a record that landed or was quarantined."""

# Of the records of a slice, which may be rows or in quarantine. A merged load has those since the one before it.
_PLACES = """
with before as (
    select coalesce(max(load_id), 0) as load_id from landing.loads
    where stream = %(stream)s and load_id < %(load_id)s
)

select kafka_offset, kafka_timestamp, kafka_key from (
    select kafka_offset, kafka_timestamp, kafka_key from landing.{table}
    where load_id > (select load_id from before) and load_id <= %(load_id)s
        and topic_id = %(topic_id)s and kafka_partition = %(partition)s
    union all
    select kafka_offset, kafka_timestamp, kafka_key from landing.quarantine
    where stream = %(stream)s and load_id > (select load_id from before) and load_id <= %(load_id)s
        and topic_id = %(topic_id)s and kafka_partition = %(partition)s
) as places
where kafka_offset < %(below)s
order by kafka_offset desc
"""
_SLICE = """
select max(load_id) from landing.slices
where stream = %(stream)s and load_id <= %(load_id)s and topic_id = %(topic_id)s and kafka_partition = %(partition)s
    and from_offset < %(below)s and landed + quarantined > 0
"""
_ANY_LOAD = 2**63 - 1


def last_records(reader: RecordReader, topic: str, log: TopicOffsets, ledger: Mapping[int, Position]) -> dict[int, Any]:
    """Partition to what stands where its last landed record stood; left out where Kafka has none there (now).

    Raises OffsetsLost and KafkaUnavailable.
    """
    offsets = {
        partition: at.last.offset
        for partition, at in ledger.items()
        if at.last is not None and log.earliest.get(partition, 0) <= at.last.offset < log.latest.get(partition, 0)
    }
    found = reader.records_at(topic, offsets) if offsets else {}
    return {partition: witness(record, 0) for partition, record in found.items()}


def replaced(log: TopicOffsets, ledger: Mapping[int, Position], found: Mapping[int, Witness]) -> list[int]:
    """Partitions whose log is not the one that has landed: it ends below the ledger, or has another record than the one
    that landed last. Where that one was deleted since (retention, compaction), offsets are all there is to go by.
    """
    return [
        partition
        for partition, at in sorted(ledger.items())
        if partition in log.latest
        and (at.next_offset > log.latest[partition] or found.get(partition, at.last) != at.last)
    ]


def last_same(count: int, compare: Callable[[int], bool | None]) -> tuple[int, int]:
    """Of things in order of which those before an unknown one are the same and the others not: the index of the last
    that is known to be the same (-1: none is), and of the first that is known not to be (`count`: none is).

    `compare` tells it of one; None where nobody can tell.
    """
    low, different, same = 0, count, -1
    while low < different:
        middle = (low + different) // 2
        verdict = compare(middle)
        if verdict is False:
            different = middle
        else:
            low = middle + 1
            same = middle if verdict else same
    return same, different


@dataclass(frozen=True)
class Partition:
    """A partition of which the log is another one, and what has landed of it."""

    connection: psycopg.Connection
    reader: RecordReader
    stream: str
    topic: str
    number: int
    earliest: int
    latest: int

    def divergence(self, topic_ids: Sequence[tuple[UUID, int]], landed: Witness | None, found: Witness | None) -> int:
        """The offset from which on the log is another one than has landed; its first one where that cannot be told.

        Too low costs duplicates, too high would cost records. `topic_ids`: those under which its records landed, the
        newest first, each with the first offset that landed under it. `landed`: the last record that has landed;
        `found`: what stands there. Raises OffsetsLost and KafkaUnavailable.
        """
        below = self.latest
        if landed is not None and found is not None and found != landed:
            if found.timestamp == landed.timestamp:
                return self.earliest  # times that come again tell nothing of records below either
            below = landed.offset
        for topic_id, first_offset in topic_ids:
            if (found_here := self._divergence(topic_id, below)) is not None:
                return min(max(found_here, self.earliest), below)
            below = min(below, first_offset)
        return self.earliest

    def _divergence(self, topic_id: UUID, below: int) -> int | None:
        """Behind the last record below an offset that landed under this id and stands there still; None without one."""
        newest = self._slice(topic_id, below, _ANY_LOAD)
        if newest is None:
            return None

        def last_place(load_id: int) -> Place | None:
            found = self._slice(topic_id, below, load_id)
            places = self._places(topic_id, below, found, limit=1) if found is not None else []
            return places[0] if places else None

        same, different = last_same(newest + 1, lambda load_id: self._stands(last_place(load_id)))
        if different <= newest:
            places = self._places(topic_id, below, different)[::-1]
            last, _ = last_same(len(places), lambda index: self._stands(places[index]))
            if last >= 0:
                return places[last][0] + 1
        known = last_place(same) if same >= 0 else None
        return known[0] + 1 if known else None

    def _slice(self, topic_id: UUID, below: int, load_id: int) -> int | None:
        """The newest load at or below a load that has records of this partition."""
        row = self.connection.execute(_SLICE, self._values(topic_id, below, load_id)).fetchone()
        return row[0] if row else None

    def _places(self, topic_id: UUID, below: int, load_id: int, limit: int | None = None) -> list[Place]:
        """The records of a slice, the newest first."""
        query = sql.SQL(_PLACES + "limit %(limit)s").format(table=sql.Identifier(self.stream))
        return self.connection.execute(query, {**self._values(topic_id, below, load_id), "limit": limit}).fetchall()

    def _values(self, topic_id: UUID, below: int, load_id: int) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "topic_id": topic_id,
            "partition": self.number,
            "below": below,
            "load_id": load_id,
        }

    def _stands(self, place: Place | None) -> bool | None:
        """Whether a record that has landed is in Kafka where it was; None where nobody can tell."""
        if place is None:
            return None
        offset, timestamp, key = place
        if timestamp is None or offset < self.earliest:
            return None
        record = self.reader.records_at(self.topic, {self.number: offset}).get(self.number)
        if record is None:
            return None
        there = (record.column("kafka_timestamp")[0].as_py(), record.column("kafka_key")[0].as_py())
        return bool(there == (timestamp, key))
