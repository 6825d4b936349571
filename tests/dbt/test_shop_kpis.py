"""Every KPI of the shop, against an independent count; what comes late, twice or is learned later corrects them."""

import datetime as dt
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event
from tests.dbt.shop_events import AGENTS, MEDIUMS, REFERRERS, shop_visits
from tests.dbt.shop_kpis import (
    Rows,
    Seen,
    funnel_daily,
    orders_daily,
    ranked,
    revenue_daily,
    seen,
    sessions,
    sessions_daily,
    views_by,
)
from warehouse.dbt_arguments import pass_arguments

EVENTS = shop_visits(seed=47)
RULES = ("test", "--select", "path:tests", "path:models/marts/shop", "path:seeds", "--exclude", "test_type:unit")
Grain = Callable[[Seen], tuple[Any, ...]]


def table(warehouse: Warehouse, name: str, grain: str, figures: str, where: str = "true") -> Rows:
    """{grain: figures} of a mart."""
    rows = warehouse.rows(f"select {grain}, {figures} from marts.{name} where {where}")
    width = len(grain.split(","))
    found = {row[:width]: row[width:] for row in rows}
    assert len(found) == len(rows), f"{name}: {grain} is not its grain"
    return found


def close(rows: Rows) -> Rows:
    """Ratios as floats of nine digits, which both sides can be exact to."""
    return {
        grain: tuple(
            round(float(value), 9) if isinstance(value, (int, float)) or hasattr(value, "__float__") else value
            for value in row
        )
        for grain, row in rows.items()
    }


def check_marts(warehouse: Warehouse, facts: list[Seen]) -> None:
    """Every KPI mart of the shop holds what the events give."""
    day: Grain
    for name, columns, grain, day in (
        ("kpi_products_daily", "event_date, product_id", 1, lambda event: (event.day, event.product)),
        ("kpi_countries_daily", "event_date, country_name", 1, lambda event: (event.day, event.page.country)),
        (
            "kpi_stores_daily",
            "event_date, country_name, store_id",
            2,
            lambda event: (event.day, event.page.country, event.store),
        ),
    ):
        expected = views_by(facts, day, visitors=True)
        assert table(warehouse, name, columns, "views, human_views, visitors, human_visitors") == expected, name
        assert table(warehouse, name, columns, "rank") == ranked(expected, within=grain), name
        assert table(warehouse, name, columns, "human_rank") == ranked(expected, within=grain, by=1), name

    referrers = views_by(facts, lambda event: (event.day, event.referrer))
    assert table(warehouse, "kpi_referrers_daily", "event_date, referrer_url", "views, human_views") == referrers
    assert table(warehouse, "kpi_referrers_daily", "event_date, referrer_url", "rank") == ranked(referrers)
    assert table(
        warehouse, "kpi_referrers_daily", "event_date, referrer_url", "external_rank", "external_rank is not null"
    ) == ranked(referrers, only=lambda grain: MEDIUMS[grain[1]] not in ("direct", "internal"))

    hourly = views_by(facts, lambda event: (event.day, event.moment.hour, event.product))
    assert (
        table(warehouse, "kpi_product_views_hourly", "event_date, event_hour, product_id", "views, human_views")
        == hourly
    )
    agents = views_by(facts, lambda event: (event.day, event.moment.hour, event.agent.browser, event.agent.os))
    assert (
        table(warehouse, "kpi_browser_os_hourly", "event_date, event_hour, browser, os", "views, human_views") == agents
    )

    assert close(
        table(
            warehouse,
            "kpi_sessions_daily",
            "event_date, country_name, channel",
            "sessions, engaged_sessions, bounce_rate, views_per_session, median_duration_seconds, human_sessions",
        )
    ) == close(sessions_daily(facts))
    assert close(
        table(
            warehouse,
            "kpi_funnel_daily",
            "event_date, country_name, step_order",
            "step, devices, human_devices, step_conversion, total_conversion",
        )
    ) == close(funnel_daily(facts))
    assert table(
        warehouse,
        "kpi_revenue_daily",
        "event_date, country_name, currency",
        "orders, items, revenue, unreadable_prices",
    ) == revenue_daily(facts)
    assert table(
        warehouse, "kpi_orders_daily", "event_date, country_name", "orders, human_orders, items"
    ) == orders_daily(facts)


def in_parts(warehouse: Warehouse, events: list[Event], parts: int) -> None:
    """Land and refresh the events in so many loads."""
    for part in range(parts):
        warehouse.land("product_views", events[part::parts])
        warehouse.run()


@pytest.fixture
def in_order(make_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """All events in one load, refreshed once."""
    warehouse = make_warehouse()
    warehouse.land("product_views", EVENTS)
    warehouse.run()
    return warehouse


def test_the_events_have_what_the_tests_are_about() -> None:
    facts = seen(EVENTS)
    durations = {len(session) for session in sessions(facts)}
    assert {1, 2, 3} <= durations
    assert any(session[0].day < session[-1].day for session in sessions(facts)), "a session over midnight"
    assert {event.channel for event in facts} == {*REFERRERS.values(), "paid"}
    revenue = revenue_daily(facts).values()
    assert sum(row[0] for row in revenue) < sum(event.kind == "checkout_success" for event in facts), "reported twice"
    assert any(row[3] for row in revenue), "an unreadable price"
    assert len(facts) < len(EVENTS), "hosts that are not production"


def test_every_mart_holds_what_an_independent_count_gives(in_order: Warehouse) -> None:
    check_marts(in_order, seen(EVENTS))
    referrers = in_order.rows("select distinct referrer_url, medium from marts.kpi_referrers_daily")
    assert all(MEDIUMS[url] == medium for url, medium in referrers)
    codes = dict(in_order.rows("select distinct country_name, country_code from marts.kpi_countries_daily"))
    assert codes == {event.page.country: event.page.code for event in seen(EVENTS) if event.is_view}
    kept = in_order.one("select count(*) from marts.fct_product_events where not is_production")
    assert kept == len(EVENTS) - len(seen(EVENTS)) > 0


def test_the_rules_over_whole_tables_hold_and_see_what_breaks_them(in_order: Warehouse) -> None:
    in_order.run(*RULES)
    in_order.rows("update intermediate.int_country_views__daily set views = views + 1 where views > 0 returning 1")
    in_order.rows("update intermediate.int_product_sessions set events = events + 1 returning 1")
    in_order.rows("update intermediate.int_revenue__daily set revenue = revenue + 1 returning 1")
    in_order.rows("update intermediate.int_product_views__hourly set human_views = views + 1 returning 1")
    assert {node.name for node in in_order.dbt.run(RULES).failed} == {
        "shop_marts_agree_on_the_views_of_production_shops",
        "sessions_hold_every_event_of_a_device",
        "revenue_adds_up_to_the_counted_order_lines",
        "attribution_adds_up_to_the_revenue",
        "human_figures_are_at_most_all_figures",
        "shop_days_add_up_to_their_hours",
    }


def test_the_rules_hold_also_in_the_midst_of_a_refresh(in_order: Warehouse) -> None:
    news = [{**e, "id": f"new-{e['id']}", "referrer_url": "https://news.example/"} for e in shop_visits(seed=48)]
    in_order.land("product_views", news)
    for moved_on in ("int_product_events", "int_orders int_order_lines +int_product_views__hourly"):
        in_order.run("run", "--select", *moved_on.split())
        in_order.run(*RULES)
        in_order.run("test", "--select", "test_name:relationships_as_read")
    behind = ("int_referrers", "int_revenue__daily", "int_product_views__daily")
    ahead = ("int_product_events", "int_orders", "int_product_views__hourly")
    assert {in_order.position(f"intermediate.{name}") for name in behind} == {1}
    assert {in_order.position(f"intermediate.{name}") for name in ahead} == {2}


def test_late_shuffled_and_repeated_events_end_in_the_same_tables(
    in_order: Warehouse, make_warehouse: Callable[[], Warehouse]
) -> None:
    chance = random.Random(42)
    events = [*EVENTS, *chance.sample(EVENTS, 40)]
    chance.shuffle(events)
    warehouse = make_warehouse()
    in_parts(warehouse, events, 5)
    assert warehouse.tables(with_positions=False) == in_order.tables(with_positions=False)
    incremental = warehouse.tables()
    warehouse.run(*pass_arguments(["product_views"]), "--full-refresh")
    assert warehouse.tables() == incremental


def test_days_that_are_counted_again_are_as_they_were(in_order: Warehouse) -> None:
    before = in_order.tables()
    for name in ("int_product_views__daily", "int_product_devices__5min", "int_referrer_views__5min"):
        in_order.rows(f"update intermediate.{name} set views = views + 7 returning 1")
    in_order.rows("update intermediate.int_product_sessions__daily set sessions = 99 returning 1")
    days = {"from_day": DAY.date().isoformat(), "to_day": (DAY.date() + dt.timedelta(days=9)).isoformat()}
    in_order.run(*pass_arguments(["product_views"]), "--vars", json.dumps(days))
    assert in_order.tables() == before


def test_a_rule_that_changes_is_followed_when_the_days_are_counted_again(in_order: Warehouse) -> None:
    in_order.reader.execute(
        "update reference.host_countries set environment = 'not_production' where host = 'www.glamira.de'"
    )
    days = {"from_day": DAY.date().isoformat(), "to_day": (DAY.date() + dt.timedelta(days=9)).isoformat()}
    in_order.run(*pass_arguments(["product_views"]), "--vars", json.dumps(days))
    left = [event for event in EVENTS if not str(event["current_url"]).startswith("https://www.glamira.de/")]
    check_marts(in_order, seen(left))


def test_an_agent_that_is_found_to_be_a_bots_later_corrects_the_human_figures_of_every_mart(
    in_order: Warehouse,
) -> None:
    agent = AGENTS[1].text
    in_order.reader.execute(
        "update enrichment.user_agent set is_bot = true, bot_reason = 'test' where user_agent = %s", (agent,)
    )
    in_order.reader.execute(
        "insert into ops.changes"
        " select 'product_views', landing.draw_change('product_views'), 'user_agent', md5(%s)::uuid",
        (agent,),
    )
    in_order.enricher.run_once()
    in_order.run()
    check_marts(in_order, seen(EVENTS, known_bots=frozenset([agent])))
    changed = in_order.one("select count(*) from marts.fct_product_events where changed_load_id > load_id")
    assert changed == sum(event["user_agent"] == agent for event in EVENTS)


def test_a_referrer_that_is_known_better_later_moves_its_sessions_to_another_channel(in_order: Warehouse) -> None:
    in_order.reader.execute("update enrichment.referrer_host set medium = 'ai' where referrer_host = 'www.google.com'")
    in_order.reader.execute(
        "insert into ops.changes select 'product_views', landing.draw_change('product_views'), 'referrer_host',"
        " md5('www.google.com')::uuid"
    )
    in_order.enricher.run_once()
    in_order.run()
    channels = dict(in_order.rows("select channel, sum(sessions) from marts.kpi_sessions_daily group by 1"))
    expected = sessions_daily(seen(EVENTS))
    assert "search" not in channels
    assert channels["ai"] == sum(row[0] for grain, row in expected.items() if grain[2] in ("search", "ai"))


def test_a_device_with_another_key_leaves_nothing_under_the_old_one(in_order: Warehouse) -> None:
    before = in_order.tables()
    in_order.reader.execute(
        "with change as (select landing.draw_change('product_views') as load_id), noted as ("
        " insert into ops.changes select 'product_views', load_id, 'device', md5('device-3')::uuid from change)"
        " update intermediate.int_product_events set device_id = 'token', device_key = md5('token')::uuid,"
        " changed_load_id = (select load_id from change) where device_id = 'device-3'"
    )
    in_order.enricher.run_once()
    in_order.run()
    after = in_order.tables()
    for name, rows in before.items():
        # which has visitors by their key
        if ("kpi_" in name and name != "marts.kpi_shop_same_hours") or name.endswith("__daily"):
            assert after[name] == rows, name
        else:
            assert len(after[name]) == len(rows), name
    old = "device_key = md5('device-3')::uuid"
    for name in ("int_product_sessions", "int_product_devices__5min", "int_product_viewers__5min"):
        assert in_order.rows(f"select 1 from intermediate.{name} where {old}") == [], name


def visit(number: int, minutes: float, **fields: str | None) -> Event:
    """An event of one device, so many minutes before or after midnight."""
    moment = DAY + dt.timedelta(days=1, minutes=minutes)
    return {
        "id": f"event-{number}",
        "time_stamp": str(int(moment.timestamp())),
        "collection": "view_product_detail",
        "device_id": "device",
        "current_url": "https://www.glamira.de/ring.html",
        **fields,
    }


def test_a_shop_is_its_host_however_the_url_is_written_and_no_password_is_kept(warehouse: Warehouse) -> None:
    spellings = (
        *(
            "https://www.glamira.at/x",
            "https://www.glamira.at./x",
            " https://www.glamira.at/x",
            "HTTPS://WWW.Glamira.AT:443",
        ),
        *("https://www.glamira.at\\x", "//www.glamira.at/x", "https://user:p@ssword@www.glamira.at/x"),
    )
    broken = ("https://user:p/ssword@www.glamira.at/x", "about:blank", "www.glamira.at")
    visits = [
        visit(number, number, current_url=url, referrer_url=url, ip=f"::ffff:192.0.2.{number}")
        for number, url in enumerate((*spellings, *broken))
    ]
    warehouse.land("product_views", visits)
    warehouse.run()
    facts = "select event_id, country_name, referrer_medium from marts.fct_product_events order by event_at"
    assert warehouse.rows(facts) == [
        *((f"event-{number}", "Austria", "internal") for number in range(len(spellings))),
        *((f"event-{number}", "Unmapped", "other") for number in range(len(spellings), len(visits))),
    ]
    hosts = "select distinct {} from intermediate.{} where {} is not null"
    for table, column in (("int_product_events", "host"), ("int_referrers", "referrer_host")):
        assert warehouse.rows(hosts.format(column, table, column)) == [("www.glamira.at",)]
    assert warehouse.rows("select referrer_host from enrichment.referrer_host") == [("www.glamira.at",)]
    unmapped = "select detail, events from ops.data_quality where issue = 'unmapped_host'"
    assert warehouse.rows(unmapped) == [("(none)", len(broken))]
    assert warehouse.one("select count(*) from enrichment.ip_address where ip_address like '192.0.2._'") == len(visits)


def spans(warehouse: Warehouse) -> list[tuple[float, float, int]]:
    """Minutes from midnight to start and end of each session, and its events."""
    rows = warehouse.rows("select started_at, ended_at, events from marts.fct_product_sessions order by 1")
    midnight = DAY + dt.timedelta(days=1)
    return [((a - midnight).total_seconds() / 60, (b - midnight).total_seconds() / 60, n) for a, b, n in rows]


def test_a_late_event_joins_the_sessions_of_two_days(warehouse: Warehouse) -> None:
    warehouse.land("product_views", [visit(1, -20), visit(2, 25), visit(3, 30)])
    warehouse.run()
    assert spans(warehouse) == [(-20, -20, 1), (25, 30, 2)]
    per_day = "select event_date, sessions, views_per_session::float from marts.kpi_sessions_daily order by 1"
    days = [DAY.date(), DAY.date() + dt.timedelta(days=1)]
    assert warehouse.rows(per_day) == [(days[0], 1, 1.0), (days[1], 1, 2.0)]
    warehouse.land("product_views", [visit(4, 0)])
    warehouse.run()
    assert spans(warehouse) == [(-20, 30, 4)]
    assert warehouse.rows(per_day) == [(days[0], 1, 4.0)]


def test_a_pause_of_30_minutes_is_none_and_a_second_more_is_one(warehouse: Warehouse) -> None:
    warehouse.land("product_views", [visit(1, 0), visit(2, 30), visit(3, 60 + 1 / 60), visit(4, 120, device_id=None)])
    warehouse.run()
    assert spans(warehouse) == [(0, 30, 2), (60 + 1 / 60, 60 + 1 / 60, 1)]
    warehouse.land("product_views", [visit(5, 90 + 1 / 60)])
    warehouse.run()
    assert spans(warehouse) == [(0, 30, 2), (60 + 1 / 60, 90 + 1 / 60, 2)]


def test_sessions_end_alike_in_whatever_order_events_come(make_warehouse: Callable[[], Warehouse]) -> None:
    chance = random.Random(43)
    events = [
        visit(number, chance.choice((0, 60, 200, 1400)) + chance.choice(range(0, 190, 7))) for number in range(60)
    ]
    together, apart = make_warehouse(), make_warehouse()
    together.land("product_views", events)
    together.run()
    chance.shuffle(events)
    in_parts(apart, events, 12)
    assert spans(apart) == spans(together)
    assert apart.tables(with_positions=False) == together.tables(with_positions=False)


def test_an_order_counts_at_its_earliest_report_however_late_that_comes(warehouse: Warehouse) -> None:
    cart = json.dumps([{"product_id": 1, "amount": 2, "price": "1.725,00", "currency": "€"}])
    report = {"collection": "checkout_success", "store_id": "12", "order_id": "720251727.0", "cart_products": cart}
    revenue = "select event_date, orders, items, revenue, average_order_value from marts.kpi_revenue_daily order by 1"
    days = [DAY.date(), DAY.date() + dt.timedelta(days=1)]
    warehouse.land("product_views", [visit(1, 60, **report), visit(2, 90, **{**report, "order_id": "720251727"})])
    warehouse.run()
    assert warehouse.rows(revenue) == [(days[1], 1, 2, 3450, 3450)]
    warehouse.land("product_views", [visit(3, -60, **report)])
    warehouse.run()
    assert warehouse.rows(revenue) == [(days[0], 1, 2, 3450, 3450)]
    warehouse.land(
        "product_views", [visit(4, 60, **{**report, "order_id": ""}), visit(5, 60, **{**report, "store_id": "13"})]
    )
    warehouse.run()
    assert warehouse.rows(revenue) == [(days[0], 1, 2, 3450, 3450), (days[1], 2, 4, 6900, 3450)]
    assert warehouse.rows("select count(*), count(*) filter (where is_counted) from marts.fct_order_lines") == [(5, 3)]


def test_the_latest_day_is_the_newest_that_has_events_and_is_not_of_the_future(warehouse: Warehouse) -> None:
    now = dt.datetime.now(dt.UTC)
    moments = [now - dt.timedelta(days=1), now, now + dt.timedelta(days=3)]
    warehouse.land(
        "product_views",
        [{**visit(number, 0), "time_stamp": str(int(moment.timestamp()))} for number, moment in enumerate(moments)],
    )
    warehouse.run()
    for name in ("products", "countries", "referrers", "stores", "sessions", "funnel"):
        assert warehouse.rows(f"select distinct event_date from marts.kpi_{name}_daily_latest") == [(now.date(),)], name
        assert len(warehouse.rows(f"select distinct event_date from marts.kpi_{name}_daily")) == 3, name
    assert warehouse.rows("select * from marts.kpi_revenue_daily_latest") == []
