"""How far each stream is: from Kafka's end offsets through the ledger to the models. Read only."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from landing_stream.contract import Contract
from landing_stream.topics import TopicOffsets, Topics

Connection = psycopg.Connection[tuple[Any, ...]]

LEDGER = """
select
    h.stream,
    h.hi,
    l.loads,
    l.open,
    l.sealed,
    l.landed_at,
    coalesce(s.landed, 0) as landed,
    coalesce(s.quarantined, 0) as quarantined,
    coalesce(s.holes, 0) as holes,
    s.kafka_timestamp,
    (select count(*) from landing.gaps as g where g.stream = h.stream) as gaps
from landing.horizons as h
cross join lateral (
    select
        coalesce(sum(loads), 0)::bigint as loads,
        count(*) filter (where state = 'open') as open,
        count(*) filter (where state = 'sealed') as sealed,
        max(landed_at) as landed_at
    from landing.loads
    where stream = h.stream
) as l
cross join lateral (
    select
        sum(landed)::bigint as landed,
        sum(quarantined)::bigint as quarantined,
        sum(holes)::bigint as holes,
        max(least(max_kafka_timestamp, committed_at)) as kafka_timestamp
    from landing.slices
    where stream = h.stream
) as s
"""


@dataclass(frozen=True)
class StreamStatus:
    """One stream. Times are UTC; None where nothing has landed yet, or where Kafka was not asked."""

    stream: str
    lag: int | None
    """Records in Kafka that have not landed."""
    landed: int
    quarantined: int
    holes: int
    gaps: int
    """Spans of offsets that Kafka deleted before they could land, or that were cut off its log."""
    loads: int
    open_loads: int
    sealed_loads: int
    horizon: int
    """Readers may read up to this load."""
    newest_landed_at: dt.datetime | None
    newest_kafka_timestamp: dt.datetime | None
    quarantine_reasons: Mapping[str, int] = field(default_factory=dict)
    """Quarantined records that were not replayed, by reason."""


@dataclass(frozen=True)
class ModelProgress:
    """Up to which load of a stream a model has read."""

    relation: str
    stream: str
    position: int
    horizon: int


def stream_statuses(connection: Connection, contracts: Iterable[Contract], topics: Topics | None) -> list[StreamStatus]:
    """The status of each contract's stream, in their order. Without `topics` the lag is None.

    `connection`: a role that reads landing. Raises KafkaUnavailable when Kafka does not answer.
    """
    ledger = {row[0]: row[1:] for row in connection.execute(LEDGER)}
    reasons = quarantine_reasons(connection)
    found = []
    for contract in contracts:
        row = ledger.get(contract.stream, (0, 0, 0, 0, None, 0, 0, 0, None, 0))
        horizon, loads, opened, sealed, landed_at, landed, quarantined, holes, kafka_timestamp, gaps = row
        found.append(
            StreamStatus(
                stream=contract.stream,
                lag=None if topics is None else lag_of(connection, contract, topics),
                landed=landed,
                quarantined=quarantined,
                holes=holes,
                gaps=gaps,
                loads=loads,
                open_loads=opened,
                sealed_loads=sealed,
                horizon=horizon,
                newest_landed_at=landed_at,
                newest_kafka_timestamp=kafka_timestamp,
                quarantine_reasons=reasons.get(contract.stream, {}),
            )
        )
    return found


@dataclass(frozen=True)
class Totals:
    """Records in a range of loads, by what became of them."""

    landed: int
    quarantined: int
    holes: int
    """Offsets without a record: Kafka's transactions and compaction leave them."""
    newest_event_at: dt.datetime | None
    """Greatest Kafka time of the records, at most when they were committed."""


def totals_between(connection: Connection, stream: str, after: int, up_to: int, topic_id: UUID | None = None) -> Totals:
    """Of the stream's loads behind `after`, to `up_to`, of one topic or of all. Up to the horizon they never change."""
    row = connection.execute(
        """
        select
            coalesce(sum(landed), 0)::bigint,
            coalesce(sum(quarantined), 0)::bigint,
            coalesce(sum(holes), 0)::bigint,
            max(least(max_kafka_timestamp, committed_at))
        from landing.slices
        where stream = %(stream)s and load_id > %(after)s and load_id <= %(up_to)s
            and (%(topic_id)s::uuid is null or topic_id = %(topic_id)s)
        """,
        {"stream": stream, "after": after, "up_to": up_to, "topic_id": topic_id},
    ).fetchone()
    assert row is not None
    return Totals(*row)


def lag_of(connection: Connection, contract: Contract, topics: Topics) -> int:
    """Records of the contract's topic, as it is now, that have not landed. Raises KafkaUnavailable."""
    topic = topics.offsets(contract.topic)
    return lag(topic, ledger_offsets(connection, contract.stream, topic.topic_id))


def lag(topic: TopicOffsets, next_offsets: Mapping[int, int]) -> int:
    """Records of the topic that have not landed, over all partitions."""
    return sum(map(len, waiting(topic, next_offsets).values()))


def waiting(topic: TopicOffsets, next_offsets: Mapping[int, int]) -> dict[int, range]:
    """Offsets that have not landed, by partition; those in which nothing waits are left out.

    From the ledger's next offset, or from the first that Kafka still has, where it deleted records before they landed,
    or where the ledger does not know the partition yet.
    """
    spans = {
        partition: range(max(next_offsets.get(partition, 0), topic.earliest.get(partition, 0)), end)
        for partition, end in topic.latest.items()
    }
    return {partition: span for partition, span in spans.items() if span}


def ledger_offsets(connection: Connection, stream: str, topic_id: UUID) -> dict[int, int]:
    """Partition to the next offset that has not landed, of the log that the topic of this id in Kafka has now."""
    rows = connection.execute(
        "select kafka_partition, next_offset from landing.positions where stream = %s and kafka_topic_id = %s",
        (stream, topic_id),
    )
    return dict(rows.fetchall())


def quarantine_reasons(connection: Connection) -> dict[str, dict[str, int]]:
    """Stream to reason to the number of quarantined records that were not replayed."""
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        "select stream, reason, count(*) from landing.quarantine where replayed_load_id is null"
        " group by 1, 2 order by 1, 2"
    )
    for stream, reason, count in rows:
        found.setdefault(stream, {})[reason] = count
    return found


def model_progress(connection: Connection) -> list[ModelProgress]:
    """How far each model has read each stream, the furthest behind first."""
    rows = connection.execute(
        "select p.relation, p.source, p.position, h.hi from ops.model_progress as p"
        " join landing.horizons as h on h.stream = p.source order by h.hi - p.position desc, 1, 2"
    )
    return [ModelProgress(*row) for row in rows]
