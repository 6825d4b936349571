"""Tells Dagster what landed: reads the ledger, and reports only when a load has finished."""

import json

import dagster as dg

from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import Contract, load_contracts
from landing_stream.topics import KafkaUnavailable, Topics
from orchestration.landed import Connection, Landed, landed_since, landing_metadata, topic_metadata
from orchestration.streams import landing_key, topic_key, topics_of

# Two events a stream and tick, about 1.2 KB each, that nothing removes: some 20 MB a day for three streams that land
# all the time. The daemon's own floor is about 5 s.
SECONDS_BETWEEN_TICKS = 30
ENRICHED = "(enriched)"
"""Key of the cursor beside those of the streams."""


@dg.sensor(
    name="landing_ledger",
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports what landed in each stream since the last tick, as the ledger says it.",
)
def landing_ledger(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One tick. The cursor is the last load reported, by stream."""
    seen: dict[str, int] = json.loads(context.cursor or "{}")
    settings = Settings.load()
    contracts = load_contracts()
    with connect(settings.as_transformer, autocommit=True, application_name="dagster ledger") as reader:
        looked = [landed_since(reader, stream, seen.get(stream)) for stream in contracts]
        enriched = loads_enriched(reader)
        enrichment = enrichment_events(reader, enriched) if enriched > seen.get(ENRICHED, 0) else []
    news = [landed for landed in looked if landed is not None]
    if not news:
        return dg.SkipReason("No load has finished since the last tick.")
    topics = topics_of(settings)
    events = [event for landed in news for event in events_of(landed, contracts[landed.stream], topics)]
    events += enrichment
    cursor = seen | {landed.stream: landed.load_id for landed in news} | {ENRICHED: enriched}
    return dg.SensorResult(asset_events=events, cursor=json.dumps(cursor, sort_keys=True))


def events_of(landed: Landed, contract: Contract, topics: Topics) -> list[dg.AssetMaterialization]:
    """What to report of one stream: its landing table, and before it its topic where Kafka answers."""
    try:
        topic = topics.offsets(contract.topic)
    except KafkaUnavailable:
        # What landed is known all the same; the next tick asks Kafka again.
        return [dg.AssetMaterialization(landing_key(landed.stream), metadata=landing_metadata(landed, None))]
    return [
        dg.AssetMaterialization(topic_key(contract), metadata=topic_metadata(topic)),
        dg.AssetMaterialization(landing_key(landed.stream), metadata=landing_metadata(landed, topic)),
    ]


def loads_enriched(reader: Connection) -> int:
    """How many loads are enriched, over all streams."""
    row = reader.execute("select coalesce(sum(position), 0)::bigint from enrichment.progress").fetchone()
    assert row is not None
    return int(row[0])


def enrichment_events(reader: Connection, loads: int) -> list[dg.AssetMaterialization]:
    """What to report of the tables that hold it; rows are those that Postgres estimates."""
    tables = reader.execute(
        "select relname, greatest(reltuples, 0)::bigint from pg_class"
        " where relnamespace = 'enrichment'::regnamespace and relkind = 'r' and relname <> 'progress' order by 1"
    ).fetchall()
    return [
        dg.AssetMaterialization(["enrichment", name], metadata={"dagster/row_count": rows, "loads": loads})
        for name, rows in tables
    ]
