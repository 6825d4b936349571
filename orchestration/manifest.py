"""dbt's manifest: parsed once at set-up, read here, and refused when it is missing or older than the project."""

import json
from pathlib import Path
from typing import Any

from landfall.errors import UserError
from warehouse.dbt_manifest import newest_change
from warehouse.dbt_session import DBT_PROJECT

Manifest = dict[str, Any]
Node = dict[str, Any]


def read_manifest(project: Path = DBT_PROJECT) -> Manifest:
    """The manifest of a dbt project, never parsed anew: that takes 8 s, in every process that runs something.

    Raises UserError when it is missing, or older than a file of the project.
    """
    path = project / "target" / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path} is missing: run `make setup`, which parses the dbt project.")
    if newer := newest_change(project, path.stat().st_mtime):
        raise UserError(f"{path} is stale, {newer.relative_to(project)} is newer: run `make setup`.")
    manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
    return manifest


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
        if node["resource_type"] == "model" and node["config"]["materialized"] == "incremental"
    )
