"""What there is: any change of the graph shows in graph.txt, and so in review."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from landfall.errors import UserError
from landing_stream.contract import load_contracts
from orchestration.manifest import progress_relations
from orchestration.models import dbt_build_arguments
from tests.orchestration.describe import SNAPSHOT, describe
from warehouse import dbt_manifest
from warehouse.dbt_manifest import BY_LOAD, read_manifest

MARTS = {
    "job_tracking": "kpi_jobs_hourly",
    "product_views": "kpi_products_daily",
    "web_logs": "kpi_web_actions_5min",
}


def test_the_graph_is_the_one_that_was_reviewed(defs: dg.Definitions) -> None:
    expected = SNAPSHOT.read_text(encoding="utf-8")
    assert describe(defs) == expected, "if it is meant: python -m tests.orchestration.describe"


@pytest.mark.parametrize("stream", sorted(load_contracts()))
def test_each_stream_has_a_lineage_from_its_topic_to_a_mart(defs: dg.Definitions, stream: str) -> None:
    graph = defs.resolve_asset_graph()
    above = graph.get_ancestor_asset_keys(dg.AssetKey(["marts", MARTS[stream]]))
    for layer in ("kafka", "landing", "staging"):
        assert any(key.path[0] == layer and stream in key.path[1] for key in above), layer


def test_every_asset_says_what_it_is_and_whose(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert [node.key.to_user_string() for node in nodes if not node.description] == []
    assert [node.key.to_user_string() for node in nodes if not node.owners] == []
    assert [node.key.to_user_string() for node in nodes if not node.kinds] == []


def test_every_asset_that_has_columns_names_and_types_them(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    tables = [node for node in nodes if node.group_name not in ("charts", "dashboards", "repair")]
    schemas = {node.key.to_user_string(): node.metadata.get("dagster/column_schema") for node in tables}
    assert [name for name, schema in schemas.items() if schema is None] == []
    columns = [(name, column) for name, schema in schemas.items() if schema for column in schema.columns]
    assert [(name, column.name) for name, column in columns if not column.description or column.type == "?"] == []


def test_personal_data_is_marked_on_the_landing_table(defs: dg.Definitions) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey(["landing", "product_views"]))
    columns = {column.name: column for column in node.metadata["dagster/column_schema"].columns}
    assert list(columns) == list(load_contracts()["product_views"].field_names)
    assert "pii" in columns["ip"].tags
    assert "pii" not in columns["collection"].tags


def test_only_one_dbt_runs_at_a_time(defs: dg.Definitions) -> None:
    ops = {"build": "dbt_build", "test": "dbt_build", "rebuild_model": "rebuild"}
    for job, op in ops.items():
        assert defs.resolve_job_def(job).graph.node_dict[op].definition.pools == {"dbt"}
    # One refresh too; with the others it takes turns pass by pass (locks.DBT).
    assert defs.resolve_job_def("refresh").graph.node_dict["follow_loads"].definition.pools == {"refresh"}


def test_a_refresh_builds_and_tests_everything_but_runs_no_unit_tests() -> None:
    assert dbt_build_arguments() == ["build", "--exclude-resource-type", "unit_test"]
    assert dbt_build_arguments(full_refresh=True)[3:] == ["--full-refresh"]
    assert dbt_build_arguments(tests_alone=True)[3:] == ["--threads", "1"]


def test_no_table_waits_for_one_that_is_cold() -> None:
    nodes = read_manifest()["nodes"]
    cold = {key for key, node in nodes.items() if "cold" in node.get("tags", ())}
    waiting = {
        node["name"]
        for key, node in nodes.items()
        if node["config"]["materialized"] == BY_LOAD and key not in cold and cold & above(nodes, key)
    }
    assert cold
    assert not waiting


def above(nodes: dict[str, Any], key: str) -> set[str]:
    """Tables that a model reads, directly or through views."""
    found: set[str] = set()
    for parent in nodes[key]["depends_on"]["nodes"]:
        if parent in nodes and nodes[parent]["resource_type"] == "model":
            found |= {parent} if nodes[parent]["config"]["materialized"] == BY_LOAD else above(nodes, parent)
    return found


def test_models_with_a_position_are_named_by_layer_whatever_the_target() -> None:
    node = {"resource_type": "model", "alias": "fct_x", "schema": "dev_ada_marts"}
    nodes = {
        "a": {**node, "config": {"schema": "marts", "materialized": BY_LOAD}},
        "b": {**node, "config": {"schema": "marts", "materialized": "view"}},
    }
    assert progress_relations({"nodes": nodes}) == ["marts.fct_x"]


def project(folder: Path) -> Path:
    (folder / "models").mkdir()
    (folder / "models" / "a.sql").write_text("select 1", encoding="utf-8")
    return folder


def test_a_missing_manifest_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest\.json is missing: run `make setup`"):
        read_manifest(project(tmp_path))


def test_a_manifest_older_than_a_model_is_refused(tmp_path: Path) -> None:
    manifest = project(tmp_path) / "target" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({"nodes": {}}), encoding="utf-8")
    assert read_manifest(tmp_path) == {"nodes": {}}
    os.utime(manifest, (1, 1))
    with pytest.raises(UserError, match=r"is stale, models/a\.sql is newer: run `make setup`"):
        read_manifest(tmp_path)


def test_a_manifest_that_dbt_is_writing_is_waited_for_and_half_a_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "target" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text('{"nodes"', encoding="utf-8")
    writing = threading.Timer(0.2, manifest.write_text, ['{"nodes": {}}'])
    writing.start()
    assert read_manifest(tmp_path) == {"nodes": {}}
    writing.join()
    manifest.write_text('{"nodes"', encoding="utf-8")
    monkeypatch.setattr(dbt_manifest, "WRITTEN_SECONDS", 0.0)
    with pytest.raises(UserError, match=r"manifest\.json is damaged: remove it and run `make setup`"):
        read_manifest(tmp_path)
