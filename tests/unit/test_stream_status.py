"""Lag: what Kafka still has and the ledger has not."""

from uuid import UUID

from landing_stream.progress import lag, waiting
from landing_stream.topics import TopicOffsets


def topic(earliest: dict[int, int], latest: dict[int, int]) -> TopicOffsets:
    return TopicOffsets(UUID(int=1), earliest, latest)


def test_lag_counts_from_the_ledger_to_the_end_of_each_partition() -> None:
    assert lag(topic({0: 0, 1: 0}, {0: 12, 1: 5}), {0: 10, 1: 5}) == 2
    assert waiting(topic({0: 0, 1: 0}, {0: 12, 1: 5}), {0: 10, 1: 5}) == {0: range(10, 12)}


def test_a_partition_that_never_landed_counts_from_what_kafka_has() -> None:
    assert lag(topic({0: 100}, {0: 130}), {}) == 30


def test_what_kafka_has_deleted_is_a_gap_and_no_lag() -> None:
    assert lag(topic({0: 100}, {0: 130}), {0: 10}) == 30


def test_a_topic_made_again_never_shows_a_negative_lag() -> None:
    assert lag(topic({0: 0}, {0: 3}), {0: 10}) == 0
