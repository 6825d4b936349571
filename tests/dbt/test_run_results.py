"""What became of runs and tests stands in ops, whichever door they came through."""

import uuid

import pytest

from tests.dbt.conftest import Warehouse
from tests.dbt.shop_events import view

RELATION = "marts.fct_product_events"


@pytest.fixture
def busy_warehouse(warehouse: Warehouse) -> Warehouse:
    """With one view in the facts."""
    warehouse.land("product_views", [view()])
    warehouse.run()
    return warehouse


def test_a_run_leaves_its_figures(busy_warehouse: Warehouse) -> None:
    ((door, command, models, rows, failed),) = busy_warehouse.rows(
        "select door, command, models, rows_written, failed from ops.runs order by started_at desc limit 1"
    )
    assert (door, command, failed) == ("dbt", "run", [])
    assert models > 5
    assert rows > 5


def test_a_test_leaves_its_newest_result(busy_warehouse: Warehouse) -> None:
    busy_warehouse.run("test", "--select", "int_product_events,test_type:generic")
    results = busy_warehouse.rows("select status, relation, failures from ops.test_results")
    assert {status for status, _, _ in results} == {"pass"}
    assert "intermediate.int_product_events" in {relation for _, relation, _ in results}
    assert {failures for _, _, failures in results} == {0}


def test_a_run_that_fails_names_what_failed(busy_warehouse: Warehouse) -> None:
    busy_warehouse.reader.execute("alter table intermediate.int_products add column spoiled int not null")
    busy_warehouse.land("product_views", [view(product_id=str(uuid.uuid4().int % 10**6))])
    outcome = busy_warehouse.dbt.run(["run", "--select", "int_product_events", "int_products"])
    assert not outcome.ok
    (failed,) = busy_warehouse.rows("select failed, skipped from ops.runs order by started_at desc limit 1")
    assert failed == (["int_products"], 0)
