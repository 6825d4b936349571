"""Which tables a pass is of, and in which order, without a database."""

from pathlib import Path

import pytest

from warehouse.dbt_manifest import DBT_PROJECT, load_manifest
from warehouse.model_tables import model_tables
from warehouse.pass_plan import has_other_hooks, plan_pass
from warehouse.scripts import longest_ways, reached


def test_a_hot_pass_is_of_the_streams_tables_without_the_cold_ones_each_behind_what_it_reads() -> None:
    manifest = load_manifest(DBT_PROJECT, "any")
    hot = plan_pass(manifest, ["product_views"], hot=True, cold=False)
    cold = plan_pass(manifest, ["product_views"], hot=False, cold=True)
    both = plan_pass(manifest, ["product_views"], hot=True, cold=True)
    expected = {table.relation for table in model_tables(manifest).values() if table.stream == "product_views"}
    assert hot.by_script.keys() | cold.by_script.keys() == both.by_script.keys() == expected
    assert not hot.by_script.keys() & cold.by_script.keys()
    assert both.by_dbt == ()
    assert "intermediate.int_product_sessions" in cold.by_script
    assert hot.by_script["intermediate.int_product_events"] == frozenset()
    assert hot.by_script["intermediate.int_product_views__daily"] >= {"intermediate.int_product_viewers__5min"}
    assert all(above <= plan.by_script.keys() for plan in (hot, cold, both) for above in plan.by_script.values())


def test_a_pass_of_several_streams_is_of_the_tables_of_each() -> None:
    manifest = load_manifest(DBT_PROJECT, "any")
    streams = ("job_tracking", "product_views", "web_logs")
    together = plan_pass(manifest, streams, hot=True, cold=False).by_script
    assert together.keys() == {
        name for stream in streams for name in plan_pass(manifest, [stream], hot=True, cold=False).by_script
    }


def test_the_projects_own_hooks_are_no_others() -> None:
    manifest = load_manifest(DBT_PROJECT, "any")
    assert not has_other_hooks(manifest)
    (hook, *_) = [node for node in manifest.nodes.values() if str(node.resource_type) == "operation"]
    hook.raw_code = "insert into marts.own_hooks values ('run')"
    assert has_other_hooks(manifest)


@pytest.mark.parametrize(
    ("seconds", "first"), [({}, "fact"), ({"alone": 9.0}, "alone"), ({"alone": 9.0, "day": 10.0}, "fact")]
)
def test_the_table_with_the_longest_way_to_the_end_comes_first(seconds: dict[str, float], first: str) -> None:
    above = {"alone": set[str](), "day": {"window"}, "window": {"fact"}, "fact": set[str]()}
    ways = longest_ways(above, seconds)
    assert max(("alone", "fact"), key=lambda name: ways[name]) == first


def test_what_waits_for_a_table_through_others_is_reached_once() -> None:
    above = {"window": {"fact"}, "day": {"window", "fact"}, "alone": set[str](), "rank": {"day"}}
    assert sorted(reached("fact", above)) == ["day", "rank", "window"]


def test_the_plan_of_a_project_is_asked_of_its_manifest_alone(tmp_path: Path) -> None:
    manifest = load_manifest(DBT_PROJECT, "any")
    assert plan_pass(manifest, [], hot=True, cold=True).by_script == {}
