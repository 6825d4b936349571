"""A pass without dbt runs what dbt compiled: the same rows, positions and records, and dbt where only dbt can."""

import logging
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql

from database.connect import connect
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse, wait_until, waiting_for_a_lock
from tests.dbt.events import Event, job_events, shop_events, web_requests
from tests.dbt.test_set_apart import click, clicks, refuse
from tests.dbt.user_project import Project, user_project
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession, Outcome
from warehouse.set_apart import Refresher

STREAMS: dict[str, list[Event]] = {
    "job_tracking": [*job_events(240, seed=51), {"create_time": "no uuid"}],
    "product_views": [*shop_events(240, seed=52), {"id": "", "time_stamp": "1"}],
    "web_logs": [*web_requests(240, seed=53), {"event_id": "x", "timestamp": "now"}],
}
FACT, HOURLY = "intermediate.int_job_events", "intermediate.int_job_events__hourly"


class Dbt(DbtSession):
    """A dbt session that counts its runs."""

    runs = 0

    def run(self, arguments: list[str]) -> Outcome:  # type: ignore[override]
        self.runs += 1
        return super().run(arguments)


@pytest.fixture
def dbt(warehouse: Warehouse) -> Dbt:
    """The dbt of the warehouse."""
    return Dbt(warehouse.settings, started_by="watch")


@pytest.fixture
def refresher(dbt: Dbt) -> Iterator[Refresher]:
    """What refreshes the warehouse."""
    refresher = Refresher(dbt)
    yield refresher
    refresher.close()


@pytest.fixture
def project(warehouse: Warehouse, tmp_path: Path) -> Project:
    """The project with a user's models."""
    return user_project(warehouse, tmp_path / "dbt_project")


def batches(seed: int) -> list[dict[str, list[Event]]]:
    """Loads of all streams, shuffled, so that many events are late; a fifth of them come twice."""
    chance = random.Random(seed)
    found: list[dict[str, list[Event]]] = [{} for _ in range(6)]
    for stream, events in STREAMS.items():
        mixed = [*events, *chance.sample(events[:240], 48)]
        chance.shuffle(mixed)
        for event in mixed:
            chance.choice(found[1:] if stream == "web_logs" else found).setdefault(stream, []).append(event)
    return found


def positions(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select relation, source, position from ops.model_progress order by 1, 2")


def runs(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """What is noted of the passes, in their order."""
    return warehouse.rows(
        "select command, models, rows_written, warnings, skipped, failed from ops.runs"
        " where command = 'run' order by started_at"
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_passes_by_scripts_and_by_dbt_give_the_same_rows_positions_and_records(
    make_warehouse: Callable[[], Warehouse], seed: int
) -> None:
    by_dbt, by_script = make_warehouse(), make_warehouse()
    dbt = Dbt(by_script.settings)
    refresher = Refresher(dbt)
    for number, load in enumerate(batches(seed)):
        for stream, events in load.items():
            by_dbt.land(stream, events)
            by_script.land(stream, events)
        cold = number % 2 == 1
        by_dbt.run(*pass_arguments(load, cold=cold))
        assert refresher.hot_pass(load, cold=cold).ok
        assert by_script.tables(with_positions=False) == by_dbt.tables(with_positions=False)
        assert positions(by_script) == positions(by_dbt)
    refresher.close()
    assert dbt.runs == 0
    assert runs(by_script) == runs(by_dbt) != []
    incremental = by_script.tables()
    by_script.run(*pass_arguments(STREAMS), "--full-refresh")
    assert by_script.tables() == incremental


def test_a_pass_with_nothing_new_takes_no_lock_and_asks_nothing_of_dbt(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher
) -> None:
    warehouse.land("job_tracking", STREAMS["job_tracking"])
    assert refresher.hot_pass(["job_tracking"], cold=True).ok
    before = (warehouse.rows("select * from ops.run_horizon"), runs(warehouse), warehouse.tables())
    with connect(warehouse.settings.as_transformer) as other:
        other.execute("select 1 from ops.model_progress for update")
        other.execute("lock table ops.turn_of_dbt in exclusive mode")
        outcome = refresher.hot_pass(["job_tracking"], cold=True)
        assert outcome.ok
        assert {(node.status, node.rows) for node in outcome.nodes} == {("success", 0)}
        assert "int_job_events" in {node.name for node in outcome.nodes}
    assert (warehouse.rows("select * from ops.run_horizon"), runs(warehouse), warehouse.tables()) == before
    assert dbt.runs == 0


def test_a_change_load_and_an_open_one_are_read_as_dbt_reads_them(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher
) -> None:
    warehouse.land("job_tracking", job_events(20, seed=61))
    late = warehouse.land("job_tracking", job_events(20, seed=62), finish=False)
    warehouse.land("job_tracking", job_events(20, seed=63))
    assert refresher.hot_pass(["job_tracking"]).ok
    assert (warehouse.position(FACT), warehouse.one(f"select count(*) from {FACT}")) == (1, 20)
    warehouse.finish("job_tracking", late)
    assert refresher.hot_pass(["job_tracking"]).ok
    assert (warehouse.position(FACT), warehouse.position(HOURLY)) == (3, 3)
    assert warehouse.one(f"select count(*) from {FACT}") == 60
    assert dbt.runs == 0


def test_a_follower_that_is_killed_in_the_midst_of_a_pass_leaves_what_the_next_makes_good(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher, start_command: Callable[..., "subprocess.Popen[str]"]
) -> None:
    events = STREAMS["job_tracking"][:240]
    warehouse.land("job_tracking", events[:100])
    process = start_command(warehouse.settings, "refresh", "--watch")
    wait_until(lambda: warehouse.position(HOURLY) == 1, "the first pass, through dbt")
    wait_until(
        lambda: len(runs(warehouse)) + len(warehouse.rows("select from ops.runs where command = 'build'")) > 1,
        "it has ended",
    )
    captured = warehouse.rows("select invocation_id from ops.run_horizon")
    with connect(warehouse.settings.as_transformer) as blocker:
        blocker.execute(f"lock table {HOURLY} in share mode")
        warehouse.land("job_tracking", events[100:])
        wait_until(lambda: waiting_for_a_lock(warehouse) > 0, "the pass wants to write the hours")
        assert warehouse.rows(
            "select distinct invocation_id from ops.run_horizon where invocation_id <> all(%s)",
            [each for (each,) in captured],
        )
        process.kill()
        process.wait()
        assert (warehouse.position(FACT), warehouse.position(HOURLY)) == (2, 1)
        blocker.rollback()
    wait_until(lambda: waiting_for_a_lock(warehouse) == 0, "its sessions are gone")
    assert refresher.hot_pass(["job_tracking"], cold=True).ok
    assert (warehouse.position(FACT), warehouse.position(HOURLY), dbt.runs) == (2, 2, 0)
    incremental = warehouse.tables()
    warehouse.run(*pass_arguments(["job_tracking"]), "--full-refresh")
    assert warehouse.tables() == incremental


def test_the_watch_begins_the_next_pass_without_a_pause_and_without_dbt(
    warehouse: Warehouse, start_command: Callable[..., "subprocess.Popen[str]"]
) -> None:
    warehouse.land("job_tracking", job_events(10, seed=71))
    process = start_command(warehouse.settings, "refresh", "--watch")
    wait_until(lambda: warehouse.position(HOURLY) == 1, "the first pass, through dbt")
    for load in range(2, 5):
        warehouse.land("job_tracking", job_events(10, seed=70 + load))
        wait_until(lambda load=load: warehouse.position(HOURLY) == load, f"the pass after load {load}")  # type: ignore[misc]
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "not built yet" not in output
    by_hand = warehouse.rows(
        "select started_by, command, failed from ops.runs where started_by = 'watch' and command = 'run'"
    )
    assert len(by_hand) >= 3
    assert set(map(repr, by_hand)) == {"('watch', 'run', [])"}


def test_an_event_that_a_model_fails_on_is_set_apart_by_dbt_and_the_next_pass_is_without_it(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher
) -> None:
    refuse(warehouse, HOURLY, '"job_id": 666')
    warehouse.land("job_tracking", [click(0), click(1), click(2, job_id="666"), click(3)])
    outcome = refresher.hot_pass(["job_tracking"])
    assert outcome.ok, outcome.failed
    assert dbt.runs > 0
    assert clicks(warehouse) == {900: 3}
    assert warehouse.rows("select model, sqlstate from ops.events_set_apart") == [("int_job_events__hourly", "P0001")]
    before = dbt.runs
    warehouse.land("job_tracking", [click(4)])
    assert refresher.hot_pass(["job_tracking"]).ok
    assert (clicks(warehouse), dbt.runs) == ({900: 4}, before)


def test_a_model_that_fails_for_good_is_told_as_dbt_tells_it(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher
) -> None:
    warehouse.land("job_tracking", [click(0)])
    warehouse.reader.execute(f"alter table {HOURLY} rename column clicks to renamed")
    outcome = refresher.hot_pass(["job_tracking"])
    assert [node.name for node in outcome.failed] == ["int_job_events__hourly"]
    assert "nothing was set apart" in outcome.failed[0].message
    assert outcome.skipped > 0
    assert refresher.streams_of_failures(outcome) == {"job_tracking"}
    assert warehouse.rows("select failed from ops.runs where failed <> '{}'") == [(["int_job_events__hourly"],)]


def test_what_postgres_says_of_a_failure_is_short_and_has_its_code(warehouse: Warehouse) -> None:
    refuse(warehouse, HOURLY, '"job_id": 666')
    warehouse.land("job_tracking", [click(0, job_id="666")])
    outcome = warehouse.dbt.run(pass_arguments(["job_tracking"], cold=False))
    (failed,) = outcome.failed
    assert "refused: " in failed.message
    assert "create temporary table" not in failed.message


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Change a model's SQL."""
    (path,) = (folder / "models").rglob(f"{name}.sql")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_model_that_was_edited_and_not_built_yet_is_said_once_and_built_by_dbt(
    project: Project,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warehouse = project.warehouse
    edit(project.folder, "int_job_events__hourly", "'job_tracking' as sources", "'edited' as sources")
    project.run("parse")
    dbt = Dbt(warehouse.settings, project.folder)
    refresher = Refresher(dbt)
    warehouse.land("job_tracking", job_events(10, seed=72))
    with caplog.at_level(logging.WARNING):
        assert refresher.hot_pass(["job_tracking"]).ok
    assert "not built yet as this project has" in caplog.text
    assert dbt.runs == 1
    assert "edited" in {sources for (sources,) in warehouse.rows(f"select distinct sources from {HOURLY}")}
    # this project has a user's `incremental`, so dbt still has its part, after the scripts
    caplog.clear()
    warehouse.land("job_tracking", job_events(10, seed=73))
    assert refresher.hot_pass(["job_tracking"]).ok
    assert "not built yet" not in caplog.text
    refresher.close()

    # the warehouse's own project is another one by now, and says so as well
    other = Refresher(warehouse.dbt)
    warehouse.land("job_tracking", job_events(10, seed=74))
    with caplog.at_level(logging.WARNING):
        assert other.hot_pass(["job_tracking"]).ok
        assert other.hot_pass(["job_tracking"]).ok
    assert caplog.text.count("not built yet as this project has") == 1
    other.close()


def test_a_dbt_typed_by_hand_that_builds_something_else_is_noticed(
    project: Project,
    refresher: Refresher,
    dbt: Dbt,
) -> None:
    warehouse = project.warehouse
    project.run("run", "--select", "int_job_events__hourly")
    warehouse.land("job_tracking", job_events(10, seed=75))
    assert refresher.hot_pass(["job_tracking"]).ok
    assert dbt.runs == 0, "the same script, whoever built it"
    edit(project.folder, "int_job_events__hourly", "'job_tracking' as sources", "'edited' as sources")
    project.run("run", "--select", "int_job_events__hourly")
    warehouse.land("job_tracking", job_events(10, seed=76))
    assert refresher.hot_pass(["job_tracking"]).ok
    assert dbt.runs == 1, "this process has another model, and builds it"
    assert warehouse.one(f"select max(position) from ops.model_progress where relation = '{HOURLY}'") == 3


def test_a_users_incremental_and_a_model_with_a_hook_are_refreshed_by_dbt_after_the_others(project: Project) -> None:
    warehouse = project.warehouse
    edit(
        project.folder,
        "int_campaign_tracks__daily",
        "{{ config(",
        "{{ config(post_hook=\"insert into marts.own_hooks values ('campaigns')\",",
    )
    project.run("run", "--select", "source:landing.job_tracking+", "--exclude", "own_hooked")
    dbt = Dbt(warehouse.settings, project.folder)
    refresher = Refresher(dbt)
    assert refresher.hot_pass(["job_tracking"], cold=True).ok, "builds what is not this project's yet"
    before, hooks = dbt.runs, len(warehouse.rows("select from marts.own_hooks"))
    warehouse.land("job_tracking", job_events(40, seed=77))
    outcome = refresher.hot_pass(["job_tracking"])
    refresher.close()
    assert outcome.ok
    assert dbt.runs == before + 1
    names = [node.name for node in outcome.nodes]
    assert len(names) == len(set(names))
    assert {"own_merge", "own_delete_insert", "int_job_events", "int_campaign_tracks__daily"} <= set(names)
    assert warehouse.one("select sum(events) from marts.own_delete_insert") == 100
    assert len(warehouse.rows("select from marts.own_hooks")) == hooks + 1
    assert warehouse.position("intermediate.int_campaign_tracks__daily") == 2


def test_a_table_that_somebody_dropped_is_made_by_dbt(warehouse: Warehouse, dbt: Dbt, refresher: Refresher) -> None:
    warehouse.land("job_tracking", STREAMS["job_tracking"])
    assert refresher.hot_pass(["job_tracking"]).ok
    before = warehouse.rows(f"select t::text from {HOURLY} as t order by 1")
    warehouse.reader.execute(f"drop table {HOURLY} cascade")
    assert refresher.hot_pass(["job_tracking"]).ok
    assert dbt.runs == 1
    assert warehouse.rows(f"select t::text from {HOURLY} as t order by 1") == before


def test_a_contract_that_learns_a_field_between_two_passes_breaks_none(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher
) -> None:
    warehouse.land("job_tracking", job_events(10, seed=78))
    assert refresher.hot_pass(["job_tracking"], cold=True).ok
    warehouse.landing.execute("alter table landing.job_tracking add column learned text")
    warehouse.land("job_tracking", [{**event, "learned": "x"} for event in job_events(10, seed=79)])
    assert refresher.hot_pass(["job_tracking"], cold=True).ok
    assert (warehouse.one(f"select count(*) from {FACT}"), dbt.runs) == (20, 0)


def test_whoever_reads_marts_sees_and_runs_none_of_it(warehouse: Warehouse) -> None:
    functions = warehouse.rows(
        "select p.oid::regprocedure::text from pg_proc as p where p.pronamespace = 'ops'::regnamespace"
    )
    assert len(functions) > 8
    for (function,) in functions:
        if "refuse" not in function:
            query = f"select has_function_privilege('bi_reader', {sql.Literal(function).as_string(None)}, 'execute')"
            assert warehouse.one(query) is False, function
    assert warehouse.one("select has_table_privilege('bi_reader', 'ops.model_scripts', 'select')") is False


def test_a_copy_of_the_database_under_another_name_runs_the_same_scripts(
    warehouse: Warehouse, dbt: Dbt, refresher: Refresher, settings: Settings
) -> None:
    # the fixture copies a template, in which dbt built the models
    assert warehouse.one("select count(*) from ops.model_scripts where project = '" + dbt.project_md5 + "'") > 40
    assert warehouse.one("select current_database()") != "landfall"
    warehouse.land("job_tracking", job_events(10, seed=80))
    assert refresher.hot_pass(["job_tracking"], cold=True).ok
    assert dbt.runs == 0
