"""Models that a user adds: dbt's own materializations mean what dbt says; what cannot work says so in a sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events
from tests.dbt.user_project import OWN, Project, user_project
from warehouse.dbt_arguments import create_arguments, pass_arguments
from warehouse.dbt_session import DbtSession


@pytest.fixture
def warehouse(make_warehouse: Callable[..., Warehouse]) -> Warehouse:
    """One warehouse. Its database has one name in all tests, as dbt parses everything anew for another one."""
    return make_warehouse("test_user_models")


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves what dbt has parsed, so that in the others it parses only what is changed."""
    return tmp_path_factory.mktemp("parsed") / "partial_parse.msgpack"


@pytest.fixture
def project(warehouse: Warehouse, tmp_path: Path, parsed: Path) -> Project:
    """The project with the user's models."""
    project = user_project(warehouse, tmp_path / "dbt_project")
    target = project.folder / "target"
    if parsed.exists():
        target.mkdir()
        shutil.copy(parsed, target)
    else:
        project.run("parse")
        shutil.copy(target / parsed.name, parsed)
    return project


def expected(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """What the user's models must hold, asked of the facts."""
    facts = "from intermediate.int_job_events"
    newest = f"select campaign_id, max(load_id) {facts} group by 1 order by 1"
    return {
        "select campaign_id, load_id from marts.own_merge order by 1": warehouse.rows(newest),
        "select campaign_id, load_id from marts.own_view order by 1": warehouse.rows(newest),
        "select load_id, events from marts.own_delete_insert order by 1": warehouse.rows(
            f"select load_id, count(*) {facts} group by 1 order by 1"
        ),
        "select custom_track, events from marts.own_table order by 1": warehouse.rows(
            f"select custom_track, count(*) {facts} group by 1 order by 1"
        ),
        "select events from marts.own_hooked": warehouse.rows(f"select count(*) {facts}"),
    }


def found(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """What they hold."""
    return {query: warehouse.rows(query) for query in expected(warehouse)}


def test_they_are_built_and_built_again_with_hooks_grants_and_tags(project: Project) -> None:
    warehouse = project.warehouse
    project.run("run", "--select", *OWN)
    assert found(warehouse) == expected(warehouse)
    warehouse.land("job_tracking", job_events(40, seed=32))
    warehouse.run()
    project.run("run", "--select", *OWN)
    assert found(warehouse) == expected(warehouse)
    assert len(warehouse.rows("select from marts.own_delete_insert")) == 2
    assert warehouse.rows("select hook from marts.own_hooks") == [
        *(("before",), ("after 60",), ("before",), ("after 100",))
    ]
    assert warehouse.one("select has_table_privilege('landing_writer', 'marts.own_hooked', 'select')") is True
    assert set(project.run("run", "--select", "tag:nightly").status) == {"own_hooked"}
    # one that failed is what retry runs, and what it held up
    warehouse.reader.execute("alter table marts.own_hooks rename to own_hooks_away")
    failed = project.dbt("run", "--select", "own_hooked", "own_table")
    assert failed.status == {"own_hooked": "error", "own_table": "success"}
    warehouse.reader.execute("alter table marts.own_hooks_away rename to own_hooks")
    assert project.run("retry").status == {"own_hooked": "success"}
    assert found(warehouse) == expected(warehouse)


def test_show_gives_rows_of_theirs_and_of_ours(project: Project) -> None:
    project.run("run", "--select", *OWN)
    shown = project.run("show", "--select", "own_table", "int_job_events", "int_job_events__hourly", "--limit", "500")
    facts = project.warehouse.one("select count(*) from intermediate.int_job_events")
    hours = project.warehouse.one("select count(*) from intermediate.int_job_events__hourly")
    assert len(shown.tables["own_table"]) == len(project.warehouse.rows("select from marts.own_table"))
    assert (len(shown.tables["int_job_events"]), facts) == (60, 60)
    hourly = shown.tables["int_job_events__hourly"]
    assert len([row for row in hourly if None not in row]) == hours > 0


def test_empty_makes_theirs_without_rows_and_an_up_empties_none(project: Project) -> None:
    warehouse = project.warehouse
    project.run("run", "--select", *OWN)
    before = found(warehouse)
    project.run("run", "--empty", "--select", "own_table", "own_delete_insert", "int_job_events", "own_view")
    counts = [
        warehouse.one(f"select count(*) from {name}")
        for name in ("marts.own_table", "marts.own_delete_insert", "intermediate.int_job_events", "marts.own_view")
    ]
    assert counts == [0, 1, 60, len(before["select campaign_id, load_id from marts.own_view order by 1"])]
    project.run("run", "--select", "own_table")
    up = DbtSession(warehouse.settings, project.folder, started_by="up")
    for arguments in create_arguments():
        assert up.run(arguments).ok
    assert found(warehouse) == before


def test_a_pass_leaves_a_table_to_the_whole_refresh_and_its_view_stays(project: Project) -> None:
    warehouse = project.warehouse
    project.add("own_table_view", "select * from {{ ref('own_table') }}")
    built = project.run("run", "--select", *OWN, "own_table_view")
    assert built.says("own_table_view is a view of own_table, a `table`: dbt makes that anew at each run")
    warehouse.land("job_tracking", job_events(40, seed=33))
    outcome = DbtSession(warehouse.settings, project.folder).run(pass_arguments(["job_tracking"]))
    assert outcome.ok, outcome.failed
    ran = {node.name for node in outcome.nodes}
    assert {"own_merge", "own_delete_insert", "int_job_events"} <= ran
    assert not {"own_table", "own_hooked", "own_table_view"} & ran
    assert warehouse.one("select sum(events) from marts.own_table_view") == 60
    assert warehouse.one("select sum(events) from marts.own_delete_insert") == 100


def test_defer_reads_the_other_environment_as_far_as_it_is(project: Project) -> None:
    warehouse = project.warehouse
    project.run("run", "--select", "own_merge", "own_view")
    state = project.state()
    alone = project.dbt("run", "--target", "dev", "--select", "int_job_events__hourly")
    assert not alone.ok
    assert alone.says("reads dev_ada_intermediate.int_job_events, of which ops.model_progress knows no load")
    project.run(
        *("run", "--target", "dev", "--defer", "--state", state),
        *("--select", "int_job_events__hourly", "own_table", "own_view", "kpi_jobs_hourly"),
    )
    for ours, theirs in (
        ("dev_ada_intermediate.int_job_events__hourly", "intermediate.int_job_events__hourly"),
        ("dev_ada_marts.kpi_jobs_hourly", "marts.kpi_jobs_hourly"),
        ("dev_ada.own_view", "marts.own_view"),
    ):
        rows = warehouse.rows(f"select t::text from {ours} as t order by 1")
        assert rows == warehouse.rows(f"select t::text from {theirs} as t order by 1")
        assert rows
    assert warehouse.position("dev_ada_intermediate.int_job_events__hourly") == 1
    assert warehouse.one("select sum(events) from dev_ada.own_table") == 60


def test_a_clone_of_a_table_of_loads_goes_on_from_where_that_stood(project: Project) -> None:
    warehouse = project.warehouse
    project.run("run", "--select", "own_merge", "own_table")
    names = ("stg_job_tracking__events", "int_job_events", "int_job_events__hourly")
    project.run("clone", "--target", "dev", "--state", project.state(), "--select", *names, "own_table")
    copy = "select t::text from dev_ada_intermediate.int_job_events__hourly as t order by 1"
    original = "select t::text from intermediate.int_job_events__hourly as t order by 1"
    assert warehouse.rows(copy) == warehouse.rows(original) != []
    assert warehouse.one("select sum(events) from dev_ada.own_table") == 60
    warehouse.land("job_tracking", job_events(40, seed=34))
    warehouse.run()
    project.run("run", "--target", "dev", "--select", *names)
    assert warehouse.rows(copy) == warehouse.rows(original)
    assert warehouse.position("dev_ada_intermediate.int_job_events") == 2
    indexes = "select count(*) from pg_indexes where tablename = 'int_job_events' and schemaname = "
    assert warehouse.one(f"{indexes} 'dev_ada_intermediate'") == warehouse.one(f"{indexes} 'intermediate'")


def test_changed_grants_are_granted_and_revoked_whatever_else_is_unchanged(project: Project) -> None:
    select = ["--select", "int_job_events__hourly", "own_view", "own_merge"]

    def readers(relation: str) -> list[str]:
        return [
            role
            for role in ("bi_reader", "landing_writer")
            if project.warehouse.one(f"select has_table_privilege('{role}', '{relation}', 'select')")
        ]

    def grant(*roles: str) -> None:
        grants = f"{{ grants: {{ select: [{', '.join(roles)}] }} }}"
        project.add("_own", f"models:\n  - {{ name: own_view, config: {grants} }}\n", "yml")
        project.run("run", *select)

    grant("landing_writer")
    assert readers("marts.own_view") == ["landing_writer"]
    grant("bi_reader", "landing_writer")
    assert readers("marts.own_view") == ["bi_reader", "landing_writer"]
    settings = (project.folder / "dbt_project.yml").read_text()
    by_load = settings.replace(
        "+materialized: incremental_by_load",
        "+materialized: incremental_by_load\n      +grants: { select: [bi_reader] }",
    )
    assert by_load != settings
    (project.folder / "dbt_project.yml").write_text(by_load)
    assert readers("intermediate.int_job_events__hourly") == []
    project.run("run", *select)
    assert readers("intermediate.int_job_events__hourly") == ["bi_reader"]


def test_a_view_takes_what_dbts_own_takes_and_the_views_above_it_stay(project: Project) -> None:
    warehouse = project.warehouse
    project.add("own_above", "select * from {{ ref('own_header') }}")
    header = (
        "{% call set_sql_header(config) %} create table if not exists marts.own_headers (); {% endcall %}"
        " {{ config(materialized='view', post_hook=\"insert into marts.own_hooks values ('view')\") }}"
    )
    project.add("own_header", f"{header} select 1 as a")
    project.run("run", "--select", "own_header", "own_above")
    assert warehouse.rows("select a from marts.own_above") == [(1,)]
    assert warehouse.rows("select from marts.own_headers") == []
    project.add("own_header", f"{header} select 2 as a")
    project.run("run", "--select", "own_header")
    project.run("run", "--select", "own_header", "--full-refresh")
    assert warehouse.rows("select a from marts.own_above") == [(2,)]
    assert warehouse.rows("select hook from marts.own_hooks") == [("view",)] * 3
    warehouse.reader.execute(
        "drop view marts.own_header cascade; create materialized view marts.own_header as select 1"
    )
    project.run("run", "--select", "own_header")
    assert warehouse.rows("select a from marts.own_header") == [(2,)]


CONTRACT = """
models:
  - name: wrong
    config: {{ contract: {{ enforced: true }} }}
    {key}
    columns:
      - {{ name: job_id, data_type: bigint }}
      - {{ name: events, data_type: bigint }}
"""
KEY = "constraints: [{ type: primary_key, columns: [job_id] }]"
NEW_ROWS = (
    "select job_id, count(*) as events from {{ ref('int_job_events') }}"
    " where {{ new_loads('job_tracking') }} group by 1"
)
BY_LOAD = "{{ config(materialized='incremental_by_load', incremental_strategy='%s', unique_key=%s) }} "


@pytest.mark.parametrize(
    ("text", "key", "sentence"),
    [
        (
            BY_LOAD % ("rebuild_buckets", "'job_id'") + NEW_ROWS.replace("'job_tracking'", "'typo'"),
            KEY,
            "asks for new loads of stream typo, which nothing that it refers to reads: it reads job_tracking.",
        ),
        (
            BY_LOAD % ("rebuild_buckets", "'job_id'") + NEW_ROWS,
            KEY,
            "counts its buckets from new rows alone, so each refresh would replace what earlier ones counted",
        ),
        (
            BY_LOAD % ("delete+insert", "'job_id'") + NEW_ROWS,
            KEY,
            "has incremental_strategy delete+insert: write insert_new, rebuild_buckets, keep_greatest or add_up.",
        ),
        (
            BY_LOAD % ("keep_greatest", "none") + NEW_ROWS,
            KEY,
            "needs a unique_key: its strategy keep_greatest goes by it.",
        ),
        (
            BY_LOAD % ("add_up", "'job_id'") + NEW_ROWS,
            KEY,
            "needs meta.added: the columns that its strategy add_up adds up.",
        ),
        (BY_LOAD % ("insert_new", "none") + NEW_ROWS, "", "needs an enforced contract with a primary_key constraint."),
        (
            BY_LOAD % ("insert_new", "none") + "select job_id, 1::bigint as events from {{ ref('own_jobs') }}",
            KEY,
            "reads no stream: it refers to a landing table, or to an incremental_by_load model that does",
        ),
        (
            "{{ config(materialized='incremental', unique_key='job_id', on_schema_change='fail') }} " + NEW_ROWS,
            KEY,
            "is materialized as incremental: new_loads, new_landings and readable_loads are for incremental_by_load",
        ),
        (
            "{{ config(materialized='incremental', incremental_strategy='insert_new', on_schema_change='fail') }} "
            "select job_id, 1::bigint as events from {{ ref('int_job_events') }}",
            KEY,
            'incremental strategy macro with the name "get_incremental_insert_new_sql"',
        ),
    ],
)
def test_what_would_read_nothing_or_count_too_little_says_so(
    project: Project, text: str, key: str, sentence: str
) -> None:
    project.add("own_jobs", "{{ config(materialized='table') }} select 1::bigint as job_id")
    project.add("wrong", text)
    project.add("_wrong", CONTRACT.format(key=key), "yml")
    run = project.dbt("run", "--select", "own_jobs", "wrong")
    assert run.status["wrong"] == "error"
    assert run.says(sentence), run.messages[-3:]


def test_a_unique_key_of_one_name_is_as_good_as_a_list(project: Project) -> None:
    project.add("wrong", BY_LOAD % ("keep_greatest", "'job_id'") + NEW_ROWS.replace("where", "where job_id > 0 and"))
    project.add("_wrong", CONTRACT.format(key=KEY), "yml")
    project.run("run", "--select", "wrong")
    assert project.warehouse.rows("select job_id, events from marts.wrong order by 1") == project.warehouse.rows(
        "select job_id, count(*) from intermediate.int_job_events where job_id > 0 group by 1 order by 1"
    )
