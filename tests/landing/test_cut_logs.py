"""A log that was cut beneath the ledger and has grown again: what is there lands, once, and the gap is said.

Where no broker is needed that was cut, what the ledger remembers is changed instead: then Kafka's log is another one.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pyspark.sql import SparkSession

from cli.prepare import prepare
from landfall.settings import Settings
from landing_stream.divergence import last_same, replaced
from landing_stream.ledger import Position
from landing_stream.topics import TopicOffsets
from landing_stream.witness import Witness
from local_stack.kafka import Kafka
from tests.conftest import at_database, create
from tests.landing.conftest import contract
from tests.landing.streams import Stream
from tests.landing.test_offsets import delete_records
from tests.landing.test_outages import end
from warehouse.merging import merge, stretches


@pytest.fixture
def breaking(breakable: Path, spark: SparkSession, tmp_path: Path) -> Iterator[Stream]:
    """A stream of two partitions on servers that may be killed."""
    servers = Settings.of_home(breakable)
    name = f"cut_{uuid.uuid4().hex[:12]}"
    create(servers, name)
    settings = at_database(servers, name)
    prepare(settings, topics=False, models=False)
    admin = AdminClient({**settings.kafka.client_config(), "log_level": 0})
    admin.create_topics([NewTopic(name, num_partitions=2)])[name].result(30)
    stream = Stream(spark, settings, contract(name), tmp_path)
    yield stream
    stream.close()


def cut(stream: Stream, home: Path, partition: int, at: int) -> None:
    """Sets a partition's log back, as an unclean leader or a restored disk does."""
    broker = Kafka(home / "kafka")
    end(broker.broker(), signal.SIGKILL)
    [log] = home.glob(f"kafka/**/{stream.contract.topic}-{partition}")
    for file in log.iterdir():
        if file.suffix == ".log":
            os.truncate(file, end_of_batches(file.read_bytes(), at))
        elif file.name != "partition.metadata":
            file.unlink()
    broker.start()


def end_of_batches(segment: bytes, at: int) -> int:
    """Bytes of the batches below an offset, which begins a batch."""
    place = 0
    while place < len(segment) and int.from_bytes(segment[place : place + 8]) < at:
        place += 12 + int.from_bytes(segment[place + 8 : place + 12])
    return place


def histories(stream: Stream) -> list[tuple[int, int, int]]:
    """(rows, first offset, last offset) of each topic id in the landing table, of partition 0, in order of landing."""
    rows = stream.select(
        "select count(*), min(kafka_offset) as first, max(kafka_offset) as last from landing.things"
        " where kafka_partition = 0 group by topic_id order by min(load_id)"
    )
    return [(row["count"], row["first"], row["last"]) for row in rows]


def test_a_log_that_was_cut_and_has_grown_past_the_ledger_lands_and_the_gap_is_said(
    breaking: Stream, breakable: Path, caplog: pytest.LogCaptureFixture
) -> None:
    breaking.send((b'{"id":"%d"}' % number, 0) for number in range(300))
    breaking.send((b'{"id":"%d"}' % number, 0) for number in range(300, 500))
    breaking.send([(b'{"id":"9000"}', 1)])
    breaking.land()
    cut(breaking, breakable, 0, 300)
    breaking.send((b'{"id":"%d"}' % number, 0) for number in range(1_000, 1_250))
    breaking.send([(b'{"id":"9001"}', 1)])
    breaking.land()
    assert breaking.numbers() == [*range(500), *range(1_000, 1_250), 9_000, 9_001]
    assert histories(breaking) == [(500, 0, 499), (250, 300, 549)]
    [gap] = breaking.select("select * from landing.gaps")
    assert (gap["kafka_partition"], gap["from_offset"], gap["until_offset"], gap["reason"]) == (0, 300, 500, "cut")
    assert "Kafka's log was cut and is another one from offset 300 on" in caplog.text
    breaking.land()
    assert breaking.one("select count(*) from landing.histories") == 1
    assert breaking.one("select count(*) from landing.gaps") == 1


def test_a_log_that_is_cut_while_it_lands(breaking: Stream, breakable: Path) -> None:
    breaking.send((b'{"id":"%d"}' % number, 0) for number in range(300))
    breaking.send((b'{"id":"%d"}' % number, 0) for number in range(300, 500))
    with breaking.landing():
        breaking.landed(500)
        cut(breaking, breakable, 0, 300)
        breaking.send((b'{"id":"%d"}' % number, 0) for number in range(1_000, 1_250))
        breaking.landed(750)
    assert breaking.numbers() == [*range(500), *range(1_000, 1_250)]
    assert histories(breaking) == [(500, 0, 499), (250, 300, 549)]
    assert breaking.one("select array_agg((from_offset, until_offset)::text) from landing.gaps") == ["(300,500)"]


def remember_another_log(stream: Stream, first: int) -> None:
    """From this offset on other records had landed than Kafka has, by what is written down."""
    stream.db.execute(
        "update landing.things set kafka_timestamp = kafka_timestamp - interval '1 h' where kafka_offset >= %s",
        (first,),
    )
    stream.db.execute(
        "update landing.offsets set last_digest = last_digest # 1, last_timestamp = last_timestamp - interval '1 h'"
    )


def test_where_the_logs_part_is_found_in_many_loads_and_again_in_merged_ones(stream: Stream) -> None:
    stream.number(0, 499)
    stream.land(max_offsets=40)
    remember_another_log(stream, 333)
    stream.land(max_offsets=40)
    assert histories(stream) == [(500, 0, 499), (167, 333, 499)]
    stream.number(500, 509)
    stream.land()
    for stretch in stretches(stream.db, "things", dt.datetime.min, dt.datetime.max):
        merge(stream.db, stretch)
    assert stream.one("select count(*) from landing.loads") < 5
    remember_another_log(stream, 217)
    stream.land()
    assert histories(stream) == [(500, 0, 499), (177, 333, 509), (293, 217, 509)]
    gaps = stream.select("select from_offset, until_offset from landing.gaps order by detected_at")
    assert [tuple(gap.values()) for gap in gaps] == [(333, 500), (217, 510)]
    assert stream.one("select count(*) from landing.positions") == 1
    assert stream.one("select next_offset from landing.positions") == 510


def test_a_log_of_which_nothing_can_be_told_lands_from_its_start(stream: Stream) -> None:
    stream.number(0, 99)
    stream.land()
    remember_another_log(stream, 50)
    stream.db.execute("delete from landing.things")  # retention
    stream.land()
    assert histories(stream) == [(100, 0, 99)]


def test_a_log_that_becomes_another_one_between_two_loads_is_noticed_by_the_next(
    stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    with stream.landing():
        stream.number(0, 99)
        stream.landed(100)
        remember_another_log(stream, 50)
        stream.number(100, 100)
        stream.landed(151)
    assert "another record stands at offset 99 than has landed" in caplog.text
    assert histories(stream) == [(100, 0, 99), (51, 50, 100)]


def test_a_last_record_that_retention_took_is_no_other_log(stream: Stream, kafka_admin: AdminClient) -> None:
    stream.number(0, 9)
    stream.land()
    delete_records(kafka_admin, stream, 10)
    with stream.landing():
        stream.number(10, 19)
        stream.landed(20)
    stream.land()
    assert stream.numbers() == list(range(20))
    assert stream.one("select count(*) from landing.histories") == 0
    assert stream.one("select count(*) from landing.gaps") == 0


LAST, OTHER = Witness(8, None, 1), Witness(8, None, 2)


@pytest.mark.parametrize(
    ("end", "found", "is_another"),
    [
        (10, {0: LAST}, False),
        (99, {0: LAST}, False),
        (99, {0: OTHER}, True),
        (99, {}, False),
        (9, {0: LAST}, True),
        (0, {}, True),
    ],
    ids=["as it was", "grown", "cut and grown", "compacted", "cut", "emptied"],
)
def test_which_log_is_another_one(end: int, found: dict[int, Witness], is_another: bool) -> None:
    log = TopicOffsets(uuid.UUID(int=7), {0: 0, 1: 0}, {0: end, 1: 5})
    assert replaced(log, {0: Position(10, LAST), 1: Position(5, None)}, found) == ([0] if is_another else [])


@pytest.mark.parametrize("parts_at", [0, 1, 5, 9, 10])
@pytest.mark.parametrize("unknown", [range(0), range(10), range(4), range(3, 7), range(0, 10, 2)])
def test_what_is_the_same_is_never_said_to_reach_too_far(parts_at: int, unknown: range) -> None:
    same, different = last_same(10, lambda place: None if place in unknown else place < parts_at)
    assert same < parts_at <= different
    if not unknown:
        assert (same, different) == (parts_at - 1, parts_at)
