"""The KPI tables as the demo shows them, read as a BI tool reads them: as bi_reader, who sees the marts alone."""

from dataclasses import dataclass
from typing import Any

import psycopg

from landfall.plain_text import shortened

TOP = 5


@dataclass(frozen=True)
class Query:
    """The top rows of a mart, `%(top)s` of them."""

    title: str
    relation: str
    columns: tuple[str, ...]
    sql: str


QUERIES = (
    Query(
        "Products, today",
        "kpi_products_daily_latest",
        ("rank", "product", "views", "human", "visitors"),
        """
        select rank, product_id, views, human_views, visitors
        from marts.kpi_products_daily_latest where rank <= %(top)s order by rank
        """,
    ),
    Query(
        "Jobs, newest hour",
        "kpi_jobs_hourly",
        ("job", "clicks", "spend", "conv."),
        """
        select job_id, sum(clicks), sum(spend_hour), sum(conversions)
        from marts.kpi_jobs_hourly
        where (event_date, event_hour) = (
            select event_date, event_hour from marts.kpi_jobs_hourly order by 1 desc, 2 desc limit 1
        )
        group by 1 order by 2 desc, 3 desc, 1 limit %(top)s
        """,
    ),
    Query(
        "Shop requests, newest 5 min",
        "kpi_web_actions_5min",
        ("action", "count", "share"),
        """
        select action, action_count, action_ratio
        from marts.kpi_web_actions_5min
        where window_start = (select max(window_start) from marts.kpi_web_actions_5min)
        order by 2 desc, 1 limit %(top)s
        """,
    ),
)
TABLES = tuple(query.relation for query in QUERIES)


@dataclass(frozen=True)
class KpiTable:
    """The top rows of one mart, as texts."""

    title: str
    relation: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_kpis(connection: psycopg.Connection[Any], top: int = TOP) -> tuple[KpiTable, ...]:
    """The top rows of each mart."""
    return tuple(
        KpiTable(
            query.title,
            query.relation,
            query.columns,
            tuple(tuple(map(shown, row)) for row in connection.execute(query.sql, {"top": top})),
        )
        for query in QUERIES
    )


def shown(value: Any) -> str:
    """A value of a KPI: whole numbers whole, others with two decimals."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return shortened(value, 40)
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
