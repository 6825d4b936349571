"""What each attribution model gives to a path, and how a session's reason is worded."""

import datetime as dt
import uuid
from decimal import Decimal
from fractions import Fraction

import pytest

from explain.credits import MODELS, credits
from explain.order import Order, Rules
from explain.text import order_lines
from explain.visitor import reason

NOON = dt.datetime(2026, 4, 2, 12, tzinfo=dt.UTC)


def by_channel(model: str, *path: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for channel, credit in zip(path, credits(path)[model], strict=True):
        if credit:
            found[channel] = round(found.get(channel, 0) + float(100 * credit), 2)
    return found


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("last", {"direct": 100}),
        ("first", {"search": 100}),
        ("last_non_direct", {"email": 100}),
        ("linear", {"search": 33.33, "social": 33.33, "email": 33.33}),
        ("position", {"search": 40, "social": 20, "email": 40}),
    ],
)
def test_a_path_is_credited_as_the_worked_example_says(model: str, given: dict[str, float]) -> None:
    assert by_channel(model, "search", "social", "direct", "email", "direct") == given


def test_two_known_touches_share_in_halves_and_one_has_all() -> None:
    assert by_channel("position", "social", "direct", "email") == {"social": 50, "email": 50}
    assert by_channel("linear", "social", "email") == {"social": 50, "email": 50}
    assert by_channel("last", "paid", "direct") == {"direct": 100}
    for model in set(MODELS) - {"last"}:
        assert by_channel(model, "paid", "direct") == {"paid": 100}


def test_a_path_that_is_direct_alone_is_shared_out_all_the_same() -> None:
    assert credits(["direct", "direct", "direct"])["position"] == [Fraction(2, 5), Fraction(1, 5), Fraction(2, 5)]


@pytest.mark.parametrize("touches", [1, 2, 3, 7, 100])
def test_credits_add_up_to_the_order(touches: int) -> None:
    path = ["search", "direct", "email", "social"] * 25
    assert {sum(shares) for shares in credits(path[:touches]).values()} == {1}


@pytest.mark.parametrize(
    ("identified_by", "logins", "is_on_shared_device", "said"),
    [
        ("user", 1, True, "logged in"),
        ("email", 0, False, "its device knows this login alone"),
        ("device", 0, False, "its device knows no login"),
        ("device", 0, True, "nobody logged in, on a shared device"),
        ("device", 2, True, "two people or more, so nobody's"),
        ("device", 1, False, "its login stands for nobody"),
    ],
)
def test_why_a_session_is_a_visitors(identified_by: str, logins: int, is_on_shared_device: bool, said: str) -> None:
    assert reason(identified_by, {"logins": logins, "is_on_shared_device": is_on_shared_device}) == said


def test_an_order_without_a_device_is_credited_to_no_channel_and_odd_texts_are_escaped() -> None:
    report = {
        "event_at": NOON, "order_id": "7\x1b[2J", "device_key": None, "country_name": "Germany", "is_bot": True,
        "kafka_partition": 2, "kafka_offset": 118,
    }  # fmt: skip
    amounts = [{"currency": "EUR", "lines": 2, "revenue": Decimal("1234.5")}]
    order = Order(uuid.UUID(int=9), [report, report], amounts, None, [])
    assert {model: order.by_channel(model) for model in MODELS} == {model: {"(none)": 1} for model in MODELS}
    said = "\n".join(order_lines(order, Rules(720, 100)))
    assert "1,234.50 EUR in 2 lines" in said
    assert "reported again, not counted: 2026-04-02 12:00:00 UTC, product_views/2@118" in said
    assert "by a bot" in said
    assert "\x1b" not in said
