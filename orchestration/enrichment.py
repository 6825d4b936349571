"""What is known of user agents, addresses and referrers, as assets between the landing and the models."""

from collections.abc import Iterator

import dagster as dg

from enrichment.enricher import Enricher
from enrichment.tables import ADDRESSES, TABLES, Table
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from orchestration.manifest import Manifest
from orchestration.streams import landing_key
from orchestration.translator import OWNER, WarehouseTranslator

SCHEMA = "enrichment"


def enrichment_assets(manifest: Manifest, translator: WarehouseTranslator) -> dg.AssetsDefinition:
    """The tables of schema enrichment that dbt's sources name, brought up to what has landed by one pass.

    `landfall land` does the same all the time, so that a pass finds nothing to do as a rule: one query. What landed
    where none runs (a file, a replay, a landing that was killed) is enriched by the next refresh.
    """
    specs = [
        dg.AssetSpec(
            translator.get_asset_key(source),
            deps=[landing_key(stream) for stream in streams_of(source["identifier"])],
            description=source["description"],
            group_name=SCHEMA,
            kinds={"python", "postgres"},
            owners=[OWNER],
            metadata=translator.get_metadata(source),
        )
        for source in manifest["sources"].values()
        if source["source_name"] == SCHEMA
    ]

    @dg.multi_asset(name="enrich", specs=specs, can_subset=True)
    def enrich(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        enricher = Enricher(Settings.load())
        try:
            done = enricher.run_once()
        finally:
            enricher.close()
        context.log.info("%d new texts, %d looked at again, %d of them changed", done.new, done.reviewed, done.changed)
        for key in sorted(context.selected_asset_keys):
            rules = enricher.versions[table_of(key.path[-1]).kind]
            yield dg.MaterializeResult(asset_key=key, metadata={"rules": rules})

    return enrich


def table_of(name: str) -> Table:
    """The table that decides what is in this one: a location is where an address is."""
    return next((table for table in TABLES if table.name == name), ADDRESSES)


def streams_of(name: str) -> list[str]:
    """Streams whose contract marks a field for this table."""
    mark = table_of(name).enrichment
    contracts = load_contracts().values()
    return sorted(c.stream for c in contracts if any(field.enrichment == mark for field in c.fields))
