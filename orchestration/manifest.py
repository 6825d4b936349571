"""dbt's manifest: parsed once at set-up, read here, and refused when it is missing or older than the project."""

from typing import Any

from warehouse.dbt_manifest import BY_LOAD

Manifest = dict[str, Any]
Node = dict[str, Any]


def layer(node: Node) -> str:
    """The schema as the project names it (staging, marts, …), whatever target the manifest was parsed for."""
    if node["resource_type"] == "source":
        return str(node["source_name"])
    return str(node["config"].get("schema") or node["schema"])


def progress_relations(manifest: Manifest) -> list[str]:
    """`schema.table` of every model whose position stands in ops.model_progress."""
    return sorted(
        f"{layer(node)}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == BY_LOAD
    )
