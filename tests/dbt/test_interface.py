"""The tables that BI tools and checks use, under their names and with their columns: an interface, kept."""

import psycopg
import pytest

from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event
from tests.dbt.web_counts import web_traffic

MARTS = {
    "kpi_products_daily": "event_date, product_id, views, human_views, visitors, rank",
    "kpi_countries_daily": "event_date, country_code, country_name, views, human_views, visitors, rank",
    "kpi_referrers_daily": "event_date, referrer_url, referrer_host, medium, views, human_views, rank, external_rank",
    "kpi_stores_daily": "event_date, country_code, country_name, store_id, views, human_views, rank",
    "kpi_views_5min": "event_date, window_start, country_code, country_name, store_id, views, human_views",
    "kpi_shop_same_hours": (
        "event_date, day_order, compared_day, until_at, figure_order, figure, traffic, country_name, device_key,"
        " currency, is_main_currency, amount, whole"
    ),
    "kpi_product_views_hourly": "event_date, event_hour, product_id, views, human_views",
    "kpi_browser_os_hourly": "event_date, event_hour, browser, os, views, human_views",
    "kpi_sessions_daily": (
        "event_date, country_name, channel, sessions, engaged_sessions, bounce_rate, views_per_session,"
        " median_duration_seconds"
    ),
    "kpi_funnel_daily": "event_date, country_name, step_order, step, devices, step_conversion, total_conversion",
    "kpi_revenue_daily": (
        "event_date, country_name, currency, orders, items, revenue, average_order_value, unreadable_prices"
    ),
    "kpi_orders_daily": "event_date, country_name, orders, human_orders, items, unreadable_prices",
    "kpi_web_product_views_5min": "window_start, product_id, view_count, human_view_count, is_complete",
    "kpi_web_actions_5min": "window_start, action, action_count, action_ratio, is_complete",
    "kpi_web_response_time_5min": (
        "window_start, action, request_count, avg_seconds, p50_seconds, p95_seconds, p99_seconds, is_complete"
    ),
    "kpi_web_payment_errors_5min": "window_start, checkouts, payment_errors, error_ratio, is_complete",
    "kpi_web_bot_ips_minutely": "minute_start, ip_hash, ip_address, request_count",
    "kpi_web_status_hourly": "hour_start, status_class, request_count, request_ratio",
    "kpi_web_funnel_daily": "event_date, step_order, step, users, step_conversion, total_conversion",
    "fct_web_requests": "event_at, kafka_timestamp, landed_at",
    "fct_web_sessions": (
        "session_id, user_id, started_at, ended_at, events, views, carts, checkouts, is_engaged, is_bot"
    ),
    "kpi_jobs_hourly": (
        "event_date, event_hour, job_id, publisher_id, campaign_id, group_id, company_id, clicks, bid_set, spend_hour,"
        " conversions, qualified, unqualified, sources, updated_at"
    ),
    "kpi_campaigns_daily": (
        "event_date, campaign_id, clicks, spend, cost_per_click, conversions, conversion_rate, cost_per_conversion,"
        " qualified, unqualified, qualified_rate, budget_used"
    ),
    "kpi_publishers_daily": (
        "event_date, publisher_id, clicks, spend, cost_per_click, conversions, conversion_rate, cost_per_conversion,"
        " qualified, unqualified, qualified_rate"
    ),
    "kpi_companies_daily": (
        "event_date, company_id, clicks, spend, cost_per_click, conversions, conversion_rate, cost_per_conversion,"
        " qualified, unqualified, qualified_rate"
    ),
    "fct_job_events": (
        "event_at, kafka_timestamp, landed_at, user_key, user_agent_key, utm_content, utm_term, referrer_url,"
        " named_job_id"
    ),
    "fct_product_events": (
        "event_at, kafka_timestamp, landed_at, page_key, utm_source, utm_medium, key_search, cat_id, collect_id, price,"
        " currency, is_paypal, cart_products, viewing_product_id, recommendation_product_id"
    ),
    "dim_page": "page_key, page_url, host, path",
    "fct_order_lines": "price, currency",
    "fct_product_sessions": (
        "started_at, ended_at, visitor_key, is_on_shared_device, is_first_of_visitor, touch_channel"
    ),
    "dim_visitor": (
        "visitor_key, first_event_key, identified_by, devices, is_on_shared_device, sessions, human_sessions, events,"
        " views, orders, first_order_at, first_seen_at, last_seen_at, first_channel, first_country_name"
    ),
    "kpi_visitors_daily": (
        "event_date, sessions, visitors, new_visitors, returning_visitors, orders, human_sessions, human_visitors,"
        " human_new_visitors, human_returning_visitors, human_orders"
    ),
    "kpi_acquisition_daily": (
        "event_date, country_name, channel, sessions, visitors, new_visitors, returning_visitors, orders,"
        " human_sessions, human_visitors, human_new_visitors, human_returning_visitors, human_orders"
    ),
    "kpi_retention_weekly": (
        "cohort_type, cohort_week, weeks_since, cohort_visitors, visitors, share, human_cohort_visitors,"
        " human_visitors, human_share, is_complete"
    ),
    "kpi_attribution_daily": (
        "event_date, country_name, currency, channel, model, orders, revenue, human_orders, human_revenue"
    ),
    "fct_carts": (
        "first_event_key, visitor_key, opened_at, last_event_at, outcome, adds, currency, value, unvalued_adds, is_bot,"
        " country_name"
    ),
    "kpi_carts_daily": (
        "event_date, country_name, currency, carts, bought, emptied, abandoned, open, human_carts, human_bought,"
        " human_abandoned, value, abandoned_value, abandonment_rate"
    ),
    "dim_user_agent": "user_agent, browser, os, device, is_bot, bot_reason",
    "dim_referrer": "referrer_url, referrer_host, medium",
    "dim_location": "country_name, region, city",
    "dim_browser": "browser",
    "dim_os": "os",
    "dim_date": "event_date",
    "dim_product": "product_id",
    "dim_store": "store_id",
    "dim_country": "country_code, country_name",
    "dim_job": "job_id",
    "dim_campaign": "campaign_id",
    "dim_company": "company_id",
    "dim_publisher": "publisher_id",
    "dim_group": "group_id",
    "trust_clock": "reporting_timezone",
    "trust_freshness": "mart, stream, kind, loads_behind, lag_seconds, newest_event_at, newest_landed_at,"
    " facts_kept_from",
    "trust_loads": (
        "stream, load_id, offsets, landed, quarantined, holes, winners, rejected, duplicates, not_read_yet,"
        " unexplained_offsets, unexplained_rows, landed_at"
    ),
    "trust_findings": "stream, issue, detail, events, newest_kafka_timestamp",
    "trust_tests": "test, relation, status, failures, tested_at",
    "trust_troubles": "check_name, subject, severity, message, advice, seen_since, last_seen_at",
}
OPS = {
    "freshness": "mart, newest_event_at, newest_load_id, lag",
    "reconciliation": (
        "stream, load_id, offsets, landed, quarantined, holes, winners, rejected, duplicates, unexplained_rows"
    ),
    "data_quality": "stream, issue, detail, events",
}


def test_every_table_has_its_columns(warehouse: Warehouse) -> None:
    for schema, tables in (("marts", MARTS), ("ops", OPS)):
        for table, columns in tables.items():
            assert warehouse.rows(f"select {columns} from {schema}.{table} limit 0") == []


def test_each_daily_table_has_a_view_of_its_latest_day(warehouse: Warehouse) -> None:
    for table, columns in MARTS.items():
        if table.startswith("kpi_") and table.endswith("_daily"):
            assert warehouse.rows(f"select {columns} from marts.{table}_latest limit 0") == []


def page(number: int, referrer: str) -> Event:
    return {
        "id": f"page-{number}",
        "time_stamp": str(int(DAY.timestamp()) + number),
        "collection": "view_product_detail",
        "device_id": f"device-{number}",
        "user_id_db": "user-1",
        "current_url": "https://www.glamira.de/",
        "referrer_url": referrer,
    }


REFERRERS = [
    "",
    "https://search.example/find?q=ada@example.com",
    "https://search.example/find?q=other#top",
    "https://search.example/find",
    "https://ada:secret@mail.example/in@box?id=7",
    "#only",
]


def test_bi_sees_keys_instead_of_identifiers_and_pages_without_queries(warehouse: Warehouse) -> None:
    warehouse.land("product_views", [page(number, referrer) for number, referrer in enumerate(REFERRERS)])
    warehouse.land("web_logs", web_traffic(50, seed=1))
    warehouse.run()
    raw = {
        "fct_product_events": ("device_id", "user_id"),
        "fct_web_requests": ("user_id",),
        "fct_web_sessions": ("user_id",),
    }
    keys = {"device_id": "device_key", "user_id": "user_key"}
    with psycopg.connect(warehouse.settings.as_reader.dsn) as bi:
        for table, columns in raw.items():
            for column in columns:
                query = (
                    f"select count({column}), count({keys[column]}), count(distinct {keys[column]}) from marts.{table}"
                )
                shown, keyed, distinct = bi.execute(query.encode()).fetchall()[0]
                assert (shown, keyed > 0) == (0, True), (table, column)
                ours = f"select count({column}), count({keys[column]}), count(distinct {column}) from marts.{table}"
                assert warehouse.rows(ours) == [(keyed, keyed, distinct)], (table, column)
        pages = bi.execute(
            'select referrer_url, views from marts.kpi_referrers_daily order by referrer_url collate "C"'
        ).fetchall()
        assert pages == [
            ("", 1),
            ("(none)", 1),
            ("https://mail.example/(personal)", 1),
            ("https://search.example/find", 3),
        ]
        joined = bi.execute(
            "select referrers.referrer_url, count(*) from marts.fct_product_events as events"
            " inner join marts.dim_referrer as referrers using (referrer_key)"
            ' group by 1 order by referrers.referrer_url collate "C"'
        ).fetchall()
        assert joined == pages
        assert bi.execute("select count(*), count(distinct referrer_url) from marts.dim_referrer").fetchone() == (4, 4)


@pytest.mark.parametrize("column", ["device_key", "event_key"])
def test_the_mask_keeps_filters_at_their_index(warehouse: Warehouse, column: str) -> None:
    warehouse.land("product_views", [page(number, "") for number in range(2000)])
    warehouse.run()
    warehouse.reader.execute("analyze intermediate.int_product_events")
    key = warehouse.one(f"select {column} from intermediate.int_product_events limit 1")
    plan = warehouse.rows(
        f"explain select device_id, user_id, referrer_key from marts.fct_product_events where {column} = %s", key
    )
    assert any("Index Scan" in line or "Bitmap" in line for (line,) in plan), plan
    assert not any("Seq Scan on int_product_events" in line for (line,) in plan), plan
