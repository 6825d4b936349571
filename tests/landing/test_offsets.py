"""Every offset of the topic is a row, a quarantined record or a hole, once, whatever happens to the topic."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from landing_stream.topics import Topics
from tests.conftest import Connection
from tests.landing.conftest import MakeStream
from tests.landing.streams import Stream, wait_until


def test_events_land_with_their_place_in_kafka(stream: Stream) -> None:
    stream.produce(b'{"id":"a"}', b'{"id":"b","v":1}', key=b"\x00key\xff")
    landing = stream.land()
    first, second = stream.rows()
    topic_id, _ = Topics(stream.settings.kafka.client_config()).describe(stream.contract.topic)
    assert (first["id"], first["v"], second["v"]) == ("a", None, "1")
    assert [row["kafka_offset"] for row in (first, second)] == [0, 1]
    assert {row["topic_id"] for row in (first, second)} == {topic_id}
    assert first["kafka_key"] == b"\x00key\xff"
    assert first["landed_at"] == second["landed_at"] >= first["kafka_timestamp"]
    assert (landing.landed, landing.quarantined) == (2, 0)


def test_a_second_run_lands_nothing_again_though_the_checkpoint_is_lost(make_stream: MakeStream) -> None:
    stream = make_stream(partitions=3)
    stream.number(1, 60, partitions=3)
    stream.land()
    shutil.rmtree(stream.checkpoints)
    stream.land()
    stream.number(61, 90, partitions=3)
    shutil.rmtree(stream.checkpoints)
    stream.land()
    assert stream.numbers() == list(range(1, 91))
    assert stream.ledger() == {0: 30, 1: 30, 2: 30}


def test_a_checkpoint_that_vanishes_while_landing_costs_nothing(stream: Stream) -> None:
    with stream.landing():
        stream.number(1, 20)
        stream.landed(20)
        # aside first: removed where it stands, Spark may write into a folder that is being emptied
        shutil.rmtree(stream.checkpoints.rename(stream.checkpoints.with_name("removed")))
        stream.number(21, 40)
        stream.landed(40)
    assert stream.numbers() == list(range(1, 41))
    assert stream.exit_code == 0


def test_a_backlog_lands_in_loads_of_bounded_size(make_stream: MakeStream) -> None:
    stream = make_stream(partitions=2)
    stream.number(1, 1_000, partitions=2)
    stream.land(max_offsets=300)
    loads = stream.select("select load_id, sum(landed) as landed from landing.slices group by 1 order by 1")
    assert [load["load_id"] for load in loads] == [1, 2, 3, 4]
    assert all(load["landed"] <= 300 for load in loads)
    assert stream.numbers() == list(range(1, 1_001))


def test_many_partitions_share_transactions_and_each_has_its_slices(make_stream: MakeStream) -> None:
    stream = make_stream(partitions=40)
    stream.number(1, 400, partitions=40)
    stream.produce(b"no record", partition=7)
    stream.land()
    assert stream.numbers() == list(range(1, 401))
    slices = stream.select(
        "select kafka_partition, landed, quarantined, xmin::text as written_by from landing.slices order by 1"
    )
    assert [(s["kafka_partition"], s["landed"], s["quarantined"]) for s in slices] == [
        (partition, 10, 1 if partition == 7 else 0) for partition in range(40)
    ]
    assert len({s["written_by"] for s in slices}) == stream.spark.sparkContext.defaultParallelism


def test_a_partition_that_cannot_land_holds_up_no_other(make_stream: MakeStream, admin: Connection) -> None:
    stream = make_stream(partitions=6)
    admin.execute(
        """
        create function landing.refuse() returns trigger language plpgsql
        as $$ begin raise exception using errcode = 'lock_not_available', message = 'not now'; end $$;
        create trigger refuse before insert on landing.things for each row when (new.kafka_partition = 2)
        execute function landing.refuse()
        """
    )
    stream.number(1, 60, partitions=6)
    others = [number for number in range(1, 61) if number % 6 != 2]
    with stream.landing():
        wait_until(lambda: stream.numbers() == others, "the other partitions land")
        admin.execute("drop trigger refuse on landing.things")
        stream.landed(60)
    assert stream.numbers() == list(range(1, 61))


def test_new_partitions_are_landed_while_running(stream: Stream, kafka_admin: AdminClient) -> None:
    with stream.landing():
        stream.number(1, 3)
        stream.landed(3)
        kafka_admin.create_partitions([NewPartitions(stream.contract.topic, 3)])[stream.contract.topic].result(30)
        # A client of its own: one that knows the topic already learns of the partition only after a while.
        stream.send([(b'{"id":"4"}', 2)], producer=stream.make_producer())
        stream.landed(4)
    assert stream.ledger() == {0: 3, 2: 1}


def test_a_topic_deleted_and_made_again_while_landing_is_another_topic(
    stream: Stream, kafka_admin: AdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    with stream.landing():
        stream.number(1, 50)
        stream.landed(50)
        kafka_admin.delete_topics([stream.contract.topic])[stream.contract.topic].result(30)
        remake(kafka_admin, stream.contract.topic)
        stream.send(((b'{"id":"%d"}' % number, 0) for number in range(51, 81)), producer=stream.make_producer())
        stream.landed(80)
    assert stream.numbers() == list(range(1, 81))
    per_topic = stream.select(
        "select topic_id, count(*), min(kafka_offset), max(kafka_offset) from landing.things group by 1 order by 2"
    )
    assert [(row["count"], row["min"], row["max"]) for row in per_topic] == [(30, 0, 29), (50, 0, 49)]
    assert stream.one("select count(*) from landing.offsets") == 2
    assert "was deleted and made again" in caplog.text


def remake(admin: AdminClient, topic: str) -> None:
    """Makes a topic that was deleted a moment ago: Kafka refuses until it has forgotten the old one."""

    def made() -> bool:
        return admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].exception(timeout=30) is None

    wait_until(made, "the topic made again")


@pytest.fixture
def transactional(stream: Stream) -> Callable[[range, bool], None]:
    """transactional(numbers, commit): produces numbered events in one transaction, committed or aborted."""
    producer = stream.make_producer(**{"transactional.id": stream.contract.topic})
    producer.init_transactions(60)

    def produce(numbers: range, commit: bool) -> None:
        producer.begin_transaction()
        stream.send(((b'{"id":"%d"}' % number, 0) for number in numbers), producer=producer)
        producer.commit_transaction(60) if commit else producer.abort_transaction(60)

    return produce


def test_aborted_transactions_and_markers_are_holes(
    stream: Stream, transactional: Callable[[range, bool], None]
) -> None:
    transactional(range(1, 6), True)
    transactional(range(100, 105), False)
    transactional(range(6, 9), True)
    stream.land()
    assert stream.numbers() == list(range(1, 9))
    [account] = stream.slices()
    assert (account["from_offset"], account["until_offset"]) == (0, 16)  # three markers
    assert (account["landed"], account["quarantined"], account["holes"]) == (8, 0, 8)


def test_a_slice_may_be_nothing_but_holes(stream: Stream, transactional: Callable[[range, bool], None]) -> None:
    transactional(range(1, 3), True)
    stream.land()
    transactional(range(100, 104), False)
    stream.land()
    assert stream.numbers() == [1, 2]
    empty = stream.slices()[-1]
    assert (empty["from_offset"], empty["until_offset"], empty["holes"]) == (3, 8, 5)
    assert stream.ledger() == {0: 8}
    assert stream.one("select count(*) from landing.loads where state <> 'finished'") == 0


def test_what_kafka_deleted_before_it_landed_is_a_gap_recorded_and_loud(
    stream: Stream, kafka_admin: AdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    stream.number(0, 4)
    stream.land()
    stream.number(5, 19)
    delete_records(kafka_admin, stream, 12)
    stream.land()
    assert stream.numbers() == [0, 1, 2, 3, 4, *range(12, 20)]
    [gap] = stream.select("select * from landing.gaps")
    assert (gap["kafka_partition"], gap["from_offset"], gap["until_offset"]) == (0, 5, 12)
    [alarm] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "Kafka deleted offsets 5 to 11 before they landed" in alarm.getMessage()
    stream.land()
    assert stream.one("select count(*) from landing.gaps") == 1


def test_records_deleted_while_landing_are_a_gap_too(stream: Stream, kafka_admin: AdminClient) -> None:
    with stream.landing():
        stream.number(0, 9)
        stream.landed(10)
        # What is not committed is not landed: this stretch is deleted before it can be.
        producer = stream.make_producer(**{"transactional.id": stream.contract.topic})
        producer.init_transactions(60)
        producer.begin_transaction()
        stream.send(((b'{"id":"%d"}' % number, 0) for number in range(10, 15)), producer=producer)
        delete_records(kafka_admin, stream, 15)
        producer.commit_transaction(60)
        stream.number(20, 24)
        stream.landed(15)
    assert stream.numbers() == [*range(10), *range(20, 25)]
    wait_until(lambda: stream.one("select count(*) from landing.gaps") == 1, "the gap is recorded")


def delete_records(admin: AdminClient, stream: Stream, before: int) -> None:
    """Deletes what is below an offset, as retention does."""
    partition = TopicPartition(stream.contract.topic, 0, before)
    admin.delete_records([partition])[partition].result(30)


def test_a_partition_first_seen_late_starts_at_its_earliest_offset_without_a_gap(
    stream: Stream, kafka_admin: AdminClient
) -> None:
    stream.number(0, 9)
    delete_records(kafka_admin, stream, 4)
    stream.land()
    assert stream.numbers() == list(range(4, 10))
    assert stream.select("select first_offset from landing.offsets") == [{"first_offset": 4}]
    assert stream.one("select count(*) from landing.gaps") == 0


def test_a_kafka_that_lost_its_tail_is_loud_and_nothing_is_doubled(
    stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    stream.number(0, 9)
    stream.land()
    stream.db.execute("update landing.offsets set next_offset = 15")  # five more had landed that Kafka lost
    stream.land()
    assert "Kafka's log was cut and is another one from offset 10 on" in caplog.text
    [gap] = stream.select("select * from landing.gaps")
    assert (gap["from_offset"], gap["until_offset"], gap["reason"]) == (10, 15, "cut")
    stream.number(10, 19)
    stream.land()
    assert stream.numbers() == list(range(20))
