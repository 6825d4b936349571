"""Kafka's time of a record is whatever its producer wrote."""

import datetime as dt

from landing_stream.records import _timestamps


def test_a_time_that_says_none_or_that_no_calendar_has_is_null() -> None:
    second = dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)
    last = dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC)
    assert _timestamps([1_000, 253_402_300_799_999]).to_pylist() == [second, last]
    made_up = [0, -1, -5, -(2**63), 253_402_300_800_000, 2**62, 2**63 - 1]
    assert _timestamps(made_up).to_pylist() == [None] * len(made_up)
