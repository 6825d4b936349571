"""How dbt's models, seeds, snapshots and sources look in Dagster: one small method for each concern."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from orchestration.groups import group_of
from orchestration.manifest import Manifest, layer

OWNER = "team:warehouse"


class WarehouseTranslator(DagsterDbtTranslator):
    """A key is layer and name (`marts/kpi_jobs_hourly`), so that it does not change with dbt's target."""

    def __init__(self, facts: frozenset[str]) -> None:
        """`facts`: unique ids of the models that are shown as facts (see groups.py)."""
        self._facts = facts
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True, enable_source_metadata=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return dg.AssetKey([layer(dict(dbt_resource_props)), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return group_of(dict(dbt_resource_props), self._facts)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # Without the SQL that the default appends: it stands in the repository, and the page is for readers of tables.
        return str(dbt_resource_props.get("description") or "")

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        # Schema and table alone: the database that the default begins with is the one of the set-up.
        relation = f"{layer(dict(dbt_resource_props))}.{dbt_resource_props.get('alias') or dbt_resource_props['name']}"
        return {**super().get_metadata(dbt_resource_props), "dagster/table_name": relation}

    def get_asset_check_spec(self, *arguments: Any, **named: Any) -> dg.AssetCheckSpec | None:
        # dbt itself stops what depends on a failed test. A blocking one fails its run in Dagster: a second alert.
        spec = super().get_asset_check_spec(*arguments, **named)
        return spec._replace(blocking=False) if spec else None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return [OWNER]

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        materialized = dbt_resource_props["config"].get("materialized")
        return {**super().get_tags(dbt_resource_props), **({"materialized": materialized} if materialized else {})}


def reference_assets(
    manifest: Manifest, translator: WarehouseTranslator, filled_here: Set[dg.AssetKey]
) -> list[dg.AssetSpec]:
    """Sources that models read and nothing here fills, such as the tables of `landfall reference load`."""
    readers = manifest["child_map"]
    specs = [
        dg.AssetSpec(
            translator.get_asset_key(source),
            description=source.get("description") or source.get("source_description") or None,
            group_name=translator.get_group_name(source),
            kinds={"postgres"},
            owners=[OWNER],
            metadata=translator.get_metadata(source),
        )
        for unique_id, source in manifest["sources"].items()
        if source["source_name"] != "landing" and any(child.startswith("model.") for child in readers[unique_id])
    ]
    return [spec for spec in specs if spec.key not in filled_here]
