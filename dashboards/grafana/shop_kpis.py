"""The board of the shop: what sells, where visitors come from and where they leave. SQL on the marts, as bi_reader."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.panels import Sql, bars, board, filled, lines, listed, number


def shop_kpis() -> dashboard.Dashboard:
    """The board. `views` count every view, `human_views` leave bots out."""
    page = board(
        "Shop KPIs",
        "landfall-shop-kpis",
        "Views, countries, funnel, revenue and errors of the shops, within seconds of the event.",
        "now-7d",
        "30s",
    )
    rows = {
        "Newest day": newest_day(),
        "Products and countries": products(),
        "From view to order": orders(),
        "The shop's servers": servers(),
    }
    return filled(page, rows)


def newest_day() -> list[Any]:
    """Figures of the newest day that has events."""
    return [
        number("Views", "Of products, bots included.", Sql("select sum(views) from marts.kpi_countries_daily_latest")),
        number(
            "Views by people", "Bots left out.", Sql("select sum(human_views) from marts.kpi_countries_daily_latest")
        ),
        number(
            "Bots' share",
            "Of the views.",
            Sql("select 1 - sum(human_views) / nullif(sum(views), 0) from marts.kpi_countries_daily_latest"),
            "percentunit",
        ),
        number("Sessions", "Of visitors.", Sql("select sum(sessions) from marts.kpi_sessions_daily_latest")),
        number("Orders", "Of all countries.", Sql("select sum(orders) from marts.kpi_orders_daily_latest")),
        number(
            "Devices that ordered",
            "Of those that looked at a list or a product.",
            Sql(
                "select sum(devices) filter (where step_order = 7)::float"
                " / nullif(sum(devices) filter (where step_order = 1), 0)\nfrom marts.kpi_funnel_daily_latest"
            ),
            "percentunit",
        ),
    ]


def products() -> list[Any]:
    """Who looks at what."""
    return [
        lines(
            "Views by hour",
            "All, and those of people.",
            [
                Sql(
                    """
                    select
                        (event_date + make_interval(hours => event_hour)) at time zone 'UTC' as time,
                        sum(views) as views,
                        sum(human_views) as "views by people"
                    from marts.kpi_product_views_hourly
                    where $__timeFilter(event_date)
                    group by 1
                    order by 1
                    """,
                    "time_series",
                )
            ],
            "short",
        ),
        listed(
            "Top products of the newest day",
            "By views.",
            Sql(
                """
                select rank, product_id as product, views, human_views as "by people", visitors
                from marts.kpi_products_daily_latest
                where rank <= 10
                order by rank
                """
            ),
        ),
        bars(
            "Top countries of the newest day",
            "Views by the shop's host.",
            Sql(
                """
                select country_name as country, views
                from marts.kpi_countries_daily_latest
                where rank <= 10
                order by rank
                """
            ),
        ),
        listed(
            "Where visitors come from, newest day",
            "Referrers from outside, by views.",
            Sql(
                """
                select external_rank as rank, referrer_host as host, medium, views, human_views as "by people"
                from marts.kpi_referrers_daily_latest
                where external_rank <= 10
                order by external_rank
                """
            ),
            width=12,
        ),
        lines(
            "Bounce rate by channel",
            "Sessions of one event, of all sessions of the day.",
            [
                Sql(
                    """
                    select
                        event_date::timestamp at time zone 'UTC' as time,
                        channel as metric,
                        sum(bounce_rate * sessions) / nullif(sum(sessions), 0) as bounced
                    from marts.kpi_sessions_daily
                    where $__timeFilter(event_date)
                    group by 1, 2
                    order by 1, 2
                    """,
                    "time_series",
                )
            ],
            "percentunit",
            width=12,
        ),
    ]


def orders() -> list[Any]:
    """Where visitors leave, and what is sold."""
    return [
        bars(
            "Funnel of the newest day",
            "Devices that reached the step or a later one.",
            Sql(
                """
                select step, sum(devices)::bigint as devices
                from marts.kpi_funnel_daily_latest
                group by step_order, step
                order by step_order
                """
            ),
        ),
        lines(
            "Revenue by currency",
            "Unit price times amount, a day; nothing is converted.",
            [
                Sql(
                    """
                    select
                        event_date::timestamp at time zone 'UTC' as time,
                        currency as metric,
                        sum(revenue) as revenue
                    from marts.kpi_revenue_daily
                    where $__timeFilter(event_date)
                    group by 1, 2
                    order by 1, 2
                    """,
                    "time_series",
                )
            ],
            "short",
        ),
        listed(
            "Revenue of the newest day",
            "By country and currency.",
            Sql(
                """
                select
                    country_name as country, currency, orders, items, revenue,
                    average_order_value as "average order", unreadable_prices as "unreadable prices"
                from marts.kpi_revenue_daily_latest
                order by revenue desc nulls last
                limit 50
                """
            ),
        ),
    ]


def servers() -> list[Any]:
    """Requests of the online shop."""
    return [
        lines(
            "Payment errors",
            "Failed payments, of all attempts of the five minutes.",
            [
                Sql(
                    """
                    select window_start as time, error_ratio as "failed payments"
                    from marts.kpi_web_payment_errors_5min
                    where $__timeFilter(window_start)
                    order by 1
                    """,
                    "time_series",
                )
            ],
            "percentunit",
        ),
        lines(
            "Response time, slowest twentieth",
            "By action.",
            [
                Sql(
                    """
                    select window_start as time, action as metric, p95_seconds as p95
                    from marts.kpi_web_response_time_5min
                    where $__timeFilter(window_start)
                    order by 1, 2
                    """,
                    "time_series",
                )
            ],
            "s",
        ),
        lines(
            "Requests by status",
            "An hour.",
            [
                Sql(
                    """
                    select hour_start as time, status_class as metric, request_count as requests
                    from marts.kpi_web_status_hourly
                    where $__timeFilter(hour_start)
                    order by 1, 2
                    """,
                    "time_series",
                )
            ],
            "short",
            stacked=True,
        ),
    ]
