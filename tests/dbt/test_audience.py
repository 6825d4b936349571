"""Visitors, acquisition, retention, attribution and carts: as a plain count has them, in whatever order events come."""

import datetime as dt
import json
import random
from collections.abc import Callable

import pytest

from tests.dbt.audience import BOT, MEDIUMS, World
from tests.dbt.audience_carts import carts_daily, carts_table
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event

DAY_1 = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


def world(seed: int, size: int = 40) -> list[Event]:
    """Events on few devices, logins and moments, so that ties and joins are common."""
    chance = random.Random(seed)
    moments = [
        DAY_1 + dt.timedelta(days=day, hours=hour) for day in (0, 0, 1, 2, 7, 8, 14, 30, 37) for hour in (0, 9, 23.8)
    ]
    events: list[Event] = []
    for number in range(size):
        moment = chance.choice(moments) + dt.timedelta(seconds=chance.choice((0, 0, 1, 60, 1_800, 1_801)))
        event: Event = {
            "id": f"{seed}-{number}",
            "time_stamp": str(int(moment.timestamp())),
            "collection": chance.choice(
                ["view_product_detail"] * 3
                + ["add_to_cart_action", "add_to_cart_action", "view_shopping_cart", "view_shopping_cart", "checkout"]
                + ["checkout_success", "checkout_success"]
            ),
            "device_id": chance.choice([*"abcde", "7", None]),
            "user_id_db": chance.choice([None, None, None, "7", "8", " 7 ", "-1", "000", "Guest"]),
            "email_address": chance.choice([None, None, None, None, "A@x.org ", "b@x.org", "none", "c d@x.org"]),
            "user_agent": chance.choice([None, None, None, BOT]),
            "current_url": chance.choice(
                ["https://www.glamira.de/x"] * 6 + ["https://www.glamira.co.uk/x", "https://stage.glamira.de/x"]
            ),
            "referrer_url": chance.choice(
                [None, None, "https://www.google.com/", "https://www.facebook.com/", *list(MEDIUMS)[3:]]
            ),
            "utm_source": chance.choice(["false", "false", "false", "criteo"]),
        }
        if event["collection"] == "add_to_cart_action":
            event["price"] = chance.choice(["10.00", "20,50", "1.006,00", "on request"])
            event["currency"] = chance.choice(["€", "€", "£", None])
        elif event["collection"] in ("view_shopping_cart", "checkout"):
            event["cart_products"] = chance.choice(["[]", "[]", '[{"product_id": 1, "amount": 1}]', None, "[{"])
        elif event["collection"] == "checkout_success":
            event["order_id"] = chance.choice([None, "1", "2"])
            event["cart_products"] = json.dumps(
                [
                    {"product_id": 1, "amount": 2, "price": "50.00", "currency": currency}
                    for currency in chance.choice((["€"], ["€"], ["€", "£"], []))
                ]
            )
        events.append(event)
    return events


def check(warehouse: Warehouse, events: list[Event]) -> None:
    """Every table is as the plain count has it."""
    expected = World(events)
    sessions = warehouse.rows(
        "select s.first_event_key, v.first_event_key, s.is_on_shared_device, s.is_first_of_visitor, s.touch_channel"
        " from marts.fct_product_sessions as s left join marts.dim_visitor as v on s.visitor_key = v.visitor_key"
    )
    assert {row[0]: row[1:] for row in sessions} == expected.sessions_table()
    visitors = warehouse.rows(
        "select first_event_key, identified_by, devices, is_on_shared_device, sessions, human_sessions, events, views,"
        " orders, first_order_at, first_seen_at, last_seen_at, first_channel, first_country_name from marts.dim_visitor"
    )
    assert {row[0]: row[1:] for row in visitors} == expected.visitors()
    check_days(warehouse, expected)


FIGURES = "sessions, visitors, new_visitors, returning_visitors, orders"
FIGURES += ", " + ", ".join(f"human_{name}" for name in FIGURES.split(", "))


def check_days(warehouse: Warehouse, expected: World) -> None:
    """The same of days and weeks."""
    days = warehouse.rows(f"select event_date, {FIGURES} from marts.kpi_visitors_daily")
    assert {row[:1]: row[1:] for row in days} == expected.daily(by_channel=False)
    days = warehouse.rows(f"select event_date, country_name, channel, {FIGURES} from marts.kpi_acquisition_daily")
    assert {row[:3]: row[3:] for row in days} == expected.daily(by_channel=True)
    weeks = warehouse.rows(
        "select cohort_type, cohort_week, weeks_since, cohort_visitors, visitors, round(share, 9)::float8,"
        " human_cohort_visitors, human_visitors, round(human_share, 9)::float8, is_complete"
        " from marts.kpi_retention_weekly"
    )
    assert {row[:3]: row[3:] for row in weeks} == expected.retention()
    credits = warehouse.rows(
        "select event_date, country_name, currency, channel, model, round(orders, 9)::float8,"
        " round(revenue, 9)::float8, round(human_orders, 9)::float8, round(human_revenue, 9)::float8"
        " from marts.kpi_attribution_daily"
    )
    assert {row[:5]: pytest.approx(row[5:], abs=1e-6) for row in credits} == expected.attribution()
    carts = warehouse.rows(
        "select c.first_event_key, v.first_event_key, c.opened_at, c.last_event_at, c.outcome, c.adds, c.currency,"
        " c.value, c.unvalued_adds, c.is_bot, c.country_name"
        " from marts.fct_carts as c left join marts.dim_visitor as v on c.visitor_key = v.visitor_key"
    )
    assert {row[0]: row[1:] for row in carts} == carts_table(expected)
    days = warehouse.rows(
        "select event_date, country_name, currency, carts, bought, emptied, abandoned, open, human_carts, human_bought,"
        " human_abandoned, value, abandoned_value, round(abandonment_rate, 9)::float8 from marts.kpi_carts_daily"
    )
    assert {row[:3]: row[3:] for row in days} == carts_daily(expected)


@pytest.mark.parametrize("seed", range(1))
def test_shuffled_pieces_end_in_what_a_plain_count_gives(make_warehouse: Callable[[], Warehouse], seed: int) -> None:
    chance = random.Random(seed)
    warehouse = make_warehouse()
    landed: list[Event] = []
    for part in range(3):
        events = [{**event, "device_id": event["device_id"] and f"{part}{event['device_id']}"} for event in world(part)]
        events += chance.sample(events, 4)
        chance.shuffle(events)
        for piece in range(5):
            warehouse.land("product_views", events[piece::5])
            landed += events[piece::5]
            warehouse.run()
            check(warehouse, landed)
    incremental = warehouse.tables()
    warehouse.run("build", "--full-refresh", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    assert warehouse.tables() == incremental
