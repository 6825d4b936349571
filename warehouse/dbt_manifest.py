"""The parsed dbt project that set-up prepared, so that no command parses it again (5 s instead of 0.2 s)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from landfall.errors import UserError

NOT_SOURCES = ("target", "logs", "dbt_packages")


def load_manifest(project: Path, database: str) -> Any:
    """dbt's Manifest of `project`, for a database of this name.

    Raises UserError when it is missing or older than a file of the project.
    """
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.contracts.graph.manifest import Manifest

    path = project / "target" / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path} is missing: run `make setup`, which parses the dbt project.")
    if newer := newest_change(project, path.stat().st_mtime):
        raise UserError(f"{path} is stale, {newer.relative_to(project)} is newer: run `make setup`.")
    manifest = Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(str(path)))
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        move_to_database(node, database)
    # What models see as `graph`; dbt builds it only for a manifest that it parsed itself.
    manifest.build_flat_graph()
    return manifest


def move_to_database(node: Any, database: str) -> None:
    """The parse wrote the name of its own database into each relation; the database of this run may have another."""
    parsed_for, node.database = node.database, database
    if getattr(node, "relation_name", None):
        node.relation_name = node.relation_name.replace(f'"{parsed_for}".', f'"{database}".', 1)


def newest_change(project: Path, since: float) -> Path | None:
    """The file of the project that was changed last, when that was after `since` (seconds since 1970); else None."""
    times = {path.stat().st_mtime: path for path in project_files(project)}
    newest = max(times, default=since)
    return times[newest] if newest > since else None


def project_files(project: Path) -> list[Path]:
    """Files that a parse depends on."""
    return [
        path for path in project.rglob("*") if path.is_file() and path.relative_to(project).parts[0] not in NOT_SOURCES
    ]
