"""The reckoning: every record of the topics is in Postgres exactly once, and the reader saw each of them once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import psycopg
from psycopg import sql

from benchmarks.kill_test.feed import Feed
from benchmarks.kill_test.reader import Positions
from landing_stream.topics import Topics


@dataclass
class Account:
    """What became of one stream's records. A run is clean when `problems` is empty."""

    stream: str
    produced: int = 0
    landed: int = 0
    quarantined: int = 0
    lost: int = 0
    doubled: int = 0
    reader_missed: int = 0
    reader_doubled: int = 0
    loads: int = 0
    sealed: int = 0
    sealed_half_way: int = 0
    """Loads that died with some of their slices committed: a reader may see those rows once the load is sealed."""
    problems: list[str] = field(default_factory=list)


def reckon(connection: psycopg.Connection, topics: Topics, feed: Feed, seen: Mapping[str, Positions]) -> list[Account]:
    """Compares topics, tables, ledger, slices and what the reader saw. `feed` and reader have ended, all is drained."""
    return [_reckon(connection, topics, feed, stream, seen[stream]) for stream in feed.produced]


def _reckon(connection: psycopg.Connection, topics: Topics, feed: Feed, stream: str, seen: Positions) -> Account:
    account = Account(stream, produced=feed.produced[stream])
    topic_id, partitions = topics.describe(stream)
    first, ends = topics.earliest(stream, partitions), topics.latest(stream, partitions)
    _count_rows(connection, account, topic_id, sum(ends.values()) - sum(first.values()))
    _check_numbers(connection, account, feed)
    _check_ledger(connection, account, topic_id, ends)
    _check_reader(connection, account, seen)
    for name in ("lost", "doubled", "reader_missed", "reader_doubled"):
        if count := getattr(account, name):
            account.problems.append(f"{name.replace('_', ' ')}: {count}")
    return account


def _count_rows(connection: psycopg.Connection, account: Account, topic_id: UUID, in_kafka: int) -> None:
    """Positions: each offset of the topic is one row, landed or quarantined. Nothing here makes holes."""
    row = connection.execute(
        sql.SQL(
            """
            with positions as (
                select topic_id, kafka_partition, kafka_offset from {}
                union all
                select topic_id, kafka_partition, kafka_offset from landing.quarantine where stream = %(stream)s
            )
            select
                count(*),
                (select count(*) from (select distinct * from positions) as d),
                (select count(*) from landing.quarantine where stream = %(stream)s),
                count(*) filter (where topic_id <> %(topic_id)s)
            from positions
            """
        ).format(sql.Identifier("landing", account.stream)),
        {"stream": account.stream, "topic_id": topic_id},
    ).fetchone()
    assert row is not None
    rows, distinct, account.quarantined, foreign = row
    account.landed = rows - account.quarantined
    account.lost, account.doubled = in_kafka - distinct, rows - distinct
    if in_kafka != account.produced:
        account.problems.append(f"Kafka has {in_kafka} records, {account.produced} were produced")
    if foreign:
        account.problems.append(f"{foreign} rows are of another topic")


def _check_numbers(connection: psycopg.Connection, account: Account, feed: Feed) -> None:
    """Contents: each good event's number stands in one row; each malformed one is in quarantine for its reason."""
    malformed = feed.malformed[account.stream]
    row = connection.execute(
        sql.SQL("select count({0}), count(distinct {0}::bigint), max({0}::bigint) from {1}").format(
            sql.Identifier(feed.number_fields[account.stream]), sql.Identifier("landing", account.stream)
        )
    ).fetchone()
    assert row is not None
    good = account.produced - malformed.total()
    if row[:2] != (good, good) or row[2] >= account.produced:
        account.problems.append(f"numbers: {row[0]} landed, {row[1]} distinct, {good} were produced")
    reasons: dict[str, int] = dict(
        connection.execute(
            "select reason, count(*) from landing.quarantine where stream = %s group by reason", (account.stream,)
        ).fetchall()
    )
    if reasons != dict(malformed):
        account.problems.append(f"quarantined for {reasons}, produced as {dict(malformed)}")


def _check_ledger(connection: psycopg.Connection, account: Account, topic_id: UUID, ends: Mapping[int, int]) -> None:
    """The ledger stands at the topic's ends, slices tile the offsets, and each says what is in the tables."""
    ledger: dict[int, int] = dict(
        connection.execute(
            "select kafka_partition, next_offset from landing.offsets where stream = %s and topic_id = %s",
            (account.stream, topic_id),
        ).fetchall()
    )
    if ledger != ends:
        account.problems.append(f"the ledger is at {ledger}, the topic ends at {dict(ends)}")
    broken = connection.execute(_BROKEN_TILES, {"stream": account.stream}).fetchone()
    wrong = connection.execute(
        sql.SQL(_WRONG_SLICES).format(sql.Identifier("landing", account.stream)), {"stream": account.stream}
    ).fetchone()
    loads = connection.execute(_LOADS, {"stream": account.stream}).fetchone()
    assert broken is not None
    assert wrong is not None
    assert loads is not None
    account.loads, account.sealed, account.sealed_half_way, still_open, gaps = loads
    for count, what in (
        (broken[0], "slices leave a gap or overlap"),
        (wrong[0], "slices do not say what is in the tables"),
        (still_open, "loads are still open"),
        (gaps, "gaps are recorded"),
    ):
        if count:
            account.problems.append(f"{count} {what}")


def _check_reader(connection: psycopg.Connection, account: Account, seen: Positions) -> None:
    rows = connection.execute(
        sql.SQL(
            # `union` would count distinct ones in a hash table that Postgres sizes without statistics: minutes
            "select kafka_partition::bigint << 48 | kafka_offset from {} union all"
            " select kafka_partition::bigint << 48 | kafka_offset from landing.quarantine where stream = %s"
        ).format(sql.Identifier("landing", account.stream)),
        (account.stream,),
    ).fetchall()
    there = np.unique(np.array([position for (position,) in rows], np.int64))
    distinct = np.unique(seen)
    account.reader_doubled = len(seen) - len(distinct)
    account.reader_missed = len(np.setdiff1d(there, distinct, assume_unique=True))


_BROKEN_TILES = """
    select count(*) from (
        select
            from_offset,
            lag(until_offset, 1, o.first_offset) over (
                partition by s.topic_id, s.kafka_partition order by s.from_offset
            ) as before
        from landing.slices as s
        join landing.offsets as o using (stream, topic_id, kafka_partition)
        where stream = %(stream)s
    ) as tiles
    where from_offset <> before
"""
_WRONG_SLICES = """
    with loads as (
        select load_id, lag(load_id, 1, 0::bigint) over (order by load_id) as before
        from landing.loads where stream = %(stream)s
    ),
    records as (
        select load_id, topic_id, kafka_partition, count(*) as landed, 0 as quarantined from {} group by 1, 2, 3
        union all
        select load_id, topic_id, kafka_partition, 0, count(*)
        from landing.quarantine where stream = %(stream)s group by 1, 2, 3
    ),
    -- a row is of the first load of the ledger that is at or above its own
    counted as (
        select l.load_id, topic_id, kafka_partition, sum(landed) as landed, sum(quarantined) as quarantined
        from records as r left join loads as l on r.load_id > l.before and r.load_id <= l.load_id
        group by 1, 2, 3
    ),
    slices as (
        select * from landing.slices where stream = %(stream)s
    )
    select count(*)
    from slices
    full join counted using (load_id, topic_id, kafka_partition)
    where coalesce(slices.landed, -1) <> coalesce(counted.landed, 0)
        or coalesce(slices.quarantined, -1) <> coalesce(counted.quarantined, 0)
        or slices.holes <> 0
"""
_LOADS = """
    select
        sum(loads)::bigint,
        count(*) filter (where state = 'sealed'),
        count(*) filter (
            where state = 'sealed'
                and exists (select from landing.slices as s where s.stream = l.stream and s.load_id = l.load_id)
        ),
        count(*) filter (where state = 'open'),
        (select count(*) from landing.gaps where stream = %(stream)s)
    from landing.loads as l
    where stream = %(stream)s
"""
