"""Dagster shows what the ledger says, once, and only when a load has finished."""

import json

import dagster as dg

from database.connect import connect
from enrichment.enricher import enrich
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.ledger import draw_load, start_writer
from landing_stream.topics import Topics
from orchestration.landing_sensor import landing_ledger
from tests.orchestration.conftest import Land

WEB_LOGS = dg.AssetKey(["landing", "web_logs"])
REQUEST = {"event_id": "1", "timestamp": "2026-01-01T00:00:00Z", "action": "view_product"}


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[list[dg.AssetMaterialization], str | None]:
    """One real evaluation; its events are reported as the daemon does it. Returns them and the new cursor."""
    data = landing_ledger.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
    events = [event for event in data.asset_events if isinstance(event, dg.AssetMaterialization)]
    for event in events:
        instance.report_runless_asset_event(event)
    return events, data.cursor


def shown(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, object]:
    """Metadata of the newest materialization that the instance has."""
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_nothing_is_reported_before_anything_landed(warehouse: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(instance)[0] == []


def test_a_load_shows_as_the_ledger_counted_it(warehouse: Settings, land: Land) -> None:
    load_id = land("web_logs", [REQUEST, REQUEST, b"not json"])
    topics = Topics(warehouse.kafka.client_config())
    topic = load_contracts()["web_logs"].topic
    topic_id, partitions = topics.describe(topic)
    ends = topics.latest(topic, partitions)
    with dg.DagsterInstance.ephemeral() as instance:
        events, _ = tick(instance)
        assert [event.asset_key.path for event in events] == [["kafka", "web_logs"], ["landing", "web_logs"]]
        landed = shown(instance, WEB_LOGS)
        assert {name: landed[name] for name in ("load_id", "loads", "rows", "quarantined", "holes", "gaps")} == {
            "load_id": load_id,
            "loads": 1,
            "rows": 2,
            "quarantined": 1,
            "holes": 0,
            "gaps": 0,
        }
        # Partition 0 has landed to its end; what other tests left in the other partitions has not landed here.
        assert landed["lag"] == sum(ends.values()) - ends[0]
        offsets = events[1].metadata["offsets"]
        assert isinstance(offsets, dg.TableMetadataValue)
        assert [record.data for record in offsets.records] == [
            {"partition": 0, "next_offset": ends[0], "topic_id": str(topic_id)}
        ]
        assert shown(instance, dg.AssetKey(["kafka", "web_logs"]))["partitions"] == len(partitions)


def test_each_load_is_reported_once(warehouse: Settings, land: Land) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        land("web_logs", [REQUEST])
        _, cursor = tick(instance)
        assert tick(instance, cursor)[0] == []
        land("web_logs", [REQUEST, REQUEST])
        land("web_logs", [REQUEST, REQUEST, REQUEST])
        events, _ = tick(instance, cursor)
        assert {event.asset_key.path[1] for event in events} == {"web_logs"}
        landed = shown(instance, WEB_LOGS)
        assert (landed["loads"], landed["rows"]) == (2, 5)


def test_a_load_that_is_still_open_is_not_reported(warehouse: Settings, land: Land) -> None:
    first = land("web_logs", [REQUEST])
    with connect(warehouse.as_writer, autocommit=True) as connection:
        draw_load(connection, start_writer(connection, "web_logs", "stream"))
    with dg.DagsterInstance.ephemeral() as instance:
        tick(instance)
        assert shown(instance, WEB_LOGS)["load_id"] == first


def test_a_new_database_under_an_old_instance_starts_over(warehouse: Settings, land: Land) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        land("web_logs", [REQUEST])
        _, cursor = tick(instance, '{"web_logs": 4711}')
        assert shown(instance, WEB_LOGS)["rows"] == 1
        assert cursor is not None
        assert json.loads(cursor)["web_logs"] == 1


def test_what_is_known_of_agents_and_addresses_is_reported_when_loads_were_enriched(
    warehouse: Settings, land: Land
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        land("web_logs", [REQUEST])
        _, cursor = tick(instance)
        load_id = land("web_logs", [REQUEST])
        enrich(warehouse)
        events, _ = tick(instance, cursor)
        tables = {event.asset_key.path[1] for event in events if event.asset_key.path[0] == "enrichment"}
        assert tables == {"ip_address", "location", "referrer_host", "user_agent"}
        assert shown(instance, dg.AssetKey(["enrichment", "user_agent"]))["loads"] == load_id
