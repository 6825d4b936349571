"""What dbt inside this process rebuilt, as Dagster shows it."""

from typing import Any

import dagster as dg

from database.connect import connect
from landfall.settings import Settings
from orchestration.figures import BUILT, materializations, written
from warehouse.dbt_session import NodeOutcome, Outcome
from warehouse.refresh import first_trouble


def rebuilt(settings: Settings, outcome: Outcome) -> list[dg.AssetMaterialization]:
    """One event for each asset that was rebuilt, with what a refresh shows of it."""
    with connect(settings.as_transformer, autocommit=True, application_name="dagster run") as reader:
        return materializations(reader, written(outcome), {})


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
