"""Grafana's boards without Grafana: what is committed, what their queries ask, and what the marts answer."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana.build import BOARDS, FOLDER, text_of
from dashboards.grafana.macros import expanded
from dashboards.grafana.panels import MARTS, PROMETHEUS
from database.connect import connect
from monitoring.catalogue import CATALOGUE
from tests.dbt.conftest import Warehouse
from tests.dbt.events import views_at, web_requests
from tests.dbt.test_analyses import people

NOW = dt.datetime.now(dt.UTC)
PROVISIONING = FOLDER.parent / "provisioning"


def panels_of(name: str) -> list[dict[str, Any]]:
    """Panels of the committed board, without the titles of rows."""
    panels = json.loads((FOLDER / name).read_text(encoding="utf-8"))["panels"]
    return [panel for panel in panels if panel["type"] != "row"]


def targets(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(title of the panel, query) of every panel of a board."""
    for panel in panels_of(name):
        for target in panel["targets"]:
            yield panel["title"], target


@pytest.mark.parametrize("name", BOARDS)
def test_what_is_committed_is_what_the_code_builds_and_what_the_sdk_reads(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == text_of(name), "run python -m dashboards.grafana.build"
    read = Dashboard.from_json(json.loads(text))
    assert read.uid is not None
    assert read.panels is not None
    assert len({panel.id_val for panel in read.panels}) == len(read.panels)


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_what_it_shows_and_names_a_provisioned_source(name: str) -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources" / "landfall.yml").read_text(encoding="utf-8"))
    known = {(source["uid"], source["type"]) for source in provisioned["datasources"]}
    for panel in panels_of(name):
        assert panel["description"].endswith("."), panel["title"]
        for used in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert (used["uid"], used["type"]) in known, panel["title"]


def test_no_secret_is_provisioned() -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources" / "landfall.yml").read_text(encoding="utf-8"))
    secrets = [value for source in provisioned["datasources"] for value in source.get("secureJsonData", {}).values()]
    assert secrets == ["$LANDFALL_BI_PASSWORD"]


def test_every_promql_asks_for_metrics_of_the_exporter_by_labels_that_they_have() -> None:
    asked = [(title, target["expr"]) for title, target in targets("landfall-operations.json")]
    assert len(asked) > 15
    for title, expr in asked:
        names = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\blandfall_\w+", expr)}
        assert names, title
        assert names <= set(CATALOGUE), title
        grouped = {label for by in re.findall(r"by \(([^)]*)\)", expr) for label in by.split(", ")}
        assert grouped <= {"le", *(label for name in names for label in CATALOGUE[name].labels)}, title


def test_every_metric_of_the_exporter_is_on_the_board_or_only_for_alerts() -> None:
    shown = " ".join(target["expr"] for _, target in targets("landfall-operations.json"))
    assert {name for name in CATALOGUE if name not in shown} == {
        "landfall_landing_last_success_timestamp_seconds",
        "landfall_landing_loads_total",
        "landfall_landing_open_loads",
        "landfall_models_behind",
        "landfall_source_read_seconds",
        "landfall_tests_last_run_timestamp_seconds",
    }


def test_every_statement_of_the_kpi_board_answers_the_bi_reader(warehouse: Warehouse) -> None:
    views = views_at(NOW, seed=51)
    warehouse.land("product_views", views)
    warehouse.land("web_logs", web_requests(50, seed=52))
    warehouse.run()
    found: dict[str, list[tuple[Any, ...]]] = {}
    with connect(warehouse.settings.as_reader, autocommit=True) as reader:
        for title, target in targets("shop-kpis.json"):
            sql = expanded(target["rawSql"], NOW - dt.timedelta(days=400), NOW + dt.timedelta(days=1))
            cursor = reader.execute(sql.encode())
            found[title] = cursor.fetchall()
            columns = [column.name for column in cursor.description or ()]
            if target["format"] == "time_series":
                assert columns[0] == "time", title
                assert all(row[0].tzinfo is not None for row in found[title]), title
    assert (found["Views"], found["Views by people"]) == ([(20,)], [(people(views),)])
    assert found["Top products of the newest day"][0][:4] == (1, "110474", 20, people(views))
    assert found["Top countries of the newest day"] == [("Germany", 20)]
    assert [row[1:] for row in found["Views by hour"]] == [(20, people(views))]
    assert found["Requests by status"]


def test_macros_become_what_grafana_makes_of_them() -> None:
    since, until = dt.datetime(2026, 3, 28, tzinfo=dt.UTC), dt.datetime(2026, 3, 29, tzinfo=dt.UTC)
    assert expanded("where $__timeFilter(t.at)", since, until) == (
        "where t.at BETWEEN '2026-03-28T00:00:00Z' AND '2026-03-29T00:00:00Z'"
    )
    with pytest.raises(ValueError, match="timeGroup"):
        expanded("select $__timeGroup(at, '5m')", since, until)


def test_the_sources_are_those_of_the_boards() -> None:
    assert {target["datasource"]["uid"] for _, target in targets("landfall-operations.json")} == {PROMETHEUS.uid}
    assert {target["datasource"]["uid"] for _, target in targets("shop-kpis.json")} == {MARTS.uid}
