"""What dbt inside this process rebuilt, as Dagster shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.manifest import Manifest
from orchestration.translator import WarehouseTranslator
from warehouse.dbt_session import NodeOutcome, Outcome
from warehouse.refresh import first_trouble

BUILT = ("model", "seed", "snapshot")


def asset_keys(manifest: Manifest, translator: WarehouseTranslator) -> dict[str, dg.AssetKey]:
    """The asset of each model, seed and snapshot, by dbt's name."""
    nodes = manifest["nodes"].values()
    return {node["name"]: translator.get_asset_key(node) for node in nodes if node["resource_type"] in BUILT}


def rebuilt(outcome: Outcome, keys: Mapping[str, dg.AssetKey]) -> Iterator[dg.AssetMaterialization]:
    """One event for each asset that was rebuilt, with the rows written and the seconds it took."""
    for node in outcome.nodes:
        if node.kind in BUILT and node.status == "success" and node.name in keys:
            metadata = {"rows_written": node.rows, "seconds": round(node.seconds, 3)}
            yield dg.AssetMaterialization(keys[node.name], metadata=metadata)


def outcome_metadata(outcome: Outcome) -> dict[str, Any]:
    """A run of dbt in figures, and the tables that it wrote to, the most rows first."""
    written = sorted(
        (node for node in outcome.nodes if node.kind == "model" and node.rows > 0), key=lambda node: -node.rows
    )
    return {
        "models": sum(node.kind in BUILT for node in outcome.nodes),
        "rows_written": sum(node.rows for node in written),
        "seconds": round(outcome.seconds, 1),
        "tables": dg.MetadataValue.table(
            [dg.TableRecord({"model": node.name, "rows_written": node.rows}) for node in written],
            # without records Dagster cannot tell the columns
            schema=dg.TableSchema([dg.TableColumn("model", "string"), dg.TableColumn("rows_written", "int")]),
        ),
    }


def refuse_failure(outcome: Outcome) -> None:
    """Raises dagster.Failure, with what failed first in words, unless all went well."""
    if outcome.ok:
        return
    raise dg.Failure(
        f"{first_trouble(outcome)}. What was rebuilt before is right; start this again when the cause is gone.",
        metadata={"failed": ", ".join(describe(node) for node in outcome.failed), "skipped": outcome.skipped},
        allow_retries=False,
    )


def describe(node: NodeOutcome) -> str:
    """`name: message` of a node that failed."""
    return f"{node.name}: {node.message}"
