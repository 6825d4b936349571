"""Where charts stand on a dashboard, and its filters, as Superset keeps both."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.superset.charts import chart_uuid, subtitle
from dashboards.superset.colours import LABELS, SCHEME
from dashboards.superset.datasets import Compiled
from dashboards.superset.description import Board, Chart, Filter
from dashboards.superset.identity import VERSION, identity, short

REFRESH_SECONDS = 10
DAYS = "Days"


def dashboard_file(name: str, board: Board, datasets: dict[str, Compiled], zone: str) -> dict[str, Any]:
    """The file of an archive; `name`: of the description."""
    return {
        "dashboard_title": board.title,
        "description": board.description,
        "css": f"{CSS}\n{empty_state(board.empty)}",
        "slug": board.slug,
        "certified_by": board.owner.name,
        "certification_details": f"Made from files. {board.owner.name}, {board.owner.email}, answers for it.",
        "published": True,
        "uuid": identity("dashboard", name),
        "position": position(name, board, zone),
        "metadata": metadata(name, board, datasets, zone),
        "version": VERSION,
    }


CSS = """
.header-title { font-size: 14px; }
[data-test-chart-name="What is wrong"] td { overflow-wrap: anywhere; }
[data-test-viz-type="big_number_total"] .header-controls > :not(:last-child) { display: none; }
@media (max-width: 600px) {
  /* One column of a phone's width, filters last. Superset draws a chart for its twelfths of the grid's width: that is
     kept at 732 pixels, where six of them fill a phone, and rows wrap. */
  main > div:has(> [data-test="dashboard-filters-panel"]) { display: flex !important; flex-direction: column; }
  main > div > [data-test="dashboard-filters-panel"] { order: 9; width: 100%; }
  main > div:has(> [data-test="dashboard-filters-panel"]) > div:has(.sidebar-resizer) { display: none; }
  .dashboard { overflow-x: clip; max-width: 100vw; }
  .grid-container { width: 732px !important; min-width: 732px; }
  .grid-container .grid-row { width: 376px; height: auto; flex-wrap: wrap; row-gap: 16px; }
  .grid-container .dragdroppable-column { max-width: 358px; }
  .grid-container .resizable-container { min-width: 0 !important; max-width: 358px !important; }
  .grid-container .dashboard-component-chart-holder { overflow-x: auto; }
  .grid-container .dashboard-component-header { max-width: 358px; }
  .grid-container .pvtTable :is(th, td) { padding: 2px 4px !important; font-size: 11px; }
  .grid-container [data-test-viz-type="big_number_total"] .header-controls { display: none; }
  .grid-container [data-test-viz-type="big_number_total"] .header-title { font-size: 11px; overflow: visible; }
  .grid-container [data-test-viz-type="big_number_total"] .subtitle-line {
    font-size: 11px !important; line-height: 1.3; white-space: normal; }
  /* The title and what is pressed, in one row; Superset's menu in another. */
  .dashboard-header-container { width: 100vw; overflow: hidden; }
  .title-panel [data-test="metadata-bar"], .title-panel .ant-tag, .dashboard-header-container .button-container {
    display: none !important; }
  .title-panel > :first-child, .title-panel .dynamic-title-input { flex: none; width: 140px !important; }
  #main-menu .ant-row { position: relative; }
  #main-menu .ant-col-md-8 { position: absolute; top: 6px; right: 0; width: auto; }
  #main-menu .main-nav { display: flex; margin-top: -12px; }
  #main-menu .main-nav > li { width: auto; padding: 0 12px !important; margin: 0; }
  #main-menu .main-nav > .ant-menu-submenu { display: none; }
}
""".strip()


def empty_state(words: str) -> str:
    """Style by which a chart without rows says these words, in place of Superset's."""
    place = ".slice_container .ant-empty-description"
    return f'{place} {{ font-size: 0; }}\n{place}::after {{ content: "{words}"; font-size: 14px; }}'


def numbers(board: Board) -> dict[str, int]:
    """A number for each chart by its name: Superset finds its own for them at an import."""
    return {chart.name: number for number, chart in enumerate(board.charts, start=1)}


def position(name: str, board: Board, zone: str) -> dict[str, Any]:
    """Headings and rows of charts, one below the other."""
    number_of = numbers(board)
    placed: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": board.title}},
    }
    grid: list[str] = []
    for section in board.sections:
        if section.title:
            key = f"HEADER-{short('header', name, section.title)}"
            meta = {"text": section.title, "headerSize": "MEDIUM_HEADER", "background": "BACKGROUND_TRANSPARENT"}
            placed[key] = element("HEADER", key, ["GRID_ID"], [], meta)
            grid.append(key)
        for index, row in enumerate(section.rows):
            row_key = f"ROW-{short('row', name, section.title, str(index))}"
            keys = [f"CHART-{short('place', name, chart.name)}" for chart in row.charts]
            placed[row_key] = element("ROW", row_key, ["GRID_ID"], keys, {"background": "BACKGROUND_TRANSPARENT"})
            for key, chart in zip(keys, row.charts, strict=True):
                meta = place(name, chart, number_of[chart.name], row.height, zone)
                placed[key] = element("CHART", key, ["GRID_ID", row_key], [], meta)
            grid.append(row_key)
    placed["GRID_ID"] = element("GRID", "GRID_ID", [], grid, {})
    return placed


def element(kind: str, key: str, parents: list[str], children: list[str], meta: dict[str, Any]) -> dict[str, Any]:
    """A part of the page."""
    return {"type": kind, "id": key, "children": children, "parents": ["ROOT_ID", *parents], "meta": meta}


def place(name: str, chart: Chart, number: int, height: int, zone: str) -> dict[str, Any]:
    """What Superset keeps of a chart's place. Its title says unit and zone: only numbers have a subtitle."""
    title = chart.name if chart.kind == "number" else f"{chart.name} · {subtitle(chart, zone)}"
    return {
        "uuid": chart_uuid(name, chart),
        "chartId": number,
        "sliceName": chart.name,
        "sliceNameOverride": title,
        "width": chart.width,
        "height": height,
    }


def metadata(name: str, board: Board, datasets: dict[str, Compiled], zone: str) -> dict[str, Any]:
    """Filters, colours and the refresh."""
    filters = [day_filter(name, board, datasets, zone)] if any_days(board, datasets) else []
    filters += [choice(name, each, board, datasets) for each in board.filters]
    return {
        "native_filter_configuration": filters,
        "chart_configuration": chart_configuration(board, datasets),
        "global_chart_configuration": {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": []},
        "cross_filters_enabled": any(chart.drills for chart in board.charts),
        "filter_bar_orientation": "VERTICAL",
        "color_scheme": SCHEME,
        "label_colors": LABELS,
        "shared_label_colors": [],
        "refresh_frequency": REFRESH_SECONDS,
        "timed_refresh_immune_slices": [],
        "expanded_slices": {},
    }


def any_days(board: Board, datasets: dict[str, Compiled]) -> bool:
    """Whether the day range applies to a chart."""
    return any(has_days(chart, datasets) for chart in board.charts)


def has_days(chart: Chart, datasets: dict[str, Compiled]) -> bool:
    """Whether the day range applies to this chart."""
    return chart.in_days and datasets[chart.dataset].description.day is not None


def day_range(days: int, zone: str) -> str:
    """So many days to today's end, on the clock of the zone, in Superset's language of times.

    It is worked out at each query, so it goes on at midnight. Superset's clock is UTC; the zone's offset is its
    furthest one of a year, and an hour too much shows nothing more.
    """
    months = [dt.datetime(2026, month, 1, tzinfo=ZoneInfo(zone)) for month in range(1, 13)]
    minutes = max(int((month.utcoffset() or dt.timedelta()).total_seconds()) // 60 for month in months)
    today = f"DATETRUNC(DATEADD(DATETIME('now'), {minutes}, MINUTE), DAY)"
    return f"DATEADD({today}, {1 - days}, DAY) : DATEADD({today}, 1, DAY)"


def day_filter(name: str, board: Board, datasets: dict[str, Compiled], zone: str) -> dict[str, Any]:
    """The day range."""
    chosen = day_range(board.days, zone)
    excluded = [numbers(board)[chart.name] for chart in board.charts if not has_days(chart, datasets)]
    return {
        **filter_of(name, DAYS, "filter_time", f"Days in {zone}, to the end of today at first.", excluded),
        "targets": [{}],
        "defaultDataMask": {"extraFormData": {"time_range": chosen}, "filterState": {"value": chosen}},
        "controlValues": {"enableEmptyFilter": False},
    }


def choice(name: str, each: Filter, board: Board, datasets: dict[str, Compiled]) -> dict[str, Any]:
    """A choice of values; charts without that column are out of its reach."""
    datasets[each.dataset].check_column(each.column)
    excluded = [
        numbers(board)[chart.name] for chart in board.charts if each.column not in datasets[chart.dataset].columns
    ]
    values = list(each.default)
    mask = {
        "extraFormData": {"filters": [{"col": each.column, "op": "IN", "val": values}]} if values else {},
        "filterState": {"value": values} if values else {},
    }
    return {
        **filter_of(name, each.name, "filter_select", each.description, excluded),
        "targets": [{"datasetUuid": datasets[each.dataset].uuid, "column": {"name": each.column}}],
        "defaultDataMask": mask,
        "cascadeParentIds": [filter_id(name, parent) for parent in each.within],
        "controlValues": {
            "enableEmptyFilter": each.one,
            "defaultToFirstItem": False,
            "multiSelect": not each.one,
            "searchAllOptions": not each.one,
            "inverseSelection": False,
            "sortAscending": True,
        },
    }


def filter_of(name: str, title: str, kind: str, description: str, excluded: list[int]) -> dict[str, Any]:
    """What filters share."""
    return {
        "id": filter_id(name, title),
        "type": "NATIVE_FILTER",
        "name": title,
        "filterType": kind,
        "description": description,
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": excluded},
    }


def filter_id(name: str, title: str) -> str:
    """What a filter is known by on its dashboard."""
    return f"NATIVE_FILTER-{short('filter', name, title)}"


def chart_configuration(board: Board, datasets: dict[str, Compiled]) -> dict[str, Any]:
    """Which charts a click filters: those that have the column, where the chart drills, else none."""
    number_of = numbers(board)
    found = {}
    for chart in board.charts:
        number = number_of[chart.name]
        reached = {
            other.name
            for other in board.charts
            if chart.drills and other is not chart and set(chart.by) & set(datasets[other.dataset].columns)
        }
        excluded = [number_of[other.name] for other in board.charts if other.name not in reached]
        scope = {"rootPath": ["ROOT_ID"], "excluded": excluded}
        found[str(number)] = {"id": number, "crossFilters": {"scope": scope, "chartsInScope": []}}
    return found
