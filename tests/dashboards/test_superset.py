"""The descriptions of Superset's dashboards, and the archive that is made of them, without Superset."""

import copy
import datetime as dt
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.superset.bundle import bundle_files, checked_datasets, tables_of, write_bundle
from dashboards.superset.datasets import EVERYBODY, PEOPLE, TRAFFIC, Compiled, dataset_sql, metric_sql
from dashboards.superset.description import FOLDER, Chart, read_descriptions
from dashboards.superset.layout import day_range
from dashboards.superset.marts import Marts
from database.connect import connect
from landfall.errors import UserError
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events, views_at, web_requests
from warehouse.dbt_manifest import read_manifest

MANIFEST = read_manifest()
DESCRIPTIONS = read_descriptions()
FILES = {name: yaml.safe_load(text) for name, text in bundle_files().items()}


def of_kind(kind: str) -> dict[str, Any]:
    """Files of a folder of the archive, by name."""
    return {name: content for name, content in FILES.items() if name.startswith(f"{kind}/")}


def every_dataset() -> Iterator[tuple[str, Compiled]]:
    """(board, dataset) of all that is described."""
    for name, board in DESCRIPTIONS.boards.items():
        for dataset in checked_datasets(name, board, DESCRIPTIONS, Marts(MANIFEST)).values():
            yield name, dataset


def every_chart() -> Iterator[tuple[Compiled, Chart]]:
    """Each chart with its dataset."""
    for name, board in DESCRIPTIONS.boards.items():
        datasets = checked_datasets(name, board, DESCRIPTIONS, Marts(MANIFEST))
        yield from ((datasets[chart.dataset], chart) for chart in board.charts)


def with_renamed_column(model: str, column: str) -> dict[str, Any]:
    """A manifest in which a model names a column otherwise."""
    manifest = copy.deepcopy(MANIFEST)
    node = manifest["nodes"][f"model.landfall.{model}"]
    node["columns"] = {("renamed" if name == column else name): each for name, each in node["columns"].items()}
    return manifest


@pytest.mark.parametrize(
    ("model", "column", "named"),
    [
        ("kpi_products_daily", "views", ["shop.yaml", "chart 'Top products'", "shop_products", "kpi_products_daily"]),
        ("kpi_products_daily", "human_visitors", ["shop.yaml", "shop_products", "kpi_products_daily"]),
        ("dim_job", "title", ["recruitment.yaml", "chart 'Clicks'", "jobs"]),
        ("kpi_web_bot_ips_minutely", "ip_address", ["shop_log.yaml", "chart 'Addresses of bots'", "web_bots"]),
        ("trust_loads", "unexplained_rows", ["trust.yaml", "chart 'Unexplained records'", "loads"]),
    ],
)
def test_a_column_that_a_model_no_longer_has_is_named_with_its_board_and_chart(
    model: str, column: str, named: list[str]
) -> None:
    with pytest.raises(UserError) as raised:
        bundle_files(manifest=with_renamed_column(model, column))
    message = raised.value.format_message()
    for word in (*named, column):
        assert word in message, message


@pytest.mark.parametrize(
    ("was", "written", "message"),
    [
        ("title: Shop", "titel: Shop", "shop.yaml: titel"),
        ("kind: funnel", "kind: tunnel", "shop.yaml: sections"),
        ("dataset: shop_windows", "dataset: shop_window", "shop.yaml: chart 'Views by five minutes'"),
        ("name: Media", "name: Referrers", "two charts are named 'Referrers'"),
        ("metrics: [conversion]", "metrics: [conversions]", "has no metric 'conversions'"),
        ("within: [Country]", "within: [Land]", "filter 'Store': there is no filter 'Land'"),
    ],
)
def test_a_mistake_in_a_description_is_named_with_its_file_and_key(
    tmp_path: Path, was: str, written: str, message: str
) -> None:
    (tmp_path / "boards").mkdir()
    (tmp_path / "datasets.yaml").write_text((FOLDER / "datasets.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    text = (FOLDER / "boards" / "shop.yaml").read_text(encoding="utf-8")
    assert was in text
    (tmp_path / "boards" / "shop.yaml").write_text(text.replace(was, written), encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(message)):
        read_descriptions(tmp_path)


def test_datasets_of_a_stream_may_stand_in_a_file_of_their_own_under_a_name_of_their_own(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "boards", tmp_path / "boards")
    shutil.copy(FOLDER / "datasets.yaml", tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "doors.yaml").write_text("doors: { model: kpi_doors_hourly }\n", encoding="utf-8")
    assert read_descriptions(tmp_path).datasets["doors"].model == "kpi_doors_hourly"
    (tmp_path / "datasets" / "more.yaml").write_text("loads: { model: kpi_doors_hourly }\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"more\.yaml: loads: there is another dataset of the name; rename one"):
        read_descriptions(tmp_path)


def test_the_archive_is_the_same_bytes_each_time_and_holds_no_password(tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    write_bundle(first)
    write_bundle(second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {name.partition("/")[0] for name in texts} == {"landfall"}
    database = yaml.safe_load(texts["landfall/databases/Landfall.yaml"])
    assert database["sqlalchemy_uri"] == "postgresql+psycopg2://bi_reader@postgres.example:5432/landfall"
    assert "password" not in database
    assert not [name for name, text in texts.items() if re.search(r"://[^/\s]*:[^/\s]*@", text)]


def test_parts_are_known_by_uuids_that_follow_from_their_names() -> None:
    uuids = [content["uuid"] for content in FILES.values() if "uuid" in content]
    assert len(set(uuids)) == len(uuids) == len(FILES) - 1
    # whoever has imported the archive finds these again at the next import
    assert of_kind("dashboards")["dashboards/shop.yaml"]["uuid"] == "7a35a130-1d1c-56fe-9d02-e4fed1560823"
    assert of_kind("databases")["databases/Landfall.yaml"]["uuid"] == "4a4b6608-316a-5e7c-a665-ca9faefbe8bc"


def test_references_between_parts_are_uuids_of_parts_that_are_there() -> None:
    datasets = {content["uuid"] for content in of_kind("datasets").values()}
    charts = {content["uuid"] for content in of_kind("charts").values()}
    (database,) = of_kind("databases").values()
    assert {content["database_uuid"] for content in of_kind("datasets").values()} == {database["uuid"]}
    assert {content["dataset_uuid"] for content in of_kind("charts").values()} <= datasets
    placed = set()
    for dashboard in of_kind("dashboards").values():
        places = [part for part in dashboard["position"].values() if isinstance(part, dict) and part["type"] == "CHART"]
        numbers = {part["meta"]["chartId"] for part in places}
        assert len(numbers) == len(places)
        placed |= {part["meta"]["uuid"] for part in places}
        for each in dashboard["metadata"]["native_filter_configuration"]:
            assert "datasetId" not in str(each)
            assert set(each["scope"]["excluded"]) < numbers, each["name"]
            assert "chartsInScope" not in each
            for target in each["targets"]:
                assert target == {} or target["datasetUuid"] in datasets
    assert placed == charts


def test_exposures_name_the_tables_that_the_charts_read_and_who_answers_for_them() -> None:
    exposures = {
        exposure["name"].removesuffix("_dashboard"): exposure
        for exposure in MANIFEST["exposures"].values()
        if exposure["name"].endswith("_dashboard")
    }
    assert set(exposures) == set(DESCRIPTIONS.boards)
    for name, board in DESCRIPTIONS.boards.items():
        exposure = exposures[name]
        named = {key.rpartition(".")[2] for key in exposure["depends_on"]["nodes"]}
        assert named == tables_of(name, board, DESCRIPTIONS, Marts(MANIFEST)), name
        assert (exposure["label"], exposure["description"]) == (board.title, board.description)
        assert (exposure["owner"]["name"], exposure["owner"]["email"]) == (board.owner.name, board.owner.email)
        assert exposure["url"].endswith(f"/superset/dashboard/{board.slug}/")


def test_every_dataset_that_is_described_is_used() -> None:
    assert {dataset.name for _, dataset in every_dataset()} == set(DESCRIPTIONS.datasets)


def test_each_chart_says_its_unit_and_zone_and_what_to_do_where_it_is_empty() -> None:
    for board in DESCRIPTIONS.boards.values():
        for chart in board.charts:
            assert chart.description.endswith((".", "error.")), chart.name
            assert chart.kind == "number" or "mpty" in chart.description or chart.dataset == "freshness", chart.name
            timeless = chart.dataset in ("freshness", "tests", "findings") or chart.only or not chart.in_days
            assert timeless or "{zone}" in chart.subtitle, chart.name


def test_no_table_adds_rows_up_or_takes_text_for_html() -> None:
    tables = [content["params"] for content in of_kind("charts").values() if content["viz_type"] == "table"]
    assert len(tables) > 10
    assert {(table["show_totals"], table["allow_render_html"]) for table in tables} == {(False, False)}


def test_descriptions_are_those_of_dbt() -> None:
    products = next(content for name, content in FILES.items() if name.endswith("/shop_products.yaml"))
    node = MANIFEST["nodes"]["model.landfall.kpi_products_daily"]
    assert products["description"] == " ".join(node["description"].split())
    described = {column["column_name"]: column["description"] for column in products["columns"]}
    assert described["views"] == node["columns"]["views"]["description"]


def test_days_are_those_of_the_reporting_zone_and_go_on_at_midnight() -> None:
    today = "DATETRUNC(DATEADD(DATETIME('now'), {}, MINUTE), DAY)"
    for zone, minutes in (("UTC", 0), ("Europe/Berlin", 120), ("America/Los_Angeles", -420), ("Asia/Kolkata", 330)):
        since, until = day_range(7, zone).split(" : ")
        assert since == f"DATEADD({today.format(minutes)}, -6, DAY)"
        assert until == f"DATEADD({today.format(minutes)}, 1, DAY)"


def test_every_chart_of_an_empty_warehouse_asks_what_the_bi_reader_may_ask(warehouse: Warehouse) -> None:
    with connect(warehouse.settings.as_reader, autocommit=True) as reader:
        for dataset, chart in every_chart():
            reader.execute(chart_query(dataset, chart).encode()).fetchall()


def chart_query(dataset: Compiled, chart: Chart) -> str:
    """The statement that Superset makes of a chart, without its limit."""
    by = [*chart.by, *([chart.x] if chart.x else [])]
    metrics = [metric_sql(dataset, dataset.description.metrics[name]) for name in chart.metrics]
    where = " and ".join(f"{column} = {literal(value)}" for column, value in chart.only.items()) or "true"
    grouped = f" group by {', '.join(map(str, range(1, len(by) + 1)))}" if by else ""
    return f"select {', '.join([*by, *metrics])} from ({dataset_sql(dataset)}) as d where {where}{grouped}"


def literal(value: object) -> str:
    """SQL of a value."""
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"


def figure(warehouse: Warehouse, name: str, chart_name: str, traffic: str | None = None) -> Any:
    """A chart's rows, its first column alone where it has one row."""
    board = DESCRIPTIONS.boards[name]
    datasets = checked_datasets(name, board, DESCRIPTIONS, Marts(MANIFEST))
    (chart,) = [chart for chart in board.charts if chart.name == chart_name]
    sql = chart_query(datasets[chart.dataset], chart)
    if traffic is not None:
        sql = sql.replace(") as d where", f") as d where {TRAFFIC} = '{traffic}' and")
    with connect(warehouse.settings.as_reader, autocommit=True) as reader:
        rows = reader.execute(sql.encode()).fetchall()
    return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else rows


def test_figures_are_those_of_the_marts_and_count_nothing_twice_where_no_traffic_is_chosen(
    warehouse: Warehouse,
) -> None:
    now = dt.datetime.now(dt.UTC)
    warehouse.land("product_views", views_at(now, seed=61) + views_at(now - dt.timedelta(days=1), seed=62))
    warehouse.land("web_logs", web_requests(200, seed=63))
    warehouse.land("job_tracking", job_events(200, seed=64))
    warehouse.run()
    of_mart = {
        ("shop", "Views"): "select sum(views) from marts.kpi_products_daily_latest",
        ("shop", "People"): "select sum(human_views) from marts.kpi_products_daily_latest",
        ("shop", "Sessions"): "select sum(sessions) from marts.kpi_sessions_daily_latest",
        ("audience", "New visitors"): "select sum(new_visitors) from marts.kpi_visitors_daily",
        ("audience", "Orders"): "select sum(orders) from marts.kpi_visitors_daily",
        ("shop_log", "Requests"): "select sum(action_count) from marts.kpi_web_actions_5min",
        ("shop_log", "Failed payments"): "select sum(payment_errors) from marts.kpi_web_payment_errors_5min",
        ("recruitment", "Clicks"): "select sum(clicks) from marts.kpi_jobs_hourly",
        ("recruitment", "Spend"): "select sum(spend_hour) from marts.kpi_jobs_hourly",
    }
    for (board, chart), query in of_mart.items():
        shown = figure(warehouse, board, chart)
        assert shown == warehouse.one(query), (board, chart)
        assert shown is not None, (board, chart)
    devices = "select count(distinct device_key) from marts.fct_product_events where is_view and event_at::date = "
    assert figure(warehouse, "shop", "Visitors") == warehouse.one(f"{devices} date '{now.date()}'")
    for traffic, column in ((EVERYBODY, "action_count"), (PEOPLE, "human_action_count")):
        shown = figure(warehouse, "shop_log", "Requests", traffic)
        assert shown == warehouse.one(f"select sum({column}) from marts.kpi_web_actions_5min")
    compared = {row[0]: row[1:] for row in figure(warehouse, "shop", "Against the same hours")}
    views_now = figure(warehouse, "shop", "Views")
    assert compared["Views"][0] == f"{views_now:,}"
    assert compared["Views"][3:] == (None, None)


def test_names_of_twenty_digits_and_odd_texts_are_shown_as_they_are(warehouse: Warehouse) -> None:
    names = ["12345678901234567890", "<NULL>", "50%", "{{ x }}", "%(x)s", "<b>bold</b>", "it's"]
    now = dt.datetime.now(dt.UTC)
    views = views_at(now, seed=65)[: len(names)]
    for view, name in zip(views, names, strict=True):
        view["product_id"] = name
    warehouse.land("product_views", views)
    warehouse.run()
    assert {row[0] for row in figure(warehouse, "shop", "Top products")} == set(names)
