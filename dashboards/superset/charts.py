"""A chart of Superset from its description: its kind as one of Superset's, with the looks that all of ours share."""

from __future__ import annotations

import re
from typing import Any

from dashboards.superset.colours import BLUE, LINEAR, SCHEME
from dashboards.superset.datasets import TEMPORAL, TRAFFIC, Compiled
from dashboards.superset.description import Chart
from dashboards.superset.identity import VERSION, identity
from landfall.errors import UserError
from warehouse.dbt_vars import dbt_vars

PAGED_FROM = 1_000
"""A table of more rows is shown by pages: a browser takes seconds for thousands of rows."""
VIZ_TYPES = {
    "number": "big_number_total",
    "table": "table",
    "lines": "echarts_timeseries_line",
    "bars": "echarts_timeseries_bar",
    "ranking": "echarts_timeseries_bar",
    "map": "world_map",
    "funnel": "funnel",
    "triangle": "pivot_table_v2",
}
"""Superset's names of our kinds."""


def chart_uuid(board: str, chart: Chart) -> str:
    """What it is known by; its name is its identity within a board."""
    return identity("chart", board, chart.name)


def check_chart(chart: Chart, dataset: Compiled) -> None:
    """Raise UserError for a column that the dataset does not have."""
    for column in (*chart.by, *chart.only, *([chart.x] if chart.x else [])):
        dataset.check_column(column)


def chart_file(board: str, chart: Chart, dataset: Compiled, zone: str) -> dict[str, Any]:
    """The file of an archive; `board`: the name of its description, `zone`: the reporting time zone."""
    return {
        "slice_name": chart.name,
        "description": chart.description,
        "viz_type": VIZ_TYPES[chart.kind],
        "params": params(chart, dataset, zone),
        "uuid": chart_uuid(board, chart),
        "version": VERSION,
        "dataset_uuid": dataset.uuid,
    }


def params(chart: Chart, dataset: Compiled, zone: str) -> dict[str, Any]:
    """What Superset calls form data."""
    shared = {
        "viz_type": VIZ_TYPES[chart.kind],
        "adhoc_filters": filters(chart, dataset),
        "row_limit": chart.limit,
        "color_scheme": SCHEME,
        "extra_form_data": {},
    }
    of_kind = {
        "number": number,
        "table": table,
        "lines": lines,
        "bars": bars,
        "ranking": ranking,
        "map": world_map,
        "funnel": funnel,
        "triangle": triangle,
    }[chart.kind]
    return {**shared, **of_kind(chart, dataset, subtitle(chart, zone))}


def subtitle(chart: Chart, zone: str) -> str:
    """With the time zone, and the dbt project's variables that it names. Raises UserError for one that is not there."""
    known = {**dbt_vars(), "zone": zone}

    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise UserError(f"chart {chart.name!r}: its subtitle names {found[1]!r}, which is no variable of dbt.")
        return str(known[found[1]])

    return re.sub(r"\{(\w+)\}", value, chart.subtitle)


def filters(chart: Chart, dataset: Compiled) -> list[dict[str, Any]]:
    """The rows that it shows; the day range takes the place of `No filter`."""
    found = [
        {"expressionType": "SIMPLE", "clause": "WHERE", "subject": column, "operator": "==", "comparator": value}
        for column, value in chart.only.items()
    ]
    if chart.in_days and dataset.description.day is not None:
        found.append(
            {
                "expressionType": "SIMPLE",
                "clause": "WHERE",
                "subject": dataset.description.day,
                "operator": "TEMPORAL_RANGE",
                "comparator": "No filter",
            }
        )
    return found


def format_of(chart: Chart, dataset: Compiled) -> str:
    """The number format of its first metric."""
    return dataset.description.metrics[chart.metrics[0]].format


def number(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """One figure."""
    return {
        "metric": chart.metrics[0],
        "subtitle": words,
        "y_axis_format": format_of(chart, dataset),
        "header_font_size": 0.5,
        "subtitle_font_size": 0.2,
        "show_metric_name": False,
        "currency_format": {"symbol": "AUTO", "symbolPosition": "suffix"} if is_money(chart, dataset) else {},
        "force_timestamp_formatting": False,
    }


def is_money(chart: Chart, dataset: Compiled) -> bool:
    """Whether its figure is of one currency, which its rows name."""
    return bool(chart.only.get("is_main_currency")) and dataset.description.currency is not None


def table(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """Rows. No totals: people and devices that are counted apart cannot be added up."""
    sort = chart.sort or chart.metrics[0]
    metrics = dataset.description.metrics
    return {
        "query_mode": "aggregate",
        "groupby": list(chart.by),
        "metrics": list(chart.metrics),
        "all_columns": [],
        "percent_metrics": [],
        "timeseries_limit_metric": sort,
        "order_desc": not chart.ascending,
        "server_pagination": False,
        "page_length": 20 if chart.limit > PAGED_FROM else 0,
        "include_search": False,
        "show_cell_bars": chart.bars,
        "color_pn": False,
        "show_totals": False,
        "allow_render_html": False,
        "table_timestamp_format": "%Y-%m-%d %H:%M",
        "column_config": {
            name: {"d3NumberFormat": metrics[name].format, "horizontalAlign": "right"}
            for name in chart.metrics
            if metrics[name].format
        },
    }


def series(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """What lines and bars share."""
    x_type = dataset.columns[str(chart.x)].column.type
    return {
        "x_axis": chart.x,
        "time_grain_sqla": None,
        "metrics": list(chart.metrics),
        "groupby": list(chart.by),
        "timeseries_limit_metric": chart.sort,
        "order_desc": True,
        "limit": 10 if chart.by else 0,
        "truncate_metric": True,
        "show_empty_columns": True,
        "comparison_type": "values",
        "annotation_layers": [],
        "forecastEnabled": False,
        "show_legend": bool(chart.by) or len(chart.metrics) > 1,
        "legendType": "scroll",
        "legendOrientation": "top",
        "legendMargin": None,
        "x_axis_time_format": axis_format(str(chart.x), x_type),
        "tooltipTimeFormat": "%Y-%m-%d %H:%M" if "timestamp" in x_type else "%Y-%m-%d",
        "y_axis_format": format_of(chart, dataset),
        "y_axis_bounds": [0, None],
        "truncateYAxis": False,
        "rich_tooltip": True,
        "showTooltipTotal": False,
        "showTooltipPercentage": False,
        "tooltipSortByMetric": True,
        "xAxisForceCategorical": x_type not in TEMPORAL,
        "stack": "Stack" if chart.stacked else None,
        "sort_series_type": "sum",
        "sort_series_ascending": False,
    }


def axis_format(x: str, x_type: str) -> str:
    """How times are written on an axis: whole hours shortly, so that labels do not touch."""
    if "timestamp" not in x_type:
        return "%Y-%m-%d"
    return "%m-%d %Hh" if x.startswith("hour") else "%m-%d %H:%M"


def lines(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """Figures over time."""
    return {
        **series(chart, dataset, words),
        "seriesType": "line",
        "markerEnabled": x_has_few_values(chart, dataset),
        "markerSize": 6,
        "opacity": 0.2,
        "area": False,
        "connect_nulls": False,
    }


def x_has_few_values(chart: Chart, dataset: Compiled) -> bool:
    """Whether the points of a line are worth a mark: days, and a day may stand alone."""
    return dataset.columns[str(chart.x)].column.type == "date"


def bars(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """Figures over time or by a number, as columns."""
    return {**series(chart, dataset, words), "orientation": "vertical", "only_total": True, "show_value": False}


def ranking(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """A bar a name, the longest first."""
    return {
        **series(chart, dataset, words),
        "orientation": "horizontal",
        "show_value": True,
        "x_axis_sort": chart.sort or chart.metrics[0],
        "x_axis_sort_asc": True,
        "xAxisForceCategorical": True,
        "show_legend": False,
    }


def world_map(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """Countries by their ISO code."""
    return {
        "entity": chart.by[0],
        "country_fieldtype": "cca2",
        "metric": chart.metrics[0],
        "secondary_metric": chart.metrics[0],
        "show_bubbles": False,
        "max_bubble_size": "25",
        "color_by": "metric",
        "linear_color_scheme": LINEAR,
        "color_picker": {"r": int(BLUE[1:3], 16), "g": int(BLUE[3:5], 16), "b": int(BLUE[5:7], 16), "a": 1},
        "y_axis_format": format_of(chart, dataset),
    }


def funnel(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """Steps, the widest first."""
    return {
        "groupby": list(chart.by),
        "metric": chart.metrics[0],
        "sort_by_metric": True,
        "number_format": format_of(chart, dataset),
        "percent_calculation_type": "first_step",
        "show_legend": False,
        "legendOrientation": "top",
        "show_labels": True,
        "label_type": 5,
        "tooltip_label_type": 5,
        "show_tooltip_labels": True,
    }


def triangle(chart: Chart, dataset: Compiled, words: str) -> dict[str, Any]:
    """Rows by the first column of `by`, columns by the second, a figure where they meet. No totals."""
    rows, across = chart.by
    return {
        "groupbyRows": [rows],
        "groupbyColumns": [across],
        "metrics": list(chart.metrics),
        "metricsLayout": "COLUMNS",
        "aggregateFunction": "First",
        "rowTotals": False,
        "colTotals": False,
        "rowSubTotals": False,
        "colSubTotals": False,
        "transposePivot": False,
        "combineMetric": False,
        "order_desc": True,
        "rowOrder": "key_a_to_z",
        "colOrder": "key_a_to_z",
        "valueFormat": "SMART_NUMBER",
        "date_format": "%Y-%m-%d",
        "time_grain_sqla": None,
        "conditional_formatting": [],
    }


def is_switched(dataset: Compiled) -> bool:
    """Whether the switch between people and all traffic applies."""
    return TRAFFIC in dataset.columns
