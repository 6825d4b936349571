"""Dagster shows when master data was loaded, though that happens outside of it."""

import dagster as dg

from database.connect import connect
from landfall.settings import Settings
from orchestration.reference_sensor import reference_sensor

TABLES = [dg.AssetSpec(["reference", "company"]), dg.AssetSpec(["reference", "group"]), dg.AssetSpec(["other", "x"])]


def tick(cursor: str | None) -> tuple[dict[str, object], str | None]:
    """One real evaluation: rows by table reported, and the new cursor."""
    with dg.DagsterInstance.ephemeral() as instance:
        data = reference_sensor(TABLES).evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
    return {event.asset_key.path[1]: event.metadata["rows"].value for event in data.asset_events}, data.cursor


def test_a_table_is_reported_once_for_each_time_it_was_loaded(warehouse: Settings) -> None:
    assert tick(None)[0] == {}
    with connect(warehouse.as_transformer, autocommit=True) as connection:
        connection.execute("insert into reference.company (id) values (1), (2)")
        seen, cursor = tick(None)
        assert seen == {"company": 2}
        assert tick(cursor)[0] == {}
        connection.execute("update reference.company set removed_at = clock_timestamp() where id = 2")
        connection.execute("insert into reference.group (id) values (7)")
        assert tick(cursor)[0] == {"company": 1, "group": 1}
