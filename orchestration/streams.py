"""Topics and landing tables as assets that others fill: Dagster shows them, the landing stream writes them."""

import json
from collections.abc import Iterable, Sequence
from functools import cache

import dagster as dg

from landfall.settings import Settings
from landing_stream.contract import Contract
from landing_stream.topics import Topics

TOPIC_OWNER = "team:producers"
LANDING_OWNER = "team:landing"


def topic_key(contract: Contract) -> dg.AssetKey:
    """The asset of a stream's Kafka topic."""
    return dg.AssetKey(["kafka", contract.stream])


def landing_key(stream: str) -> dg.AssetKey:
    """The asset of a stream's landing table; dbt's source `landing.<stream>` has the same."""
    return dg.AssetKey(["landing", stream])


def stream_assets(contracts: Iterable[Contract]) -> list[dg.AssetSpec]:
    """Two assets a contract: its topic, and its landing table below it."""
    return [spec for contract in contracts for spec in (topic_asset(contract), landing_asset(contract))]


def topic_asset(contract: Contract) -> dg.AssetSpec:
    """The Kafka topic of a contract."""
    return dg.AssetSpec(
        topic_key(contract),
        description=contract.description,
        group_name="kafka",
        kinds={"kafka"},
        owners=[TOPIC_OWNER],
        metadata={
            "dagster/column_schema": columns(contract, contract.field_names, "json"),
            "topic": contract.topic,
            "event_key": event_key(contract),
            "event_time": event_time(contract),
        },
    )


def event_key(contract: Contract) -> str:
    """What events are known by, in words."""
    items = [item if isinstance(item, str) else " and ".join(item) for item in contract.key_fields]
    return ", else ".join(items) or "the record's place"


def event_time(contract: Contract) -> str:
    """Where an event's time stands, and in which unit."""
    unit = contract.event_time_format or contract.event_time_unit
    zone = "" if contract.event_time_zone == "UTC" else f", {contract.event_time_zone}"
    return f"{' › '.join([contract.event_time_field, *contract.event_time_path])} ({unit}{zone})"


def landing_asset(contract: Contract) -> dg.AssetSpec:
    """The landing table of a contract, with its columns."""
    return dg.AssetSpec(
        landing_key(contract.stream),
        deps=[topic_key(contract)],
        description=(
            f"{contract.description} Every record once, fields as sent. "
            "Materialized by `landfall land`; what the ledger says of it is reported here."
        ),
        group_name="landing",
        kinds={"spark", "postgres"},
        owners=[LANDING_OWNER],
        metadata={
            "dagster/table_name": f"landing.{contract.stream}",
            "dagster/column_schema": columns(contract, contract.columns, "text"),
        },
    )


def columns(contract: Contract, names: Sequence[str], kind: str) -> dg.TableSchema:
    """A contract's fields by these names, all of one type: as sent. Personal data is marked."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, description=field.description, tags={"pii": ""} if field.pii else {})
            for name, field in zip(names, contract.fields, strict=True)
        ]
    )


def topics_of(settings: Settings) -> Topics:
    """The Kafka client of these settings, one a process: each has threads of its own."""
    return client_of(json.dumps(settings.kafka.client_config(), sort_keys=True))


@cache
def client_of(client_config: str) -> Topics:
    """By the configuration's text."""
    return Topics(json.loads(client_config))
