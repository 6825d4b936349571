"""Tells Dagster when reference tables were loaded: `landfall reference load` runs outside of it."""

import datetime as dt
import json
from collections.abc import Iterable

import dagster as dg
import psycopg
from psycopg import sql

from database.connect import connect
from landfall.settings import Settings

SCHEMA = "reference"


def reference_sensor(assets: Iterable[dg.AssetSpec]) -> dg.SensorDefinition:
    """A sensor over those of `assets` that are tables of schema reference."""
    tables = sorted(spec.key.path[-1] for spec in assets if spec.key.path[0] == SCHEMA)

    @dg.sensor(
        name="reference_tables",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports reference tables that were loaded since the last tick.",
    )
    def reference_tables(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        with connect(Settings.load().as_transformer, application_name="dagster reference") as reader:
            found = {table: loaded(reader, table) for table in tables}
        events = [
            dg.AssetMaterialization(
                [SCHEMA, table], metadata={"rows": rows, "last_load": dg.MetadataValue.timestamp(last)}
            )
            for table, (rows, last) in found.items()
            if last is not None and seen.get(table) != last.isoformat()
        ]
        if not events:
            return dg.SkipReason("No reference table was loaded since the last tick.")
        moments = {table: last.isoformat() for table, (_, last) in found.items() if last is not None}
        return dg.SensorResult(asset_events=events, cursor=json.dumps(moments, sort_keys=True))

    return reference_tables


def loaded(reader: psycopg.Connection[tuple[object, ...]], table: str) -> tuple[int, dt.datetime | None]:
    """(rows that the source has, when one of the table's rows last changed; None when it is empty)."""
    row = reader.execute(
        sql.SQL(
            "select count(*) filter (where removed_at is null), max(greatest(loaded_at, removed_at)) from {}"
        ).format(sql.Identifier(SCHEMA, table))
    ).fetchone()
    assert row is not None
    rows, last = row
    assert isinstance(rows, int)
    assert last is None or isinstance(last, dt.datetime)
    return rows, last
