"""Marts as Parquet in a folder or a bucket: assets behind the marts, and a job once a day, where a place is named."""

from collections.abc import Iterator

import dagster as dg

from exports.columns import Column
from exports.export import Exported, export
from exports.marts import SCHEMA, is_exported
from landfall.errors import UserError
from landfall.settings import Settings
from orchestration.groups import is_model
from orchestration.manifest import Manifest, Node, layer
from orchestration.translator import OWNER
from warehouse.catalogue import catalogue_of

GROUP = "exports"
OFF = (
    "LANDFALL_EXPORT_URL is not set: name a folder or s3://BUCKET/PREFIX, and the marts are exported to it once a day."
)


def export_key(mart: str) -> dg.AssetKey:
    """The asset of a mart's files."""
    return dg.AssetKey([GROUP, mart])


def exported_marts(manifest: Manifest) -> list[Node]:
    """The marts that are exported, in order of their names: all but the `…_latest` views."""
    nodes = {f"{layer(node)}.{node['alias']}": node for node in manifest["nodes"].values() if is_model(node)}
    models = catalogue_of(manifest)
    return [nodes[model.relation] for model in models if model.schema == SCHEMA and is_exported(model)]


def columns_of_files(mart: Node) -> dg.TableSchema:
    """The columns of a mart's files, with their types in Parquet."""
    columns = [Column(name, each["data_type"], each["description"]) for name, each in mart["columns"].items()]
    return dg.TableSchema(
        [dg.TableColumn(column.name, str(column.arrow), description=column.description) for column in columns]
    )


def exports_definitions(manifest: Manifest) -> dg.Definitions:
    """One asset a mart, the job `export` of all of them, and its daily schedule."""
    specs = [
        dg.AssetSpec(
            export_key(mart["alias"]),
            deps=[dg.AssetKey([SCHEMA, mart["alias"]])],
            description=f"marts.{mart['alias']} as Parquet files, one a day where it has days: only changed days are"
            " written.",
            group_name=GROUP,
            kinds={"python", "parquet"},
            owners=[OWNER],
            metadata={"dagster/column_schema": columns_of_files(mart)},
        )
        for mart in exported_marts(manifest)
    ]

    @dg.multi_asset(name="export_marts", specs=specs, can_subset=True)
    def export_marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        settings = Settings.load()
        if settings.export_url is None:
            raise dg.Failure(OFF)
        marts = sorted(key.path[-1] for key in context.selected_asset_keys)
        done: list[Exported] = []
        trouble: UserError | None = None
        try:
            export(settings, settings.export_url, marts, redshift=True, report=done.append)
        except UserError as problem:
            trouble = problem
        for exported in done:
            yield dg.MaterializeResult(asset_key=export_key(exported.mart), metadata=metadata(exported))
        if trouble is not None:
            raise dg.Failure(trouble.format_message()) from trouble

    job = dg.define_asset_job(
        "export",
        selection=dg.AssetSelection.assets(export_marts),
        description="Bring the Parquet files of LANDFALL_EXPORT_URL to what the marts hold.",
    )

    @dg.schedule(
        name="export_daily",
        job=job,
        cron_schedule="22 4 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Once a day, after the nightly build; skipped where LANDFALL_EXPORT_URL is not set.",
    )
    def export_daily() -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(OFF) if Settings.load().export_url is None else dg.RunRequest()

    return dg.Definitions(assets=[export_marts], jobs=[job], schedules=[export_daily])


def metadata(exported: Exported) -> dict[str, dg.MetadataValue]:
    """What an asset's page shows of an export."""
    return {
        "path": dg.MetadataValue.path(exported.path),
        "dagster/row_count": dg.MetadataValue.int(exported.rows),
        "files": dg.MetadataValue.int(exported.files),
        "bytes": dg.MetadataValue.int(exported.size),
        "days_written": dg.MetadataValue.int(exported.written),
        "days_removed": dg.MetadataValue.int(exported.removed),
        "values_cut_or_left_out": dg.MetadataValue.int(exported.misfits),
    }
