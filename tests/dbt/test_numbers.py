"""Numbers that producers get wrong: counted where they are read, never in silence, and none stops what is behind it."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event

PRICE = {"price": "10.00", "currency": "€"}


def order(number: int, *lines: Any, day: int = 0, **fields: str | None) -> Event:
    return {
        "id": f"order-{number}",
        "time_stamp": str(int((DAY + dt.timedelta(days=day)).timestamp())),
        "collection": "checkout_success",
        "order_id": str(number),
        "store_id": "5",
        "device_id": "device",
        "current_url": "https://www.glamira.at/checkout",
        "cart_products": json.dumps(lines),
        **fields,
    }


def revenue(warehouse: Warehouse, day: int = 0) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select currency, orders, items, revenue, unreadable_prices, unreadable_amounts from marts.kpi_revenue_daily"
        " where event_date = %s order by 1",
        (DAY + dt.timedelta(days=day)).date(),
    )


def odd(warehouse: Warehouse, issue: str) -> dict[str, int]:
    return dict(warehouse.rows("select detail, events from ops.data_quality where issue = %s", issue))


def test_no_number_of_an_event_stops_the_events_behind_it(warehouse: Warehouse) -> None:
    most = {**PRICE, "amount": 999_999_999_999_999_999}
    warehouse.land(
        "product_views",
        [
            order(1, *({**most, "product_id": place} for place in range(10))),
            order(2, {**PRICE, "amount": 1}),
            # as text each of these is 131,072 digits, and all of them more than Postgres can hold
            order(3, day=1, cart_products="[" + ", ".join(['{"amount": 1e131071, "price": 1e131071}'] * 2_500) + "]"),
            order(4, {**PRICE, "amount": 1}, day=1, option="[" * 200_000),
            order(5, {**PRICE, "amount": 1}, day=1, option=json.dumps([{"value_label": 1}]).replace("1", "1e131071")),
            order(6, {**PRICE, "amount": 1}, day=1, cart_products='{"a":' * 200_000, utm_source="[" * 200_000),
        ],
    )
    warehouse.run()
    assert revenue(warehouse) == [("EUR", 2, 9_999_999_999_999_999_991, 10 * 9_999_999_999_999_999_990 + 10, 0, 0)]
    assert revenue(warehouse, 1) == [("EUR", 2, 2, 20, 0, 0), ("XXX", 2, 0, 0, 2_500, 2_500)]
    assert odd(warehouse, "bad_cast") == {
        "cart_products": 1,
        "cart_products.amount": 1,
        "cart_products.price": 1,
        "option": 1,
    }


def test_an_amount_is_read_as_prices_are_and_one_that_cannot_be_is_counted(warehouse: Warehouse) -> None:
    amounts = [2, "2.5", 1.5, None, "3,0", " 4 ", -1, "-1", "two", True]
    warehouse.land(
        "product_views", [order(number, {**PRICE, "amount": amount}) for number, amount in enumerate(amounts)]
    )
    warehouse.run()
    assert revenue(warehouse) == [("EUR", 10, 13, 130, 5, 5)]
    assert odd(warehouse, "bad_cast") == {"cart_products.amount": 5}
    assert warehouse.rows(
        "select amount, amount_text, line_total from marts.fct_order_lines where amount_text in ('2.5', '-1')"
        " order by 1"
    ) == [(Decimal("2.5"), "2.5", 25), (None, "-1", None), (None, "-1", None)]
    warehouse.run("test", "--select", "revenue_adds_up_to_the_counted_order_lines", "every_order_is_counted_once")


def test_an_order_of_several_currencies_is_one_and_a_currency_nobody_knows_is_counted(warehouse: Warehouse) -> None:
    cart = [{"amount": 1, "price": "5.00", "currency": currency} for currency in ("€", "$", "galleons", None, "€")]
    warehouse.land(
        "product_views",
        [
            order(1, *cart),
            order(2, cart[0]),
            # kr is money in Sweden, and in Austria none
            order(3, {**PRICE, "currency": " KR "}),
            order(4, {**PRICE, "currency": "kr"}, current_url="https://www.glamira.se/checkout"),
            order(5),
            order(6, current_url="file:///C:/page.html", cart_products='[{"currency": "/"}]'),
            order(7, collection="view_product_detail", currency="galleons", price="5.00"),
            order(8, collection="view_product_detail", currency="€", price="5.00"),
            order(9, {**PRICE, "currency": "shells"}, collection="checkout"),
        ],
    )
    warehouse.run()
    by_currency = "select currency, orders from marts.kpi_revenue_daily where country_name = 'Austria' order by 1"
    assert warehouse.rows(by_currency) == [("EUR", 2), ("XXX", 3)], "an order is in the row of each of its currencies"
    assert warehouse.rows(
        "select country_name, orders, items, items_per_order from marts.kpi_orders_daily order by 1"
    ) == [("Austria", 4, 6, Decimal("1.5")), ("Sweden", 1, 0, 0)]
    assert odd(warehouse, "unknown_currency") == {
        **dict.fromkeys((f"{text} on www.glamira.at" for text in ("$", "kr", "(none)")), 1),
        "galleons on www.glamira.at": 2,
        "/ on file:": 1,
    }
    warehouse.run("test", "--select", "every_order_is_counted_once")
    warehouse.rows("update intermediate.int_revenue__daily set first_orders = orders returning 1")
    assert [node.name for node in warehouse.dbt.run(["test", "--select", "every_order_is_counted_once"]).failed] == [
        "every_order_is_counted_once"
    ]
