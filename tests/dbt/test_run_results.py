"""What became of runs and tests stands in ops, whatever started them."""

import datetime as dt

import pytest

from cli.demo.refreshes import Refreshes, read_refreshes
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession


@pytest.fixture
def busy_warehouse(warehouse: Warehouse) -> Warehouse:
    """With some ads' events in the facts."""
    warehouse.land("job_tracking", job_events(20, seed=1))
    warehouse.run()
    return warehouse


def test_a_run_leaves_its_figures(busy_warehouse: Warehouse) -> None:
    ((started_by, command, models, rows, failed),) = busy_warehouse.rows(
        "select started_by, command, models, rows_written, failed from ops.runs order by started_at desc limit 1"
    )
    assert (started_by, command, failed) == ("dbt", "run", [])
    assert models > 5
    assert rows > 20


def test_a_test_leaves_its_newest_result(busy_warehouse: Warehouse) -> None:
    busy_warehouse.run("test", "--select", "kpi_jobs_hourly")
    results = busy_warehouse.rows("select status, relation, failures from ops.test_results")
    assert {status for status, _, _ in results} == {"pass"}
    assert "marts.kpi_jobs_hourly" in {relation for _, relation, _ in results}
    assert {failures for _, _, failures in results} == {0}


def test_a_run_that_fails_names_what_failed(busy_warehouse: Warehouse) -> None:
    busy_warehouse.reader.execute(
        "alter table intermediate.int_job_events__hourly add column spoiled int not null default 1"
    )
    busy_warehouse.reader.execute("alter table intermediate.int_job_events__hourly alter column spoiled drop default")
    busy_warehouse.land("job_tracking", job_events(5, seed=2))
    assert not busy_warehouse.dbt.run(pass_arguments(["job_tracking"])).ok
    ((failed, skipped),) = busy_warehouse.rows("select failed, skipped from ops.runs order by started_at desc limit 1")
    assert failed == ["int_job_events__hourly"]
    assert skipped > 0


def test_the_demo_counts_the_refreshes_of_its_follower_since_it_began(busy_warehouse: Warehouse) -> None:
    began = dt.datetime.now(dt.UTC)
    follower = DbtSession(busy_warehouse.settings, started_by="watch")
    assert read_refreshes(busy_warehouse.reader, began) == Refreshes()
    outcome = follower.run(pass_arguments(["job_tracking"]))
    ((took,), failures) = (read := read_refreshes(busy_warehouse.reader, began)).seconds, read.failures
    assert failures == ()
    assert 0 < took < outcome.seconds + 1
    busy_warehouse.reader.execute("alter table intermediate.int_job_events__hourly rename column clicks to spoiled")
    busy_warehouse.land("job_tracking", job_events(5, seed=2))
    assert not follower.run(pass_arguments(["job_tracking"])).ok
    assert read_refreshes(busy_warehouse.reader, began) == Refreshes((took,), ("int_job_events__hourly",))
    assert read_refreshes(busy_warehouse.reader, dt.datetime.now(dt.UTC)) == Refreshes()
