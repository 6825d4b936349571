"""What the simulated shop events look like, beside what was counted over 41 million real ones."""

import json
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from landing_stream.contract import load_contracts
from simulator.batch import Batch
from simulator.product_views import MEAN_BYTES, ProductViews
from simulator.stores import ODD_ORIGINS, stores, written
from simulator.walks import EVENT_TYPES

START = 1_750_000_000.0
COUNT = 120_000


@pytest.fixture(scope="module")
def batch() -> Batch:
    return ProductViews(1, pace=1_000, count=COUNT).batch(START + np.arange(COUNT) / 1_000)


@pytest.fixture(scope="module")
def raw(batch: Batch) -> list[bytes]:
    return [value for value in batch.values if value is not None]


@pytest.fixture(scope="module")
def events(raw: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(value) for value in raw]


def share(events: list[dict[str, Any]], holds: Any) -> float:
    return sum(bool(holds(event)) for event in events) / len(events)


def test_an_event_weighs_what_a_real_one_does(raw: list[bytes]) -> None:
    assert np.mean([len(value) for value in raw]) == pytest.approx(MEAN_BYTES, rel=0.05)


def test_there_are_27_event_types_and_all_occur(events: list[dict[str, Any]]) -> None:
    assert len(EVENT_TYPES) == 27
    assert {event["collection"] for event in events} == set(EVENT_TYPES)


@pytest.mark.parametrize(
    ("event_type", "real_share"),
    [
        ("view_listing_page", 0.27),
        ("view_product_detail", 0.26),
        ("select_product_option", 0.21),
        ("select_product_option_quality", 0.05),
    ],
)
def test_event_types_have_their_real_share(events: list[dict[str, Any]], event_type: str, real_share: float) -> None:
    assert share(events, lambda event: event["collection"] == event_type) == pytest.approx(real_share, abs=0.03)


def test_the_funnel_narrows_at_every_step(events: list[dict[str, Any]]) -> None:
    counts = Counter(event["collection"] for event in events)
    steps = ("view_product_detail", "select_product_option", "add_to_cart_action", "checkout", "checkout_success")
    assert [counts[step] for step in steps] == sorted((counts[step] for step in steps), reverse=True)


def test_a_visit_goes_on_over_many_events_of_one_device(events: list[dict[str, Any]]) -> None:
    per_device = Counter(event["device_id"] for event in events)
    assert 4 < np.mean(list(per_device.values())) < 20


def test_a_visit_never_buys_before_it_was_in_a_checkout(events: list[dict[str, Any]]) -> None:
    buyers = {event["device_id"] for event in events[COUNT // 2 :] if event["collection"] == "checkout_success"}
    seen = {event["device_id"] for event in events if event["collection"] == "checkout"}
    # Visits that were under way at the start may have passed the checkout before it.
    assert buyers
    assert len(buyers & seen) >= 0.9 * len(buyers)


def test_product_id_is_absent_in_46_percent_and_others_stand_in(events: list[dict[str, Any]]) -> None:
    assert share(events, lambda event: "product_id" not in event) == pytest.approx(0.46, abs=0.04)
    without = [event for event in events if "product_id" not in event]
    assert any("viewing_product_id" in event for event in without)
    assert any("recommendation_product_id" in event for event in without)


def test_urls_are_long_and_some_visits_direct(events: list[dict[str, Any]]) -> None:
    assert share(events, lambda event: len(event["current_url"]) > 100) == pytest.approx(0.80, abs=0.05)
    assert share(events, lambda event: event["referrer_url"] == "") == pytest.approx(0.09, abs=0.03)


def test_robots_come_by_agent_and_by_resolution(events: list[dict[str, Any]]) -> None:
    assert 0.01 < share(events, lambda event: event["resolution"] == "2000x2000") < 0.09
    assert 0.02 < share(events, lambda event: "bot" in event.get("user_agent", "").lower()) < 0.12


def test_option_is_an_array_an_object_or_absent(events: list[dict[str, Any]]) -> None:
    assert {type(event.get("option")) for event in events} == {list, dict, type(None)}


def test_order_id_is_blank_an_integer_or_a_float_and_no_order_comes_twice(events: list[dict[str, Any]]) -> None:
    orders = [event["order_id"] for event in events if event.get("order_id") not in (None, "")]
    assert {type(event["order_id"]) for event in events if "order_id" in event} == {str, int, float}
    assert len(set(orders)) == len(orders)


def test_utm_fields_are_false_or_text(events: list[dict[str, Any]]) -> None:
    for field in ("utm_source", "utm_medium"):
        kinds = {type(event[field]) for event in events if field in event}
        assert kinds == {bool, str}
        assert not any(event.get(field) is True for event in events)


def test_show_recommendation_is_text_with_a_leaked_cookie_now_and_then(events: list[dict[str, Any]]) -> None:
    texts = {event.get("show_recommendation") for event in events}
    assert {"true", "false", None} <= texts
    assert any(text and re.match(r"(true|false); \w", text) for text in texts)


def test_the_mail_address_has_two_names_and_is_blank_for_guests(events: list[dict[str, Any]]) -> None:
    assert any("email" in event for event in events)
    assert share(events, lambda event: event.get("email_address", event.get("email")) == "") > 0.85
    addresses = {str(event.get("email_address") or event.get("email") or "") for event in events} - {""}
    assert addresses
    assert all(re.fullmatch(r"[^@]+@example\.(com|org|net)", address) for address in addresses)


def test_the_event_time_drifts_in_its_notation(events: list[dict[str, Any]]) -> None:
    times = [event["time_stamp"] for event in events]
    assert {type(moment) for moment in times} == {int, float, str, bool}
    assert any(isinstance(moment, int) and moment > 10**12 for moment in times)
    usable = [event for event in events if re.fullmatch(r"\d{10}(\.\d+)?|\d{13}", str(event["time_stamp"]))]
    assert all(START - 1 <= float(str(e["time_stamp"])[:10]) <= START + COUNT / 1_000 + 1 for e in usable)


def test_events_that_cannot_be_used_are_known_by_place(batch: Batch, events: list[dict[str, Any]]) -> None:
    unusable = [
        place
        for place, event in enumerate(events)
        if not (event.get("id") or event.get("_id"))
        or not re.fullmatch(r"\d{10}(\.\d+)?|\d{13}", json.dumps(event["time_stamp"]).strip('"'))
    ]
    assert batch.unusable == unusable
    assert 0 < len(unusable) < COUNT / 500


def test_the_message_key_is_the_event_key(batch: Batch, events: list[dict[str, Any]]) -> None:
    expected = [(event.get("id") or event.get("_id") or "").encode() or None for event in events]
    assert batch.keys == expected
    keys = [key for key in batch.keys if key]
    assert len(set(keys)) == len(keys)


def test_only_a_few_events_have_a_field_that_the_contract_does_not_know(events: list[dict[str, Any]]) -> None:
    known = set(load_contracts()["product_views"].field_names)
    assert 0 < share(events, lambda event: set(event) - known) < 0.1


def test_there_are_86_stores_with_holes_in_their_numbers(events: list[dict[str, Any]]) -> None:
    numbers = {store.store_id for store in stores()}
    assert len(numbers) == 86
    assert (min(numbers), max(numbers)) == (1, 101)
    assert {event["store_id"] for event in events} <= {str(number) for number in numbers}


def test_pages_are_of_their_store_or_of_an_odd_host(events: list[dict[str, Any]]) -> None:
    origins = {str(store.store_id): store.origin for store in stores()}
    odd = [event for event in events if not event["current_url"].startswith(origins[event["store_id"]])]
    assert 0.001 < len(odd) / len(events) < 0.02
    assert all(event["current_url"].startswith(ODD_ORIGINS) for event in odd)


@pytest.mark.parametrize(
    ("amount", "notation", "text"),
    [
        (316, "en", "316.00"),
        (1725, "en", "1,725.00"),
        (915, "de", "915,00"),
        (4990, "de", "4.990,00"),
        (22688, "fr", "22 688,00"),
        (1725, "ch", "1'725.00"),
        (276000, "en0", "276,000"),
        (0.5, "de", "0,50"),
    ],
)
def test_prices_are_written_as_the_store_writes_them(amount: float, notation: str, text: str) -> None:
    assert written(amount, notation) == text


def test_carts_carry_prices_in_all_notations_with_the_stores_currency(events: list[dict[str, Any]]) -> None:
    lines = [line for event in events if event["collection"] == "checkout_success" for line in event["cart_products"]]
    assert all(isinstance(line["product_id"], int) for line in lines)
    assert {line["currency"] for line in lines} <= {store.currency for store in stores()}
    shapes = {re.sub(r"\d+", "9", line["price"]) for line in lines}
    assert {"9.9", "9,9"} <= shapes
