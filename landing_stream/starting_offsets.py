"""Where a stream starts: at the ledger's next offsets, and what is not as it should be there is told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from uuid import UUID

import psycopg

from landing_stream.ledger import LedgerError, Span, Writer, advance, check_generation, lock_offsets

logger = logging.getLogger(__name__)


def next_offsets(connection: psycopg.Connection, stream: str, topic_id: UUID) -> dict[int, int]:
    """Partition to next offset, of the partitions that the ledger knows."""
    rows = connection.execute(
        "select kafka_partition, next_offset from landing.offsets where stream = %s and topic_id = %s",
        (stream, topic_id),
    )
    return dict(rows.fetchall())


def starting_offsets(
    connection: psycopg.Connection,
    writer: Writer,
    topic_id: UUID,
    earliest: Mapping[int, int],
    latest: Mapping[int, int],
) -> dict[int, int]:
    """Where each partition of the topic starts: the ledger's next offset, or the earliest for one never seen.

    What Kafka has deleted before it landed is recorded in landing.gaps, loudly, and stepped over. Raises LedgerError
    when the ledger is ahead of the topic's end: that is another log, and another id (landing_stream.histories).
    """
    starts: dict[int, int] = {}
    with connection.transaction():
        check_generation(connection, writer)
        known = next_offsets(connection, writer.stream, topic_id)
        for partition, first in sorted(earliest.items()):
            if known.get(partition, first) > latest[partition]:
                raise LedgerError(
                    f"stream {writer.stream}, partition {partition}: offsets below {known[partition]} have landed, but"
                    f" the topic ends at {latest[partition]}"
                )
            span = Span(partition, known.get(partition, first), first)
            position = lock_offsets(connection, writer.stream, topic_id, [span])[partition].next_offset
            if position < first:
                _record_gap(connection, writer.stream, topic_id, Span(partition, position, first))
            starts[partition] = max(position, first)
    return starts


def _record_gap(connection: psycopg.Connection, stream: str, topic_id: UUID, gap: Span) -> None:
    logger.error(
        "stream %s, partition %d: Kafka deleted offsets %d to %d before they landed; recorded in landing.gaps",
        stream,
        gap.kafka_partition,
        gap.from_offset,
        gap.until_offset - 1,
    )
    connection.execute(
        """
        insert into landing.gaps (stream, topic_id, kafka_partition, from_offset, until_offset)
        values (%s, %s, %s, %s, %s)
        """,
        (stream, topic_id, gap.kafka_partition, gap.from_offset, gap.until_offset),
    )
    advance(connection, stream, topic_id, [gap], [None])
