"""The text `(none)`, as which marts show that there is no value: an event that says it says that there is none."""

import json

from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event

CART = json.dumps(
    [
        {"product_id": None, "amount": 1, "price": "10.00", "currency": "€"},
        {"product_id": "(none)", "amount": 1, "price": "10.00", "currency": "(none)"},
    ]
)
TEXTS = (None, "", "(none)")


def request(number: int, text: str | None) -> Event:
    return {
        "event_id": f"r{number}",
        "timestamp": DAY.isoformat(),
        **dict.fromkeys(("action", "product_id", "user_id", "ip_address", "user_agent"), text),
        "status_code": "200",
    }


def page(number: int, kind: str, text: str | None) -> Event:
    return {
        "id": f"{kind}{number}",
        "time_stamp": str(int(DAY.timestamp())),
        "collection": kind,
        "current_url": "https://www.glamira.de/ring.html",
        "cart_products": CART,
        **dict.fromkeys(("product_id", "device_id", "store_id", "user_agent", "referrer_url", "order_id", "ip"), text),
    }


def test_a_text_like_the_sign_of_no_value_is_none(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", [request(number, text) for number, text in enumerate(TEXTS)])
    warehouse.land(
        "product_views",
        [
            page(number, kind, text)
            for number, text in enumerate(TEXTS)
            for kind in ("view_product_detail", "checkout_success")
        ],
    )
    warehouse.run()
    rows = warehouse.rows
    assert rows("select action, action_count, action_ratio from marts.kpi_web_actions_5min") == [("(none)", 3, 1)]
    assert rows("select count(user_id), count(action), count(ip_hash) from marts.fct_web_requests") == [(0, 0, 0)]
    assert rows("select * from marts.fct_web_sessions") == []
    # whoever calls a device (none) is no visitor, has no session, and did not buy what devices without a name bought
    assert rows("select product_id, views, visitors from marts.kpi_products_daily") == [("(none)", 3, 0)]
    assert rows("select store_id, views, visitors from marts.kpi_stores_daily") == [("(none)", 3, 0)]
    assert rows("select referrer_url, views, medium from marts.kpi_referrers_daily") == [("", 3, "direct")]
    assert rows("select browser, os, views from marts.kpi_browser_os_hourly") == [("(none)", "(none)", 3)]
    assert rows("select * from marts.fct_product_sessions") == rows("select * from marts.kpi_funnel_daily") == []
    assert rows("select currency, orders, items from marts.kpi_revenue_daily order by 1") == [
        ("EUR", 3, 3),
        ("XXX", 3, 3),
    ]
    assert rows("select distinct product_id, order_id from marts.fct_order_lines") == [(None, None)]
    assert rows("select user_agent from marts.dim_user_agent") == []


def test_a_window_moves_though_a_fact_of_before_holds_the_sign_itself(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", [request(1, "view_product"), request(2, None)])
    warehouse.run()
    warehouse.rows("update intermediate.int_web_requests set action = '(none)' where event_id = 'r1' returning 1")
    warehouse.land("web_logs", [request(3, None)])
    warehouse.run()
    assert warehouse.rows("select action, action_count from marts.kpi_web_actions_5min") == [("(none)", 3)]
