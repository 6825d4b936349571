"""Whatever stands in a field, the marts move on: hostile texts in every field of the contracts, beside good events."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from psycopg import sql

from exports.export import export
from exports.marts import Mart, read_marts
from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event, job_events
from tests.dbt.hostile_values import hostile_events, mixed_events, ordinary_events
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic
from warehouse.catalogue import judged_marts, read_catalogue
from warehouse.dbt_arguments import refresh_arguments


def few(stream: str) -> list[Event]:
    """Some good events of the hostile day, at least one in each partition: what is behind them is complete."""
    return [event for number in range(3) for event in ordinary_events(stream, number)]


GOOD: dict[str, list[Event]] = {
    "job_tracking": [*job_events(300, seed=71), *few("job_tracking")],
    "product_views": [*shop_visits(seed=72), *few("product_views")],
    "web_logs": [*web_traffic(600, seed=73), *few("web_logs")],
}
"""Events that are well, of days on which nothing hostile is; the last of each stream are of the hostile day."""

LAST_GOOD_DAY = DAY.date() + dt.timedelta(days=9)


@pytest.fixture
def hostile(make_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A warehouse where every load has good events among many more hostile ones."""
    warehouse = make_warehouse()
    for stream, good in GOOD.items():
        warehouse.land(stream, [*hostile_events(stream), *good, *mixed_events(stream, 500, seed=74)])
    warehouse.run(*refresh_arguments())
    return warehouse


@pytest.fixture
def good(make_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """The same good events alone."""
    warehouse = make_warehouse()
    for stream, events in GOOD.items():
        warehouse.land(stream, events)
    warehouse.run(*refresh_arguments())
    return warehouse


def daily_marts(warehouse: Warehouse) -> list[Mart]:
    """Facts and KPI tables, all of which say the day of their rows."""
    catalogue = read_catalogue(warehouse.reader)
    marts = read_marts(warehouse.reader, catalogue, judged_marts(catalogue))
    assert len(marts) >= 20
    assert all(mart.day_column for mart in marts)
    return marts


def good_days(warehouse: Warehouse, mart: Mart) -> list[tuple[Any, ...]]:
    """What a mart says of the days of the good events, but for where and when these landed."""
    columns = [column.name for column in mart.columns]
    kept = [
        name for name in columns if not name.startswith(("kafka_", "landed_", "load_", "changed_load_", "updated_"))
    ]
    query = sql.SQL("select {} from {} as t where {} between {} and {} order by t::text").format(
        sql.SQL(", ").join(map(sql.Identifier, kept)), mart.relation, mart.day, DAY.date(), LAST_GOOD_DAY
    )
    return warehouse.reader.execute(query).fetchall()


def test_every_mart_moves_whatever_stands_in_a_field(hostile: Warehouse, good: Warehouse, tmp_path: Path) -> None:
    behind = hostile.rows(
        "select p.relation from ops.model_progress as p inner join ops.horizons as h on p.source = h.stream"
        " where p.position < h.landed_hi"
    )
    assert behind == []

    for stream in GOOD:
        landed, explained = hostile.rows(
            f"select (select count(*) from landing.{stream}), sum(winners + rejected + duplicates)::bigint"
            f" from intermediate.int_{stream}__accounts"
        )[0]
        assert landed == explained > 5_000
    assert hostile.rows("select * from ops.events_set_apart") == [], "the models need no help"
    assert hostile.one("select count(*) from ops.data_quality") > 500

    marts = daily_marts(hostile)
    expected = {mart.name: good_days(good, mart) for mart in marts}
    assert [name for name, rows in expected.items() if not rows] == []
    assert [mart.name for mart in marts if good_days(hostile, mart) != expected[mart.name]] == []

    outcome = hostile.dbt.run(("test", "--exclude", "test_type:unit"))
    assert [(each.name, each.message) for each in outcome.failed] == []

    exported = export(hostile.settings, str(tmp_path))
    assert {each.mart for each in exported} >= {mart.name for mart in marts}
    for each in exported:
        assert ds.dataset(tmp_path / each.path, format="parquet").count_rows() == each.rows
