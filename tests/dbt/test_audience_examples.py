"""The worked examples of visitors, attribution and carts with their numbers; the bounds; a person who is erased."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from database.connect import connect
from erasure.erase import erase
from erasure.identifiers import salted_key, text_key
from landfall.errors import UserError
from tests.dbt.audience import BOT, MEDIUMS
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event
from tests.dbt.test_audience import DAY_1, check, world

PAGES = {medium: url for url, medium in reversed(MEDIUMS.items())}
PAYPAL = "https://www.paypal.com/pay"


def event(name: str, device: str, day: float, hour: float = 12, came: str = "direct", **fields: str | None) -> Event:
    """An event of a device in Germany; day 1 is Monday 2026-03-02."""
    moment = DAY_1 + dt.timedelta(days=day - 1, hours=hour)
    return {
        "id": name,
        "time_stamp": str(round(moment.timestamp())),
        "collection": "view_product_detail",
        "device_id": device,
        "current_url": "https://www.glamira.de/x",
        "referrer_url": PAGES.get(came, came),
        **fields,
    }


def order(name: str, device: str, day: float, hour: float = 12, came: str = "direct", **fields: str | None) -> Event:
    """An order of 100.00 EUR."""
    line = {"product_id": 1, "amount": 1, "price": "100.00", "currency": "€"}
    report: Event = {"collection": "checkout_success", "cart_products": json.dumps([line]), "order_id": name}
    return {**event(name, device, day, hour, came), **report, **fields}


def add(name: str, device: str, day: float, price: str, hour: float = 12, **fields: str | None) -> Event:
    """Something is put into a cart."""
    put: Event = {"collection": "add_to_cart_action", "price": price, "currency": "€"}
    return {**event(name, device, day, hour), **put, **fields}


def look(name: str, device: str, day: float, lines: str, hour: float = 12, **fields: str | None) -> Event:
    """The page of a cart."""
    return {**event(name, device, day, hour), "collection": "view_shopping_cart", "cart_products": lines, **fields}


def bring(warehouse: Warehouse, *events: Event) -> None:
    """Land and refresh; all tables are as the plain count has them, too."""
    warehouse.land("product_views", events)
    warehouse.run()
    check(warehouse, list(events))


def test_history_before_a_login_joins_it_on_every_device_and_a_shared_device_joins_nobody(warehouse: Warehouse) -> None:
    bring(
        warehouse,
        event("1", "A", 1, came="search"),
        event("2", "A", 9),
        event("3", "A", 9, user_id_db="7"),
        event("4", "B", 2, came="social", user_id_db="7"),
        event("5", "F", 3, user_id_db="7"),
        event("6", "F", 4, came="ai", user_id_db="8"),
        event("7", "F", 5, came="other"),
    )
    visitors = warehouse.rows(
        "select identified_by, devices, sessions, first_seen_at::date, first_channel, is_on_shared_device"
        " from marts.dim_visitor order by first_seen_at"
    )
    assert visitors == [
        ("user", 3, 4, dt.date(2026, 3, 2), "search", True),
        ("user", 1, 1, dt.date(2026, 3, 5), "ai", True),
        ("device", 1, 1, dt.date(2026, 3, 6), "other", True),
    ]
    days = warehouse.rows(
        "select extract(day from event_date)::int - 1, new_visitors, returning_visitors from marts.kpi_visitors_daily"
        " order by 1"
    )
    assert days == [(1, 1, 0), (2, 0, 1), (3, 0, 1), (4, 1, 0), (5, 1, 0), (9, 0, 1)]
    weeks = warehouse.rows(
        "select weeks_since, cohort_visitors, visitors, round(share, 4), is_complete from marts.kpi_retention_weekly"
        " order by 1"
    )
    assert weeks == [(0, 3, 3, Decimal(1), True), (1, 3, 1, Decimal("0.3333"), False)]


def test_a_visitor_may_be_new_among_people_after_a_bots_session(warehouse: Warehouse) -> None:
    bring(warehouse, event("1", "H", 1, user_agent=BOT), event("2", "H", 2))
    days = warehouse.rows(
        "select new_visitors, returning_visitors, human_new_visitors, human_returning_visitors"
        " from marts.kpi_visitors_daily order by event_date"
    )
    assert days == [(1, 0, 0, 0), (0, 1, 1, 0)]


def credited(warehouse: Warehouse) -> dict[str, dict[str, float]]:
    """Revenue by model and channel."""
    found: dict[str, dict[str, float]] = {}
    for model, channel, revenue in warehouse.rows(
        "select model, channel, round(sum(revenue), 2)::float8 from marts.kpi_attribution_daily group by 1, 2"
    ):
        found.setdefault(model, {})[channel] = revenue
    return found


def test_five_models_share_out_an_order_and_a_second_decides_what_is_on_its_path(warehouse: Warehouse) -> None:
    path = [
        event("2", "A", 10, came="social"),
        event("3", "A", 20, came="internal"),
        event("4", "A", 25, came="https://mail.example/"),
        order("5", "A", 32),
    ]
    path[2]["referrer_url"] = "https://chatgpt.com/"
    first = event("1", "A", 2, came="search")
    bring(warehouse, first, *path)
    third = pytest.approx(33.33)
    assert credited(warehouse) == {
        "last": {"direct": 100},
        "first": {"search": 100},
        "last_non_direct": {"ai": 100},
        "linear": {"search": third, "social": third, "ai": third},
        "position": {"search": 40, "social": 20, "ai": 40},
    }
    # a late event makes its session begin a second earlier, which is too long ago
    earlier = {**first, "id": "0", "time_stamp": str(int(str(first["time_stamp"])) - 1)}
    warehouse.land("product_views", [earlier])
    warehouse.run()
    assert credited(warehouse) == {
        "last": {"direct": 100},
        "first": {"social": 100},
        "last_non_direct": {"ai": 100},
        "linear": {"social": 50, "ai": 50},
        "position": {"social": 50, "ai": 50},
    }
    check(warehouse, [first, earlier, *path])


def test_the_payment_provider_does_not_get_the_sale(warehouse: Warehouse) -> None:
    bring(warehouse, event("1", "A", 1, utm_source="criteo"), order("2", "A", 1, 13, came=PAYPAL))
    found = credited(warehouse)
    assert found.pop("last") == {"direct": 100}
    assert list(found.values()) == [{"paid": 100}] * 4


def test_of_a_path_of_more_than_a_hundred_touches_the_newest_count(warehouse: Warehouse) -> None:
    visits = [event(f"v{number}", "A", 2, number, came="social") for number in range(98)]
    bring(warehouse, event("first", "A", 1, came="search"), *visits, order("o", "A", 7))
    cut = "select issue, detail, events from ops.data_quality where issue = 'path_cut'"
    assert credited(warehouse)["first"] == {"search": 100}, "a hundred with the order's own session"
    assert warehouse.rows(cut) == []
    warehouse.land("product_views", [event("one more", "A", 6.5, came="social")])
    warehouse.run()
    assert credited(warehouse)["first"] == {"social": 100}
    assert warehouse.rows(cut) == [("path_cut", "more than 100", 1)]


def test_the_report_that_happened_first_has_the_order_whatever_landed_first(warehouse: Warehouse) -> None:
    reports = [order("1", "A", 1, 12), order("2", "A", 1, 12 + 1 / 30), order("3", "A", 1, 10)]
    for each in reports:
        each["order_id"] = "17"
    for number in range(3):
        warehouse.land("product_views", reports[number : number + 1])
        warehouse.run()
        check(warehouse, reports[: number + 1])
    orders = "select extract(hour from started_at)::int, o.order_key is not null from marts.fct_product_sessions as s"
    orders += " left join intermediate.int_visitor_orders as o on s.session_key = o.session_key order by 1"
    assert warehouse.rows(orders) == [(10, True), (12, False)]


def test_a_cart_goes_over_devices_and_is_bought_emptied_abandoned_or_open(warehouse: Warehouse) -> None:
    line = '[{"product_id": 1}]'
    gap = 168
    bring(
        warehouse,
        add("1", "phone", 1, "10.00", user_id_db="7"),
        look("2", "phone", 1, line, 12.1, user_id_db="7"),
        look("3", "laptop", 2, "[]"),
        event("4", "laptop", 3, collection="checkout", cart_products=line, user_id_db="7"),
        order("5", "laptop", 3, 12.1, user_id_db="7"),
        add("6", "E", 3, "20,50"),
        add("7", "E", 3, "20,50", 12.2),
        look("8", "E", 3, "[]", 13.2),
        add("9", "T", 5, "5"),
        add("10", "T", 5, "1.006,00", 12 + gap + 1 / 3600),
        add("11", "U", 5, "5", 11),
        add("12", "U", 5, "1.006,00", 11 + gap),
        order("13", "S", 6),
    )
    carts = warehouse.rows(
        "select outcome, adds, value, currency from marts.fct_carts order by outcome, value, opened_at"
    )
    assert carts == [
        ("abandoned", 1, 5, "EUR"),
        ("bought", 0, 0, "(none)"),
        ("bought", 1, 10, "EUR"),
        ("emptied", 2, 41, "EUR"),
        ("open", 1, 1006, "EUR"),
        ("open", 2, 1011, "EUR"),
    ]


def test_a_login_on_too_many_devices_is_none_and_a_placeholder_never_is(warehouse: Warehouse) -> None:
    devices = [event(f"e{number}", f"d{number}", 1, user_id_db="kiosk") for number in range(50)]
    bring(warehouse, *devices, event("p", "p", 1, user_id_db="Guest"), event("q", "q", 1, user_id_db="000"))
    assert warehouse.one("select max(devices) from marts.dim_visitor") == 50
    more = [event(f"e{number}", f"d{number}", 2, user_id_db="kiosk") for number in (50, 51)]
    warehouse.land("product_views", more[:1])
    warehouse.run()
    assert warehouse.rows("select identified_by, count(*) from marts.dim_visitor group by 1") == [("device", 53)]
    devices_of = (
        "select count(distinct noted_key) from ops.noted_keys natural join ops.noters"
        " where relation like '%%visitor_sessions' and kind = 'device'"
    )
    assert warehouse.one(f"{devices_of} and load_id = 2") == 51, "all devices of the login, once"
    warehouse.land("product_views", more[1:])
    warehouse.run()
    assert warehouse.one(f"{devices_of} and load_id = 3") == 1, "the next one costs nothing"
    odd = warehouse.rows("select issue, detail, events from ops.data_quality where issue like 'login%%'")
    assert odd == [("login_on_too_many_devices", "more than 50", 1)]
    assert warehouse.one("select count(*) from marts.dim_visitor where is_on_shared_device") == 0


COUNTS = (
    *("kpi_visitors_daily", "kpi_acquisition_daily", "kpi_retention_weekly", "kpi_attribution_daily"),
    "kpi_carts_daily",
)


def keys_in(warehouse: Warehouse, keys: list[UUID]) -> list[tuple[Any, ...]]:
    """Tables and columns of the models and of ops in which one of these keys stands."""
    columns = warehouse.rows(
        "select table_schema, table_name, column_name from information_schema.columns natural join"
        " information_schema.tables where table_schema in ('intermediate', 'ops') and data_type = 'uuid'"
        " and table_type = 'BASE TABLE' and table_name <> 'erased_identifiers'"
    )
    return [
        column
        for column in columns
        if warehouse.rows(f'select 1 from {column[0]}.{column[1]} where "{column[2]}" = any(%s) limit 1', keys)
    ]


def test_erasure_moves_no_number_and_leaves_no_key_of_the_visitor(warehouse: Warehouse) -> None:
    alone = [{**each, "email_address": "ada@x.org"} for each in (event("m1", "M", 1), event("m2", "N", 9))]
    warehouse.land("product_views", [*world(1, 60), *alone])
    warehouse.run()

    def numbers() -> dict[str, list[tuple[Any, ...]]]:
        found = {name: sorted(warehouse.rows(f"select * from marts.{name}"), key=repr) for name in COUNTS}
        found["visitors"] = warehouse.rows(
            "select first_event_key, identified_by, devices, is_on_shared_device, sessions, orders, first_seen_at"
            " from marts.dim_visitor order by 1"
        )
        found["carts"] = warehouse.rows("select first_event_key, outcome, adds, value from marts.fct_carts order by 1")
        return found

    before = numbers()
    with connect(warehouse.settings.as_transformer) as models:
        (salt,) = models.execute("select salt from ops.pseudonym_salt").fetchone() or ("",)
    keys = [
        salted_key(salt, f"user {salted_key(salt, '7')}"),
        salted_key(salt, f"email {salted_key(salt, 'ada@x.org')}"),
    ]
    keys += [salted_key(salt, f"device {text_key('a')}"), text_key("a")]
    assert keys_in(warehouse, keys)
    with pytest.raises(UserError, match="placeholder"):
        erase(warehouse.settings, {"user": {"000"}})
    for given in ({"user": {"7"}}, {"email": {"ada@x.org"}}, {"device": {"a"}}):
        assert erase(warehouse.settings, given, links="none")
        warehouse.enricher.run_once()
        assert numbers() == before
        warehouse.run()
        assert numbers() == before
    assert keys_in(warehouse, keys) == []
    placeholders = "select count(*) from intermediate.int_product_events where user_id in ('-1', '000', 'Guest')"
    assert erase(warehouse.settings, {"device": {"b"}}, most_links=100)
    assert warehouse.one(placeholders) == sum(each["user_id_db"] in ("-1", "000", "Guest") for each in world(1, 60))
