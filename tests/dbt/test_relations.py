"""What people read is there, described, theirs alone to read, and never vanishes."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from database.connect import connect
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse, wait_until, waiting_for_a_lock
from tests.dbt.events import job_events
from warehouse.dbt_arguments import NO_TESTS, pass_arguments
from warehouse.dbt_manifest import read_manifest
from warehouse.refresh import create_relations

StartCommand = Callable[..., "subprocess.Popen[str]"]


def test_relations_are_made_once_and_the_second_time_costs_nothing(warehouse: Warehouse) -> None:
    assert create_relations(warehouse.settings) is False
    warehouse.reader.execute("drop view marts.kpi_jobs_hourly")
    assert create_relations(warehouse.settings) is True
    assert warehouse.rows("select * from marts.kpi_jobs_hourly") == []


def test_seeds_have_their_rows_from_the_start_and_keep_them_when_dbt_reads_nothing(warehouse: Warehouse) -> None:
    hosts = warehouse.one("select count(*) from reference.host_countries")
    assert hosts > 100
    warehouse.run("build", "--empty", *NO_TESTS, "--select", "host_countries+")
    assert warehouse.one("select count(*) from reference.host_countries") == hosts


def test_the_bi_reader_reads_marts_and_nothing_else(warehouse: Warehouse) -> None:
    with connect(warehouse.settings.as_reader, autocommit=True) as reader:
        for name in ("fct_job_events", "dim_job", "kpi_jobs_hourly", "kpi_products_daily", "kpi_web_actions_5min"):
            reader.execute(f"select * from marts.{name}")
        for name in ("intermediate.int_job_events__hourly", "landing.job_tracking", "ops.model_progress"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"select * from {name}")


def test_an_unchanged_view_is_left_alone_and_a_changed_one_is_replaced(warehouse: Warehouse) -> None:
    def identity(view: str) -> int:
        return int(warehouse.one(f"select xmin::text::bigint from pg_class where oid = 'marts.{view}'::regclass"))

    before = identity("kpi_products_daily")
    warehouse.run("run")
    assert identity("kpi_products_daily") == before
    warehouse.reader.execute(
        "drop view marts.kpi_products_daily cascade; create view marts.kpi_products_daily as select 1 as other_columns;"
        " update ops.model_definition set definition_md5 = '' where relation = 'marts.kpi_products_daily'"
    )
    warehouse.run("run", "--select", "kpi_products_daily+")
    assert warehouse.rows("select event_date, rank from marts.kpi_products_daily_latest") == []


def test_a_view_that_a_dashboard_left_open_is_waited_for_and_others_read_on(warehouse: Warehouse) -> None:
    forget = "update ops.model_definition set definition_md5 = '' where relation = 'marts.kpi_jobs_hourly'"
    warehouse.reader.execute(forget)
    with psycopg.connect(warehouse.settings.as_reader.dsn) as dashboard:
        dashboard.execute("select * from marts.kpi_jobs_hourly")
        run = threading.Thread(target=warehouse.run, args=("run", "--select", "kpi_jobs_hourly"))
        run.start()
        wait_until(lambda: waiting_for_a_lock(warehouse) > 0, "the model waits for the dashboard")
        with psycopg.connect(warehouse.settings.as_reader.dsn, options="-c lock_timeout=10s") as other:
            assert other.execute("select * from marts.kpi_jobs_hourly").fetchall() == []
        assert run.is_alive()
    run.join(timeout=180)
    assert (
        warehouse.one("select definition_md5 from ops.model_definition where relation = 'marts.kpi_jobs_hourly'") != ""
    )


def test_a_table_grows_by_the_columns_that_its_contract_has_gained(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", job_events(5, seed=21))
    warehouse.run()
    warehouse.reader.execute(
        "alter table intermediate.int_job_events drop column utm_medium cascade;"
        " update ops.model_definition set definition_md5 = '' where relation = 'intermediate.int_job_events'"
    )
    warehouse.run(*pass_arguments(["job_tracking"]))
    assert warehouse.rows("select utm_medium from intermediate.int_job_events") == [(None,)] * 5


def test_a_changed_definition_makes_no_index_twice(warehouse: Warehouse) -> None:
    indexes = "select indexdef from pg_indexes where schemaname in ('intermediate', 'marts') order by 1"
    before = warehouse.rows(indexes)
    warehouse.reader.execute("update ops.model_definition set definition_md5 = ''")
    warehouse.run("run", "--select", "int_web_requests", "int_product_events")
    assert warehouse.rows(indexes) == before


def test_every_column_of_every_model_is_described() -> None:
    manifest = read_manifest()
    models = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed")]
    undescribed = [
        f"{model['name']}.{column['name']}"
        for model in models
        for column in model["columns"].values()
        if not column["description"]
    ]
    assert undescribed == []
    assert [model["name"] for model in models if not model["description"] or not model["columns"]] == []


def test_every_column_in_the_database_is_one_of_the_documentation(warehouse: Warehouse) -> None:
    manifest = read_manifest()
    described = {
        (node["schema"], node["alias"], column)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        for column in node["columns"]
    }
    found = warehouse.rows(
        "select table_schema::text, table_name::text, column_name::text from information_schema.columns"
        " where table_schema in ('staging', 'intermediate', 'marts')"
    )
    assert set(found) - described == set()


def test_sources_seeds_and_snapshots_have_the_columns_that_are_documented(warehouse: Warehouse) -> None:
    manifest = read_manifest()
    relations = [*manifest["sources"].values(), *manifest["nodes"].values()]
    documented = {
        (node["schema"], node.get("identifier") or node["alias"], name, column["data_type"])
        for node in relations
        if node["resource_type"] in ("source", "seed", "snapshot")
        for name, column in node["columns"].items()
    }
    there = set(
        warehouse.rows(
            "select n.nspname::text, c.relname::text, a.attname::text,"
            " case format_type(a.atttypid, null) when 'timestamp with time zone' then 'timestamptz'"
            " else format_type(a.atttypid, null) end"
            " from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid"
            " inner join pg_namespace as n on n.oid = c.relnamespace"
            " where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v')"
        )
    )
    assert documented - there == set()
    wholly = {(schema, table) for schema, table, *_ in documented if schema in ("enrichment", "reference")}
    assert len(wholly) == 18
    assert {column for column in there if column[:2] in wholly} - documented == set()


def test_a_plain_build_runs_the_data_tests_and_no_unit_test(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", job_events(50, seed=22))
    outcome = warehouse.dbt.run(["build"])
    assert outcome.ok, outcome.failed
    kinds = {node.kind for node in outcome.nodes}
    assert "test" in kinds
    assert "unit_test" not in kinds


def test_the_unit_tests_of_the_models_pass_when_asked_for(warehouse: Warehouse) -> None:
    outcome = warehouse.dbt.run(["test", "--select", "test_type:unit"])
    assert outcome.ok, outcome.failed
    assert sum(node.kind == "unit_test" for node in outcome.nodes) >= 20


def test_a_watch_refreshes_when_a_load_finishes_and_stops_when_told(
    warehouse: Warehouse, start_command: StartCommand
) -> None:
    events = [{**event, "custom_track": "click"} for event in job_events(20, seed=23)]

    def clicks() -> int:
        return int(warehouse.one("select coalesce(sum(clicks), 0) from marts.kpi_jobs_hourly"))

    warehouse.land("job_tracking", events[:10])
    process = start_command(warehouse.settings, "refresh", "--watch", "--pause", "0.1")
    wait_until(lambda: clicks() == 10, "the first pass")
    warehouse.land("job_tracking", events[10:])
    wait_until(lambda: clicks() == 20, "the pass after the second load")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert output.count("refreshed in") >= 2


def test_a_watch_that_is_held_up_says_so_once_and_goes_on_when_that_is_mended(
    warehouse: Warehouse, start_command: StartCommand
) -> None:
    noted = "select kind, sentence from ops.troubles where part = 'refresh'"
    warehouse.reader.execute("revoke select on ops.horizons from transformer")
    process = start_command(warehouse.settings, "refresh", "--watch", "--pause", "0.1")
    wait_until(lambda: warehouse.rows(noted) != [], "it is noted")
    before = warehouse.one("select last_tried_at from ops.troubles")
    wait_until(lambda: warehouse.one("select last_tried_at from ops.troubles") != before, "it is tried again")
    assert warehouse.rows(noted) == [("person", "permission denied for view horizons (SQLSTATE 42501)")]
    warehouse.reader.execute("grant select on ops.horizons to transformer")
    warehouse.land("job_tracking", job_events(10, seed=24))
    wait_until(lambda: warehouse.rows(noted) == [], "it goes on")
    wait_until(lambda: warehouse.one("select count(*) from marts.fct_job_events") > 0, "the first pass")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert output.count("permission denied for view horizons") == 1
    assert "refresh: goes on" in output


def test_source_freshness_is_read_from_the_ledger(
    warehouse: Warehouse, environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path
) -> None:
    for stream in ("job_tracking", "product_views", "web_logs"):
        warehouse.land(stream, [{}])
    folder = str(tmp_path)
    result = subprocess.run(
        ["dbt", "source", "freshness", "--target-path", folder, "--log-path", folder],
        cwd=warehouse.dbt.project,
        env=environ_of(warehouse.settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    found = json.loads((tmp_path / "sources.json").read_text())["results"]
    assert sorted((source["unique_id"].split(".")[-1], source["status"]) for source in found) == [
        ("job_tracking", "pass"),
        ("product_views", "pass"),
        ("web_logs", "pass"),
    ]


def test_every_kpi_says_who_uses_it() -> None:
    manifest = read_manifest()
    used = {key for exposure in manifest["exposures"].values() for key in exposure["depends_on"]["nodes"]}
    kpis = {key for key, node in manifest["nodes"].items() if key.startswith("model.landfall.kpi_")}
    latest_views = {key for key in kpis if key.endswith("_latest")}
    assert len(kpis) >= 20
    assert kpis - latest_views - used == set()
