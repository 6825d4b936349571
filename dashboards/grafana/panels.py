"""The kinds of panels and queries that our boards are made of, with the looks that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TableSortByFieldState,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="landfall-prometheus")
MARTS = DataSourceRef(type_val="grafana-postgresql-datasource", uid="landfall-marts")
"""Logs in as bi_reader, which reads the marts and nothing else: who may edit a board may run any SQL."""

Steps = Sequence[tuple[float | None, str]]
WELL_UNTIL_ONE: Steps = ((None, "green"), (1, "red"))
NEUTRAL: Steps = ((None, "blue"),)
HEIGHT = 7


class SqlQuery(variants.Dataquery):
    """A query of Grafana's PostgreSQL data source, which the SDK has no class for."""

    def __init__(self, sql: str, ref_id: str, form: str) -> None:
        self.sql, self.ref_id, self.form = sql, ref_id, form

    def to_json(self) -> dict[str, object]:
        """As Grafana saves it."""
        return {
            "refId": self.ref_id,
            "datasource": MARTS,
            "editorMode": "code",
            "format": self.form,
            "rawQuery": True,
            "rawSql": self.sql,
        }


class Sql(cog.Builder[SqlQuery]):
    """One statement; `form`: `table`, or `time_series` with a column `time`."""

    def __init__(self, sql: str, form: str = "table", ref_id: str = "A") -> None:
        self._query = SqlQuery("\n".join(line.rstrip() for line in sql.strip().splitlines()), ref_id, form)

    def build(self) -> SqlQuery:
        """The query."""
        return self._query


def promql(expr: str, legend: str = "", ref_id: str = "A", *, newest: bool = False) -> prometheus.Dataquery:
    """An expression over the board's time, or with `newest` its value now, as rows."""
    query = prometheus.Dataquery().expr(" ".join(expr.split())).ref_id(ref_id).datasource(PROMETHEUS)
    if newest:
        return query.instant().format("table")  # type: ignore[arg-type]
    return query.range().legend_format(legend)


Query = Sql | prometheus.Dataquery


def source_of(query: Query) -> DataSourceRef:
    """Where a query is answered."""
    return MARTS if isinstance(query, Sql) else PROMETHEUS


def number(title: str, why: str, query: Query, unit: str = "short", *, steps: Steps = NEUTRAL, width: int = 4) -> Any:
    """One figure, coloured by its thresholds."""
    return (
        stat.Panel()
        .title(title)
        .description(why)
        .datasource(source_of(query))
        .with_target(query)
        .unit(unit)
        .thresholds(thresholds(steps))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("none")
        .height(4)
        .span(width)
    )


def lines(title: str, why: str, queries: Sequence[Query], unit: str, *, stacked: bool = False, width: int = 8) -> Any:
    """Figures over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(why)
        .datasource(source_of(queries[0]))
        .unit(unit)
        .min(0)
        .fill_opacity(30 if stacked else 8)
        .show_points(VisibilityMode.NEVER)
        .span_nulls(True)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .height(HEIGHT)
        .span(width)
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for query in queries:
        panel = panel.with_target(query)
    return panel


def listed(title: str, why: str, query: Query, unit: str = "short", *, sort: str = "", width: int = 8) -> Any:
    """Rows as a table; `sort`: the column whose highest come first."""
    panel = (
        table.Panel()
        .title(title)
        .description(why)
        .datasource(source_of(query))
        .with_target(query)
        .unit(unit)
        .no_value("none")
        .height(HEIGHT)
        .span(width)
    )
    return panel.sort_by([Built(TableSortByFieldState(display_name=sort, desc=True))]) if sort else panel


def bars(title: str, why: str, query: Query, unit: str = "short", *, steps: Steps = NEUTRAL, width: int = 8) -> Any:
    """A bar a row (its text column names it) or a series."""
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(isinstance(query, Sql))
    return (
        bargauge.Panel()
        .title(title)
        .description(why)
        .datasource(source_of(query))
        .with_target(query)
        .unit(unit)
        .min(0)
        .thresholds(thresholds(steps))
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(reduced)
        .no_value("none")
        .height(HEIGHT)
        .span(width)
    )


def board(title: str, uid: str, why: str, since: str, refresh: str) -> dashboard.Dashboard:
    """An empty board that shows the time from `since` (`now-6h`) to now."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(why)
        .tags(["landfall"])
        .timezone("utc")
        .time(since, "now")
        .refresh(refresh)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )


def filled(page: dashboard.Dashboard, rows: Mapping[str, Sequence[Any]]) -> dashboard.Dashboard:
    """The board with these panels by row, numbered from 1."""
    number_of = count(1)
    for title, panels in rows.items():
        page = page.with_row(dashboard.Row(title).id(next(number_of)))
        for panel in panels:
            page = page.with_panel(panel.id(next(number_of)))
    return page


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Colours from a value on; the first one's value is None, from the lowest on."""
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=colour) for value, colour in steps])
    )


class Built(cog.Builder[Any]):
    """A builder of what is built already."""

    def __init__(self, value: object) -> None:
        self._value = value

    def build(self) -> Any:
        """The value."""
        return self._value
