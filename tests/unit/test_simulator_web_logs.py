"""What the simulated web requests look like."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from landing_stream.contract import load_contracts
from simulator.web_logs import WebLogs

COUNT = 40_000


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    batch = WebLogs(3, pace=200, count=COUNT).batch(1_750_000_020.0 + np.arange(COUNT) / 200)
    assert not batch.unusable
    return [json.loads(value) for value in batch.values if value is not None]


def test_requests_have_the_fields_of_the_contract(events: list[dict[str, Any]]) -> None:
    known = set(load_contracts()["web_logs"].field_names)
    assert all(set(event) <= known for event in events)


def test_a_few_records_have_no_id_of_their_own(events: list[dict[str, Any]]) -> None:
    assert 0 < sum("event_id" not in event for event in events) < 0.03 * COUNT


def test_times_are_iso_with_and_without_a_zone(events: list[dict[str, Any]]) -> None:
    assert {event["timestamp"][-1] == "Z" for event in events} == {True, False}
    assert all(event["timestamp"].startswith("2025-06-15T") for event in events)


def test_the_actions_narrow_from_view_to_purchase(events: list[dict[str, Any]]) -> None:
    counts = Counter(event["action"] for event in events)
    assert counts["view_product"] > counts["add_to_cart"] > counts["checkout"] > counts["purchase"] > 0


def test_some_payments_fail_by_status_and_some_by_action(events: list[dict[str, Any]]) -> None:
    checkouts = [event for event in events if event["action"] == "checkout"]
    failed = sum(event["status_code"] >= 500 for event in checkouts)
    assert 0.02 < failed / len(checkouts) < 0.09
    assert any(event["action"] == "payment_error" for event in events)


def test_response_times_have_a_long_tail(events: list[dict[str, Any]]) -> None:
    p50, p99 = np.percentile([event["response_time"] for event in events], [50, 99])
    assert p99 > 5 * p50


def test_only_robots_make_more_than_ten_requests_in_a_minute(events: list[dict[str, Any]]) -> None:
    minutes = Counter((event["ip_address"], event["timestamp"][:16]) for event in events)
    fast = {address for (address, _), count in minutes.items() if count > 10}
    assert len(fast) > 20
    people = {event["ip_address"] for event in events if event["user_id"]}
    assert len(fast & people) <= 0.05 * len(fast)


def test_some_users_and_some_agents_are_null(events: list[dict[str, Any]]) -> None:
    assert any(event["user_id"] is None for event in events)
    assert any(event["user_agent"] is None for event in events)
