"""Loads of days that have gone are merged while landing goes on, fails and is taken over: all adds up as before."""

from __future__ import annotations

import datetime as dt

from database.connect import connect
from tests.landing.conftest import MakeStream
from tests.landing.streams import Stream, wait_until
from warehouse.merging import merge_loads

SUMS = """
select kafka_partition, min(from_offset), max(until_offset), sum(landed), sum(quarantined), sum(holes),
    sum(until_offset - from_offset), min(min_kafka_timestamp), max(max_kafka_timestamp)
from landing.slices group by 1 order by 1
"""


def let_go(stream: Stream, until: int, days: int) -> None:
    """The loads that have not gone before, up to this one, landed so many days ago, and their rows have gone since."""
    stream.db.execute(
        "update landing.loads set landed_at = landed_at - make_interval(days => %s)"
        " where load_id <= %s and landed_at > clock_timestamp() - interval '1 day'",
        (days, until),
    )
    stream.db.execute("delete from landing.things where load_id <= %s", (until,))
    with connect(stream.settings.as_transformer, autocommit=True) as ops:
        ops.execute(
            "insert into ops.dropped_landing (stream, landed_on, until_load_id)"
            " select distinct stream, (landed_at at time zone 'UTC')::date, %s from landing.loads where load_id <= %s"
            " on conflict do nothing",
            (until, until),
        )


def merge(stream: Stream) -> int:
    """How many loads retention merges into others."""
    with (
        connect(stream.settings.as_transformer, autocommit=True) as ops,
        connect(stream.settings.as_writer, autocommit=True) as landing,
    ):
        return merge_loads(ops, landing, 12, dry_run=False)


def loads(stream: Stream) -> list[tuple[int, int]]:
    """(load, how many it counts)."""
    return [(row["load_id"], row["loads"]) for row in stream.select("select * from landing.loads order by load_id")]


def tiles(stream: Stream) -> bool:
    """Whether the slices of each partition follow each other up to the ledger, without a gap or an overlap."""
    return bool(
        stream.one(
            """
            select coalesce(bool_and(from_offset = before), true) and count(distinct kafka_partition) = (
                select count(*) from landing.offsets as o where o.next_offset = (
                    select max(until_offset) from landing.slices as s where s.kafka_partition = o.kafka_partition
                )
            ) from (
                select kafka_partition, from_offset,
                    lag(until_offset, 1, 0::bigint) over (partition by kafka_partition order by from_offset) as before
                from landing.slices
            ) as s
            """
        )
    )


def test_a_stretch_ends_where_a_load_is_another_writers_or_skips_offsets(make_stream: MakeStream) -> None:
    stream = make_stream(partitions=2)
    for first in range(0, 60, 10):
        stream.number(first, first + 9, partitions=2)
        stream.produce(b"no record", partition=1)
        stream.land()
    stream.db.execute("update landing.loads set state = 'sealed' where load_id = 3")
    before = stream.select(SUMS)
    let_go(stream, 6, 40)
    assert merge(stream) == 3
    assert loads(stream) == [(2, 2), (3, 1), (6, 3)]
    assert stream.select(SUMS) == before
    assert tiles(stream)
    assert merge(stream) == 0


def test_loads_are_merged_while_landing_goes_on_and_is_broken_off(make_stream: MakeStream) -> None:
    stream = make_stream(partitions=3)
    number = 0
    with stream.landing(max_offsets=60):
        for days in (60, 50, 40):
            for _ in range(4):
                stream.number(number, number + 59, partitions=3)
                number += 60
                wait_until(lambda: sum(stream.ledger().values()) == number, "it has landed")  # noqa: B023
            stream.select("select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ 'land: '")
            newest = int(stream.one("select max(load_id) from landing.loads where state = 'finished'"))
            let_go(stream, newest - 1, days)
            stream.number(number, number + 59, partitions=3)
            number += 60
            assert merge(stream) >= 1
            wait_until(lambda: sum(stream.ledger().values()) == number, "it has landed")  # noqa: B023
    assert tiles(stream)
    assert stream.one("select sum(landed) from landing.slices") == number
    counted = [many for _, many in loads(stream)]
    assert max(counted) > 1
    assert len(counted) < sum(counted) == stream.one("select last_load_id from landing.streams where stream = 'things'")
    merged = stream.select("select landed_at from landing.loads where loads > 1")
    assert all(row["landed_at"] < dt.datetime.now(dt.UTC) - dt.timedelta(days=39) for row in merged)
