"""dbt's manifest: parsed once at set-up, read here, and refused when it is missing or older than the project."""

from typing import Any

from warehouse.catalogue import schema_of
from warehouse.dbt_manifest import BY_LOAD

Manifest = dict[str, Any]
Node = dict[str, Any]


def layer(node: Node) -> str:
    """The schema as the project names it (staging, marts, …), whatever target the manifest was parsed for."""
    if node["resource_type"] == "source":
        return str(node["source_name"])
    return schema_of(node)


def progress_relations(manifest: Manifest) -> list[str]:
    """`schema.table` of every model whose position stands in ops.model_progress."""
    return sorted(
        f"{layer(node)}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == BY_LOAD
    )


def with_reads(manifest: Manifest) -> Manifest:
    """The manifest with the tables that quality models find by their kind (meta.reads) among what they depend on: dbt
    knows none of these, and the lineage shows them."""
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    for key, node in models.items():
        reads = node["config"]["meta"].get("reads", ())
        found = [other for other, model in models.items() if model["config"]["meta"].get("kind") in reads]
        node["depends_on"]["nodes"] += found
        manifest["parent_map"][key] += found
        for other in found:
            manifest["child_map"][other].append(key)
    return manifest
