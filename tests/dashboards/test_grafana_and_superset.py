"""A KPI that Grafana and Superset both show is one column of the marts, and one figure in both."""

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from dashboards.grafana.build import FOLDER
from dashboards.grafana.macros import expanded
from dashboards.superset.bundle import checked_datasets
from dashboards.superset.datasets import Compiled, metric_sql
from dashboards.superset.description import Chart, read_descriptions
from dashboards.superset.marts import Marts
from database.connect import connect
from tests.dashboards.test_superset import figure
from tests.dbt.conftest import Warehouse
from tests.dbt.events import web_requests
from tests.dbt.shop_events import shop_visits
from warehouse.dbt_manifest import read_manifest

DESCRIPTIONS = read_descriptions()
PANELS = {
    panel["title"]: panel["targets"]
    for panel in json.loads((FOLDER / "shop-kpis.json").read_text(encoding="utf-8"))["panels"]
    if panel["type"] != "row"
}


@dataclass(frozen=True)
class Shown:
    """Where Superset shows a KPI, and the column of the marts that it has in common with Grafana."""

    board: str
    chart: str
    metric: str
    table: str
    column: str


OF_ONE_COLUMN = {
    "Views by hour": Shown("shop", "Hours of a product", "views", "kpi_product_views_hourly", "views"),
    "Top products of the newest day": Shown("shop", "Top products", "views", "kpi_products_daily", "views"),
    "Top countries of the newest day": Shown("shop", "Countries", "views", "kpi_countries_daily", "views"),
    "Where visitors come from, newest day": Shown("shop", "Referrers", "views", "kpi_referrers_daily", "views"),
    "Bounce rate by channel": Shown("shop", "Sessions by channel", "bounce_rate", "kpi_sessions_daily", "bounce_rate"),
    "Funnel of the newest day": Shown("shop", "Funnel of the newest day", "devices", "kpi_funnel_daily", "devices"),
    "Revenue by currency": Shown("shop", "Revenue by currency", "revenue", "kpi_revenue_daily", "revenue"),
    "Revenue of the newest day": Shown("shop", "Revenue by currency", "revenue", "kpi_revenue_daily", "revenue"),
    "Payment errors": Shown("shop_log", "Payment errors", "ratio", "kpi_web_payment_errors_5min", "error_ratio"),
    "Response time, slowest twentieth": Shown(
        "shop_log", "Response times", "p95", "kpi_web_response_time_5min", "p95_seconds"
    ),
    "Requests by status": Shown("shop_log", "Statuses", "requests", "kpi_web_status_hourly", "request_count"),
}
OF_ONE_FIGURE = {
    "Views": "Views",
    "Views by people": "People",
    "Sessions": "Sessions",
    "Devices that ordered": "Conversion",
}
"""Grafana's number by Superset's: that one can be filtered and compared with other days, which takes a table of its
own."""
OF_GRAFANA_ALONE = {"Bots' share", "Orders"}


def chart_of(shown: Shown) -> tuple[Compiled, Chart]:
    """A chart of Superset with its dataset."""
    board = DESCRIPTIONS.boards[shown.board]
    (chart,) = [chart for chart in board.charts if chart.name == shown.chart]
    return checked_datasets(shown.board, board, DESCRIPTIONS, Marts(read_manifest()))[chart.dataset], chart


def columns_of(dataset: Compiled, metric: str) -> set[str]:
    """Columns of the model that a metric is made of: by its own name, or by that of a column that is worked out."""
    words = set(re.findall(r"\w+", metric_sql(dataset, dataset.description.metrics[metric])))
    worked_out = [dataset.description.computed[word].sql for word in words & set(dataset.description.computed)]
    return (words | {word for sql in worked_out for word in re.findall(r"\w+", sql)}) & set(dataset.mart.columns)


def test_each_panel_of_grafana_is_of_superset_too_or_of_grafana_alone() -> None:
    assert set(PANELS) == {*OF_ONE_COLUMN, *OF_ONE_FIGURE, *OF_GRAFANA_ALONE}


@pytest.mark.parametrize("title", OF_ONE_COLUMN)
def test_both_read_the_same_column(title: str) -> None:
    shown = OF_ONE_COLUMN[title]
    dataset, chart = chart_of(shown)
    assert dataset.mart.name.removesuffix("_latest") == shown.table
    assert shown.metric in chart.metrics
    assert shown.column in columns_of(dataset, shown.metric)
    (target,) = PANELS[title]
    assert re.findall(r"\bfrom marts\.(\w+?)(?:_latest)?\b(?!_)", target["rawSql"]) == [shown.table]
    assert re.search(rf"\b{shown.column}\b", target["rawSql"])


def test_both_show_the_same_number(warehouse: Warehouse) -> None:
    warehouse.land("product_views", shop_visits(seed=71, visits=120))
    warehouse.land("web_logs", web_requests(50, seed=72))
    warehouse.run()
    now = dt.datetime.now(dt.UTC)
    with connect(warehouse.settings.as_reader, autocommit=True) as reader:
        for title, chart in OF_ONE_FIGURE.items():
            (target,) = PANELS[title]
            sql = expanded(target["rawSql"], now - dt.timedelta(days=400), now)
            rows: list[tuple[Any, ...]] = reader.execute(sql.encode()).fetchall()
            ((of_grafana,),) = rows
            of_superset = figure(warehouse, "shop", chart)
            assert of_superset, title
            assert float(of_superset) == pytest.approx(float(of_grafana), abs=0, rel=1e-12), title
