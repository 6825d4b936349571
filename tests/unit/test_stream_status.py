"""Lag: what Kafka still has and the ledger has not."""

from landing_stream.progress import records_between


def test_lag_counts_from_the_ledger_to_the_end_of_each_partition() -> None:
    assert records_between({0: 10, 1: 5}, {0: 0, 1: 0}, {0: 12, 1: 5}) == 2


def test_a_partition_that_never_landed_counts_from_what_kafka_has() -> None:
    assert records_between({}, {0: 100}, {0: 130}) == 30


def test_what_kafka_has_deleted_is_a_gap_and_no_lag() -> None:
    assert records_between({0: 10}, {0: 100}, {0: 130}) == 30


def test_a_topic_made_again_never_shows_a_negative_lag() -> None:
    assert records_between({0: 10}, {0: 0}, {0: 3}) == 0
