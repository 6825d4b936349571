"""The parsed dbt project that set-up prepared, so that no command parses it again (5 s instead of 0.2 s)."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from landfall.errors import UserError
from landfall.layout import PROJECT

DBT_PROJECT = PROJECT / "dbt_project"
BY_LOAD = "incremental_by_load"
"""The materialization whose models have their position in ops.model_progress."""
NOT_SOURCES = ("target", "logs", "dbt_packages", ".user.yml")
"""The last one is dbt's own, which it writes beside the profile when it is called outside a project."""
WRITTEN_SECONDS = 5.0
"""How long dbt may take to write its manifest."""


def load_manifest(project: Path, database: str) -> Any:
    """dbt's Manifest of `project`, for target prod in a database of this name.

    Raises UserError when it is missing or older than a file of the project.
    """
    # Imported here for start-up time.
    from dbt.contracts.graph.manifest import Manifest  # first: the schemas below are complete only after it
    from dbt.artifacts.schemas.manifest import WritableManifest  # isort: skip
    from dbt.contracts.graph.nodes import GenericTestNode

    written = read_manifest(project)
    manifest = Manifest.from_writable_manifest(WritableManifest.from_dict(written))
    for key, node in written["nodes"].items():
        if node.get("test_metadata"):
            # dbt reads its own generic tests back as singular ones, which then lack their arguments
            manifest.nodes[key] = GenericTestNode.from_dict(node)
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        move_to_prod(node, database)
    # What models see as `graph`; dbt builds it only for a manifest that it parsed itself.
    manifest.build_flat_graph()
    return manifest


def read_manifest(project: Path = DBT_PROJECT) -> dict[str, Any]:
    """The manifest of `project` as it was written; a dbt that is typed by hand may be writing it just now.

    Raises UserError when it is missing, damaged, or older than a file of the project.
    """
    path = project / "target" / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path} is missing: run `make setup`, which parses the dbt project.")
    if newer := newest_change(project, path.stat().st_mtime):
        raise UserError(f"{path} is stale, {newer.relative_to(project)} is newer: run `make setup`.")
    deadline = time.monotonic() + WRITTEN_SECONDS
    while True:
        try:
            written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return written
        except ValueError as error:
            if time.monotonic() > deadline:
                raise UserError(f"{path} is damaged: remove it and run `make setup`.") from error
        time.sleep(0.1)


def move_to_prod(node: Any, database: str) -> None:
    """Parsing wrote its own database into each relation, and a developer's `dbt build --target dev` their schemas."""
    node.database = database
    if node.resource_type in ("model", "seed", "snapshot"):
        node.schema = node.config.schema or node.schema
    if getattr(node, "relation_name", None):
        name = node.identifier if node.resource_type == "source" else node.alias
        node.relation_name = f'"{database}"."{node.schema}"."{name}"'


def newest_change(project: Path, since: float) -> Path | None:
    """The file of the project that was changed last, when that was after `since` (seconds since 1970); else None."""
    times = {path.stat().st_mtime: path for path in project_files(project)}
    newest = max(times, default=since)
    return times[newest] if newest > since else None


def project_checksum(project: Path) -> str:
    """md5 of what is in the project's files, by their names: whatever dbt makes of them follows from it."""
    digest = hashlib.md5(usedforsecurity=False)
    for path in sorted(project_files(project)):
        digest.update(f"{path.relative_to(project)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def built_md5(project: Path, reporting_timezone: str | None) -> str:
    """md5 of all that the models' SQL is made of: the project's files, and the zone that a setting names."""
    text = f"{project_checksum(project)} {reporting_timezone or ''}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def project_files(project: Path) -> list[Path]:
    """Files that a parse depends on."""
    found = (path for path in project.rglob("*") if path.is_file())
    return [path for path in found if path.relative_to(project).parts[0] not in NOT_SOURCES]
