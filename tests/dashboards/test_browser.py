"""The dashboards in a real browser: what a person reads there is what SQL says of the marts."""

import datetime as dt
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from dashboards.superset.description import read_descriptions
from dashboards.superset.layout import REFRESH_SECONDS
from manual.browser import launched
from manual.superset_page import FIGURES
from tests.dashboards.superset_page import Opened, opened
from tests.dashboards.superset_server import Superset
from tests.dbt.conftest import TOPIC, Warehouse
from tests.dbt.events import TRACKS, Event, uuid_v1, views_at, web_requests
from tests.dbt.shop_events import shop_visits

BOARDS = read_descriptions().boards
ODD_NAMES = ("12345678901234567890", "<NULL>", "50%", "{{ x }}", "%(x)s", "<b>bold</b>", "it's")
LOOPBACK = {"127.0.0.1"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def marts(superset: Superset) -> Iterator[Warehouse]:
    """Marts behind Superset, with events of the three streams of the days until now."""
    warehouse = Warehouse(superset.settings)
    try:
        now = dt.datetime.now(dt.UTC)
        land(warehouse, "product_views", [*shop_events(now), *orders(now), *odd_views(now)])
        land(warehouse, "web_logs", requests(now))
        land(warehouse, "job_tracking", ads(now))
        warehouse.run()
        warehouse.run("test", "--select", "kpi_countries_daily")
        yield warehouse
    finally:
        warehouse.close()


def land(warehouse: Warehouse, stream: str, events: list[Event]) -> None:
    """One load, with what the ledger says of it."""
    load = warehouse.land(stream, events, finish=False)
    warehouse.landing.execute(
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        " quarantined, holes, min_kafka_timestamp, max_kafka_timestamp, committed_at)"
        " select %s, %s, %s, 0, 0, %s, %s, 2, 0, at - interval '2 s', at, at from clock_timestamp() as t (at)",
        (stream, load.load_id, TOPIC, len(events) + 2, len(events)),
    )
    warehouse.finish(stream, load)


def shop_events(now: dt.datetime) -> list[Event]:
    """Four days of visits, the last event at this moment, and views of the last minutes."""
    visits = shop_visits(seed=5, visits=120)
    late = int(now.timestamp()) - max(int(str(event["time_stamp"])) for event in visits)
    return [{**event, "time_stamp": str(int(str(event["time_stamp"])) + late)} for event in visits] + views_at(now, 6)


def orders(now: dt.datetime) -> list[Event]:
    """Orders of these minutes, so many that their currency is that of most orders."""
    line = {"product_id": 100, "amount": 2, "price": "617,25", "currency": "€", "option": ""}
    return [
        {
            **view,
            "id": f"order-{number}",
            "collection": "checkout_success",
            "current_url": "https://www.glamira.de/checkout/success/",
            "order_id": f"9{number}",
            "cart_products": json.dumps([line]),
        }
        for number, view in enumerate(views_at(now, seed=10))
    ]


def odd_views(now: dt.datetime) -> list[Event]:
    """Views of products with names that some page, template or query could take for something else."""
    views = views_at(now, seed=7)[: len(ODD_NAMES)]
    return [
        {**view, "id": f"odd-{number}", "product_id": name}
        for number, (view, name) in enumerate(zip(views, ODD_NAMES, strict=True))
    ]


def requests(now: dt.datetime) -> list[Event]:
    """Requests of the last hours, some in error, and an address that asks often."""
    chance = random.Random(8)
    found = web_requests(400, seed=8)
    for event in found:
        event["timestamp"] = (now - dt.timedelta(seconds=chance.randrange(7_200))).isoformat()
        event["status_code"] = chance.choice(["200", "200", "200", "404", "503"])
        event["response_time"] = f"{chance.uniform(0.01, 2):.3f}"
        event["user_id"] = chance.choice(["1", "2", "3"])
        event["ip_address"] = f"203.0.113.{chance.randrange(200)}"
    for event in found[:15]:
        event.update(ip_address="198.51.100.7", timestamp=now.replace(second=1).isoformat())
    return found


def ads(now: dt.datetime) -> list[Event]:
    """Ad events of the last days."""
    chance = random.Random(9)
    return [
        {
            "create_time": uuid_v1(now - dt.timedelta(seconds=chance.randrange(200_000)), number),
            "custom_track": chance.choice([*TRACKS, "click"]),
            "job_id": chance.choice(["1", "2.0", "3", None]),
            "publisher_id": chance.choice(["1.0", "2"]),
            "campaign_id": chance.choice(["5", "6.0"]),
            "bid": chance.choice(["1.0", "0.25", None]),
        }
        for number in range(300)
    ]


def whole(value: Any) -> str:
    """A count as it is written."""
    return f"{value:,.0f}"


def money(value: Any) -> str:
    """An amount with two places."""
    return f"{value:,.2f}"


NEWEST = "event_date = (select max(event_date) from marts.kpi_products_daily)"
MAIN_CURRENCY = "select max(currency) from marts.kpi_shop_same_hours where is_main_currency"
WEEK = "event_date > current_date - 7"
HEADLINES: dict[str, dict[str, tuple[Callable[[Any], str], str]]] = {
    "shop": {
        "Views": (whole, f"select sum(views) from marts.kpi_products_daily where {NEWEST}"),
        "People": (whole, f"select sum(human_views) from marts.kpi_products_daily where {NEWEST}"),
        "Visitors": (
            whole,
            "select count(distinct device_key) from marts.fct_product_events where is_view and is_production"
            " and device_id is not null and event_at::date = (select max(event_date) from marts.kpi_products_daily)",
        ),
        "Sessions": (whole, f"select sum(sessions) from marts.kpi_sessions_daily where {NEWEST}"),
        "Conversion": (
            "{:.2%}".format,
            "select coalesce(sum(devices) filter (where step_order = 7), 0)::numeric"
            f" / sum(devices) filter (where step_order = 1) from marts.kpi_funnel_daily where {NEWEST}",
        ),
        "Revenue": (
            str,
            "select to_char(sum(revenue), 'FM999,999,999') || ' €' from marts.kpi_revenue_daily"
            f" where {NEWEST} and currency = ({MAIN_CURRENCY})",
        ),
    },
    "audience": {
        "New visitors": (whole, "select sum(human_new_visitors) from marts.kpi_visitors_daily"),
        "Most visitors in a day": (whole, "select max(human_visitors) from marts.kpi_visitors_daily"),
        "Sessions": (whole, "select sum(human_sessions) from marts.kpi_visitors_daily"),
        "Orders": (whole, "select sum(human_orders) from marts.kpi_visitors_daily"),
        "Conversion": (
            "{:.2%}".format,
            "select sum(human_orders)::numeric / sum(human_sessions) from marts.kpi_visitors_daily",
        ),
        "Abandonment": (
            "{:.1%}".format,
            "select sum(human_abandoned)::numeric / sum(human_abandoned + human_bought) from marts.kpi_carts_daily",
        ),
    },
    "shop_log": {
        "Requests": (whole, "select sum(action_count) from marts.kpi_web_actions_5min"),
        "Checkouts": (whole, "select sum(checkouts) from marts.kpi_web_payment_errors_5min"),
        "Failed payments": (whole, "select sum(payment_errors) from marts.kpi_web_payment_errors_5min"),
        "Server errors": (
            whole,
            "select sum(request_count) from marts.kpi_web_status_hourly where status_class = '5xx'",
        ),
    },
    "recruitment": {
        "Clicks": (whole, f"select sum(clicks) from marts.kpi_jobs_hourly where {WEEK}"),
        "Spend": (money, f"select sum(spend_hour) from marts.kpi_jobs_hourly where {WEEK}"),
        "Average bid": (money, f"select sum(spend_hour) / sum(clicks) from marts.kpi_jobs_hourly where {WEEK}"),
        "Conversions": (whole, f"select sum(conversions) from marts.kpi_jobs_hourly where {WEEK}"),
        "Conversion": (
            "{:.1%}".format,
            f"select sum(conversions)::numeric / sum(clicks) from marts.kpi_jobs_hourly where {WEEK}",
        ),
        "Qualified": (
            "{:.1%}".format,
            "select sum(qualified)::numeric / (sum(qualified) + sum(unqualified))"
            f" from marts.kpi_jobs_hourly where {WEEK}",
        ),
    },
    "trust": {
        "Unexplained records": (whole, "select sum(abs(unexplained_rows)) from ops.reconciliation"),
        "Failing checks": (whole, "select count(*) from ops.test_results where status in ('fail', 'error')"),
        "Events of unmapped hosts": (
            whole,
            "select sum(events) from ops.data_quality where issue = 'unmapped_host'",
        ),
    },
}
TABLES: dict[str, dict[str, str]] = {
    "shop": {
        "Countries": (
            "select country_name, to_char(sum(views), 'FM999,999'), to_char(max(visitors), 'FM999,999')"
            f" from marts.kpi_countries_daily where {WEEK} group by 1"
        )
    },
    "shop_log": {
        "Addresses of bots": (
            "select ip_address::text, sum(request_count)::text, max(request_count)::text,"
            " count(distinct minute_start)::text, to_char(max(minute_start) at time zone 'UTC', 'YYYY-MM-DD HH24:MI')"
            " from marts.kpi_web_bot_ips_minutely group by 1"
        )
    },
    "recruitment": {
        "Jobs": (
            "select case job_id when 0 then '(none)' else 'job ' || job_id end, sum(clicks)::text,"
            " to_char(sum(spend_hour), 'FM999,990.00'), to_char(sum(spend_hour) / sum(clicks), 'FM999,990.00'),"
            f" sum(conversions)::text, sum(qualified)::text from marts.kpi_jobs_hourly where {WEEK} group by job_id"
        )
    },
    "trust": {
        "Reconciliation": (
            "select stream, sum(offsets)::text, sum(landed)::text, sum(quarantined)::text, sum(holes)::text,"
            " sum(winners)::text, sum(duplicates)::text, sum(rejected)::text, '0', '0'"
            " from ops.reconciliation group by 1"
        )
    },
    "audience": {
        "Channels": (
            "select channel, to_char(sum(human_new_visitors), 'FM999,990'),"
            " to_char(100.0 * sum(human_new_visitors) / sum(sum(human_new_visitors)) over (), 'FM990.0') || '%'"
            " from marts.kpi_acquisition_daily group by 1"
        ),
        "Revenue by channel and model": (
            "select currency, channel, coalesce("
            "to_char(100 * given / nullif(sum(given) over (partition by currency), 0), 'FM990.0') || '%', 'N/A')"
            " from (select currency, channel, coalesce(sum(human_revenue) filter (where model = 'last'), 0) as given"
            " from marts.kpi_attribution_daily group by 1, 2) as last"
        ),
        "Retention": (
            "select '100.0' || case when is_complete then '' else ' …' end from marts.kpi_retention_weekly"
            " where cohort_type = 'first_visit' and weeks_since = 0 and human_cohort_visitors > 0"
        ),
        "Carts by country": (
            "select country_name, sum(human_carts)::text, sum(human_bought)::text, sum(human_abandoned)::text"
            " from marts.kpi_carts_daily group by 1"
        ),
    },
}


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_shows_what_the_marts_hold(
    name: str, browser: Browser, superset: Superset, marts: Warehouse
) -> None:
    with opened(browser, superset) as shown:
        shown.show(BOARDS[name].slug)
        assert shown.wrong_charts() == []
        for chart, (written, query) in HEADLINES[name].items():
            assert shown.number(chart) == written(marts.one(query) or 0), chart
        for table, query in TABLES[name].items():
            assert shown.has_rows(table, [list(row) for row in marts.rows(query)]), (table, shown.rows(table))
        assert shown.errors == []
        assert shown.hosts <= LOOPBACK


def test_people_a_country_and_a_product_are_chosen_by_filters(
    browser: Browser, superset: Superset, marts: Warehouse
) -> None:
    of_country = "select sum({}) from marts.kpi_countries_daily where country_name = 'Germany' and " + WEEK
    with opened(browser, superset) as shown:
        shown.show(BOARDS["shop"].slug)
        shown.choose("Country", "Germany")
        everyone = [["Germany", whole(marts.one(of_country.format("views")))]]
        assert shown.has_rows("Countries", everyone), shown.rows("Countries")
        shown.choose("Traffic", "people")
        people = [["Germany", whole(marts.one(of_country.format("human_views")))]]
        assert people != everyone
        assert shown.has_rows("Countries", people), shown.rows("Countries")


def test_a_click_on_a_country_shows_its_stores_alone_and_a_second_one_all(
    browser: Browser, superset: Superset, marts: Warehouse
) -> None:
    by_store = (
        "select country_name, coalesce(store_id, '(none)'), to_char(sum(views), 'FM999,999'),"
        f" to_char(max(visitors), 'FM999,999') from marts.kpi_stores_daily where {WEEK} group by 1, 2"
    )
    stores = sorted([list(row) for row in marts.rows(by_store)])
    of_germany = [store for store in stores if store[0] == "Germany"]
    assert 0 < len(of_germany) < len(stores)
    with opened(browser, superset) as shown:
        shown.show(BOARDS["shop"].slug)
        assert shown.has_rows("Stores of a country", stores)
        shown.click("Countries", "Germany")
        assert shown.has_rows("Stores of a country", of_germany), shown.rows("Stores of a country")
        shown.click("Countries", "Germany")
        assert shown.has_rows("Stores of a country", stores), shown.rows("Stores of a country")


def test_charts_ask_again_each_ten_seconds_until_a_person_pauses_them(
    browser: Browser, superset: Superset, marts: Warehouse
) -> None:
    with opened(browser, superset) as shown:
        shown.page.clock.install()
        shown.show(BOARDS["shop_log"].slug)
        asked: list[str] = []
        shown.page.on("request", lambda request: asked.append(request.url) if FIGURES in request.url else None)
        with shown.page.expect_request(lambda request: FIGURES in request.url):
            shown.page.clock.fast_forward(REFRESH_SECONDS * 1000)
        shown.wait_until_drawn()
        shown.page.locator("[data-test=auto-refresh-toggle]").click()
        shown.page.clock.fast_forward(REFRESH_SECONDS * 1000)  # charts of one refresh ask one after the other
        shown.page.wait_for_timeout(500)
        asked.clear()
        shown.page.clock.fast_forward(10 * REFRESH_SECONDS * 1000)
        shown.page.wait_for_timeout(500)
        assert asked == []


def test_an_odd_name_is_shown_and_filtered_as_it_is(browser: Browser, superset: Superset, marts: Warehouse) -> None:
    for product in ODD_NAMES:
        with opened(browser, superset) as shown:
            shown.show(BOARDS["shop"].slug)
            shown.choose("Product", product)
            assert shown.has_rows("Top products", [[product]]), shown.rows("Top products")
            assert shown.wrong_charts() == []


def test_a_day_is_the_same_day_in_tokyo_and_in_los_angeles(
    browser: Browser, superset: Superset, marts: Warehouse
) -> None:
    def seen(zone: str) -> dict[str, list[list[str]]]:
        with opened(browser, superset, zone=zone) as shown:
            found: dict[str, list[list[str]]] = {}
            for name in ("shop", "shop_log", "recruitment"):
                shown.show(BOARDS[name].slug)
                found |= {
                    f"{name}, {chart.name}": shown.rows(chart.name)
                    for chart in BOARDS[name].charts
                    if chart.kind == "table" and chart.dataset != "freshness"
                }
                found |= {
                    f"{name}, {chart.name}": [[shown.number(chart.name)]]
                    for chart in BOARDS[name].charts
                    if chart.kind == "number" and chart.dataset != "freshness"
                }
            return found

    in_tokyo = seen("Asia/Tokyo")
    assert sum(map(len, in_tokyo.values())) > 50
    assert in_tokyo == seen("America/Los_Angeles")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_fits_the_screen(
    name: str, width: int, browser: Browser, superset: Superset, marts: Warehouse
) -> None:
    with opened(browser, superset, width=width) as shown:
        shown.show(BOARDS[name].slug)
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
        assert overflowing(shown) == []
        assert min(widths(shown)) >= 100


def widths(shown: Opened) -> list[float]:
    """Of each chart's tile, in pixels."""
    tiles = shown.page.locator("[data-test=dashboard-component-chart-holder]").all()
    return [box["width"] for box in (tile.bounding_box() for tile in tiles) if box]


def overflowing(shown: Opened) -> list[str]:
    """Names of big numbers whose text is wider than their chart."""
    return [
        str(chart.get_attribute("data-test-chart-name"))
        for chart in shown.page.locator("[data-test=chart-grid-component]").all()
        if chart.locator(".header-line").count()
        and chart.locator(".header-line").evaluate(
            "e => e.scrollWidth > e.closest('[data-test=slice-container]').clientWidth"
        )
    ]
