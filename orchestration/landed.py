"""What the landing ledger in Postgres says of a stream, and what that looks like in Dagster."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import dagster as dg
import psycopg

from landing_stream.progress import lag, totals_between
from landing_stream.topics import TopicOffsets

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Landed:
    """What landed in one stream between two looks: loads (after, load_id], all of them finished or sealed."""

    stream: str
    load_id: int
    loads: int
    rows: int
    quarantined: int
    holes: int
    gaps: int
    """Stretches of offsets that Kafka deleted before they could land, or that were cut off its log, ever."""
    finished_at: dt.datetime
    newest_event: dt.datetime | None
    """Kafka's timestamp of the newest record."""
    next_offsets: Mapping[tuple[UUID, int], int]
    """By topic id in Kafka and partition: everything below has landed."""

    def of_topic(self, topic_id: UUID) -> dict[int, int]:
        """The next offsets of one topic, by partition."""
        return {partition: offset for (topic, partition), offset in self.next_offsets.items() if topic == topic_id}


def landed_since(connection: Connection, stream: str, after: int | None) -> Landed | None:
    """What landed in `stream` after load `after`; None when nothing did.

    Without `after` (the first tick), or when the database is a younger one, only the newest load is looked at: the
    slices of a year are no matter of a sensor's few seconds.
    """
    row = connection.execute("select hi from landing.horizons where stream = %s", (stream,)).fetchone()
    hi = row[0] if row else 0
    if after is None or after > hi:
        after = max(hi - 1, 0)
    if hi == after:
        return None
    counted = connection.execute(
        """
        select
            count(distinct load_id),
            (select count(*) from landing.gaps where stream = %(stream)s),
            (select finished_at from landing.loads where stream = %(stream)s and load_id = %(hi)s)
        from landing.slices
        where stream = %(stream)s and load_id > %(after)s and load_id <= %(hi)s
        """,
        {"stream": stream, "after": after, "hi": hi},
    ).fetchone()
    assert counted is not None
    loads, gaps, finished_at = counted
    totals = totals_between(connection, stream, after, hi)
    offsets = connection.execute(
        "select kafka_topic_id, kafka_partition, next_offset from landing.positions as o where stream = %(stream)s"
        # a lake folder would make a record of each of its files, in every event of Dagster
        " and not exists (select from landing.files as f where f.stream = o.stream and f.topic_id = o.topic_id)",
        {"stream": stream},
    ).fetchall()
    return Landed(
        stream=stream,
        load_id=hi,
        loads=loads,
        rows=totals.landed,
        quarantined=totals.quarantined,
        holes=totals.holes,
        gaps=gaps,
        finished_at=finished_at,
        newest_event=totals.newest_event_at,
        next_offsets={(topic_id, partition): offset for topic_id, partition, offset in offsets},
    )


def landing_metadata(landed: Landed, topic: TopicOffsets | None) -> dict[str, Any]:
    """Metadata of one materialization of a landing table. Without `topic` (Kafka is away) the lag is left out."""
    found: dict[str, Any] = {
        "load_id": landed.load_id,
        "loads": landed.loads,
        "rows": landed.rows,
        "quarantined": landed.quarantined,
        "holes": landed.holes,
        "gaps": landed.gaps,
        "last_load": dg.MetadataValue.timestamp(landed.finished_at),
        "offsets": dg.MetadataValue.table(offset_records(landed)),
    }
    if landed.newest_event is not None:
        found["newest_event"] = dg.MetadataValue.timestamp(landed.newest_event)
    if topic is not None:
        found["lag"] = lag(topic, landed.of_topic(topic.topic_id))
    return found


def offset_records(landed: Landed) -> list[dg.TableRecord]:
    """One record a partition, in order."""
    return [
        dg.TableRecord({"partition": partition, "next_offset": offset, "topic_id": str(topic_id)})
        for (topic_id, partition), offset in sorted(landed.next_offsets.items())
    ]


def topic_metadata(topic: TopicOffsets) -> dict[str, Any]:
    """Metadata of one event of a topic."""
    return {
        "topic_id": str(topic.topic_id),
        "partitions": len(topic.latest),
        "end_offsets": dg.MetadataValue.table(
            [dg.TableRecord({"partition": partition, "end": end}) for partition, end in sorted(topic.latest.items())]
        ),
    }
