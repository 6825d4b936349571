"""Each model keeps its own progress: runs in any order, at once or killed half-way never miss or double an event."""

import subprocess
from collections.abc import Callable

import pytest

from database.connect import connect
from landfall.settings import Settings
from tests.conftest import MakeDatabase
from tests.dbt.conftest import Warehouse, wait_until, waiting_for_a_lock
from tests.dbt.events import job_events, jobs_hourly, shop_events
from warehouse.dbt_arguments import pass_arguments

FACT, HOURLY = "intermediate.int_job_events", "intermediate.int_job_events__hourly"
EVENTS = job_events(60, seed=11)

StartCommand = Callable[..., "subprocess.Popen[str]"]


def clicks(warehouse: Warehouse) -> int:
    return int(warehouse.one("select coalesce(sum(clicks), 0) from marts.kpi_jobs_hourly"))


EXPECTED_CLICKS = sum(row[0] for row in jobs_hourly(EVENTS).values())


def test_a_model_never_reads_beyond_what_its_parents_have_built(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", EVENTS)
    warehouse.run("run", "--select", "int_job_events__hourly")
    assert (warehouse.position(FACT), warehouse.position(HOURLY)) == (0, 0)
    warehouse.run("run", "--select", "int_job_events")
    assert (warehouse.position(FACT), warehouse.position(HOURLY), clicks(warehouse)) == (1, 0, 0)
    warehouse.run("run", "--select", "int_job_events__hourly")
    assert (warehouse.position(HOURLY), clicks(warehouse)) == (1, EXPECTED_CLICKS)


def test_an_open_load_holds_readers_back_until_it_is_finished(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", EVENTS[:20])
    late = warehouse.land("job_tracking", EVENTS[20:40], finish=False)
    warehouse.land("job_tracking", EVENTS[40:])
    warehouse.run()
    assert (warehouse.position(FACT), warehouse.one(f"select count(*) from {FACT}")) == (1, 20)
    warehouse.finish("job_tracking", late)
    warehouse.run()
    assert (warehouse.position(FACT), clicks(warehouse)) == (3, EXPECTED_CLICKS)


def test_empty_makes_relations_and_leaves_rows_progress_and_views_alone(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", EVENTS[:30])
    warehouse.run()
    warehouse.land("job_tracking", EVENTS[30:])
    before = warehouse.tables()
    warehouse.reader.execute(f"drop table {HOURLY} cascade")
    warehouse.run("run", "--empty")
    assert (warehouse.position(FACT), warehouse.position(HOURLY)) == (1, 0)
    assert warehouse.one("select count(*) from marts.kpi_jobs_hourly") == 0
    assert warehouse.tables()[FACT] == before[FACT]
    warehouse.run()
    assert (warehouse.position(HOURLY), clicks(warehouse)) == (2, EXPECTED_CLICKS)


def test_a_sample_run_leaves_progress_alone(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", EVENTS)
    warehouse.run("run", "--select", "source:landing.job_tracking+", "--sample", "1 day")
    assert warehouse.position(FACT) == 0
    warehouse.run()
    assert (warehouse.position(FACT), clicks(warehouse)) == (1, EXPECTED_CLICKS)


@pytest.mark.parametrize("relation", [FACT, HOURLY])
def test_a_relation_that_was_dropped_starts_anew(warehouse: Warehouse, relation: str) -> None:
    warehouse.land("job_tracking", EVENTS)
    warehouse.run()
    before = warehouse.tables()
    warehouse.reader.execute(f"drop table {relation} cascade")
    warehouse.run("run")
    assert warehouse.tables() == before


def test_a_full_refresh_of_one_model_heals_it_and_never_shows_it_empty(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", EVENTS)
    warehouse.run()
    before = warehouse.tables()
    warehouse.reader.execute(f"delete from {HOURLY} where clicks > 0")
    warehouse.run("run", "--select", "int_job_events__hourly", "--full-refresh")
    assert warehouse.tables() == before


def test_readers_see_the_old_rows_while_a_full_refresh_fills_the_tables(
    warehouse: Warehouse, start_command: StartCommand
) -> None:
    warehouse.land("job_tracking", EVENTS)
    warehouse.run()
    before = warehouse.tables()
    with connect(warehouse.settings.as_writer) as blocker:
        # the refresh reads this table when it has emptied the fact and not filled it yet
        blocker.execute("lock table landing.job_tracking in access exclusive mode")
        process = start_command(warehouse.settings, "refresh", "--full-refresh")
        wait_until(lambda: waiting_for_a_lock(warehouse) > 0, "the refresh reaches landing.job_tracking")
        assert warehouse.one("select count(*) from intermediate.int_job_events") == len(EVENTS)
        assert clicks(warehouse) == EXPECTED_CLICKS
        blocker.rollback()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert warehouse.tables() == before


def test_two_refreshes_at_once_follow_one_another(warehouse: Warehouse, start_command: StartCommand) -> None:
    warehouse.land("job_tracking", EVENTS)
    warehouse.land("product_views", shop_events(60, seed=12))
    with connect(warehouse.settings.as_transformer) as blocker:
        blocker.execute("select 1 from ops.model_progress for update")
        processes = [start_command(warehouse.settings, "refresh") for _ in range(2)]
        # four models of the one that came first, and the other for its turn
        wait_until(lambda: waiting_for_a_lock(warehouse) >= 5, "both refreshes wait")
        blocker.rollback()
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    assert (warehouse.one(f"select count(*) from {FACT}"), clicks(warehouse)) == (len(EVENTS), EXPECTED_CLICKS)
    incremental = warehouse.tables()
    warehouse.run(*pass_arguments(["job_tracking", "product_views"]), "--full-refresh")
    assert warehouse.tables() == incremental


def test_two_first_builds_at_once_make_every_relation_once(
    make_database: MakeDatabase, start_command: StartCommand
) -> None:
    settings = make_database()
    processes = [start_command(settings, "refresh") for _ in range(2)]
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    with connect(settings.as_transformer) as reader:
        seeds = reader.execute("select count(*), count(distinct host) from reference.host_countries").fetchone()
    assert seeds is not None
    assert seeds[0] == seeds[1] > 0


@pytest.mark.parametrize("blocked", [FACT, HOURLY])
def test_a_refresh_that_is_killed_inside_a_model_is_made_good_by_the_next(
    warehouse: Warehouse, start_command: StartCommand, blocked: str
) -> None:
    warehouse.land("job_tracking", EVENTS)
    with connect(warehouse.settings.as_transformer) as blocker:
        blocker.execute(f"lock table {blocked} in share mode")
        process = start_command(warehouse.settings, "refresh")
        wait_until(lambda: waiting_for_a_lock(warehouse) > 0, f"the refresh wants to write {blocked}")
        process.kill()
        process.wait()
        blocker.rollback()
    warehouse.run()
    assert (warehouse.one(f"select count(*) from {FACT}"), clicks(warehouse)) == (len(EVENTS), EXPECTED_CLICKS)
    assert (warehouse.position(FACT), warehouse.position(HOURLY)) == (1, 1)


def test_the_horizon_of_a_run_is_captured_once_for_all_its_models(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", EVENTS[:30])
    warehouse.run("run", "--select", "int_job_events")
    warehouse.land("job_tracking", EVENTS[30:])
    captured = warehouse.rows("select stream, hi from ops.run_horizon order by captured_at desc limit 3")
    assert ("job_tracking", 1) in captured
    assert warehouse.one("select count(distinct relation) from ops.model_progress where position > 1") == 0


def test_a_developer_builds_schemas_of_their_own(
    warehouse: Warehouse, environ_of: Callable[[Settings], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    warehouse.land("job_tracking", EVENTS)
    target = tmp_path_factory.mktemp("target")
    arguments = ["build", "--target", "dev", "--exclude-resource-type", "test"]
    arguments += ["--target-path", str(target), "--log-path", str(target)]
    result = subprocess.run(
        ["dbt", *arguments],
        cwd=warehouse.dbt.project,
        env={**environ_of(warehouse.settings), "LANDFALL_DEVELOPER": "Ada.L"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert warehouse.one("select sum(clicks) from dev_ada_l_marts.kpi_jobs_hourly") == EXPECTED_CLICKS
    assert (warehouse.position("dev_ada_l_intermediate.int_job_events"), warehouse.position(FACT)) == (1, 0)
    assert clicks(warehouse) == 0
