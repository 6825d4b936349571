"""Which tables a pass is of, and which of them wait for which others, from the manifest. Pure.

The same tables as dbt selects by the arguments of `warehouse.dbt_arguments`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from warehouse.dbt_manifest import BY_LOAD

OUR_HOOKS = (
    "check_reporting_timezone()",
    "capture_horizon()",
    "warn_of_dropped_landing()",
    "record_run(results)",
)
"""What dbt_project.yml calls at a run's start and end, which a pass without dbt does in its own way or needs not."""
NO_TABLES = ("view", "table", "ephemeral")
"""Views show new rows by themselves; a user's `table` is made anew by each whole refresh."""


@dataclass(frozen=True)
class PassPlan:
    """`by_script`: relations (schema.table) that Postgres refreshes by their scripts, each with those among them that
    it waits for; `by_dbt`: names of the models that only dbt can refresh, and of those that read them."""

    by_script: dict[str, frozenset[str]]
    by_dbt: tuple[str, ...]


def plan_pass(manifest: Any, streams: Collection[str], *, hot: bool, cold: bool) -> PassPlan:
    """The tables that read these streams: those without the tag `cold`, and those with it."""
    children = _children(manifest)
    landed = [
        key for key, source in manifest.sources.items() if source.source_name == "landing" and source.name in streams
    ]
    selected = {
        key: manifest.nodes[key]
        for key in _reached(children, landed)
        if _is_table(manifest.nodes.get(key)) and (cold if "cold" in manifest.nodes[key].tags else hot)
    }
    needs_dbt = [key for key, node in selected.items() if not _has_script(node)]
    by_dbt = {key for key in (*needs_dbt, *_reached(children, needs_dbt)) if key in selected}
    by_script = selected.keys() - by_dbt
    return PassPlan(
        by_script={
            _relation(selected[key]): frozenset(
                _relation(selected[other]) for other in _nearest_above(manifest, key, by_script)
            )
            for key in sorted(by_script)
        },
        by_dbt=tuple(sorted(selected[key].name for key in by_dbt)),
    )


def has_other_hooks(manifest: Any) -> bool:
    """Whether the project calls more at a run's start and end than ours does: only dbt can do that."""
    called = [node.raw_code for node in manifest.nodes.values() if str(node.resource_type) == "operation"]
    return any(code.strip("{} ") not in OUR_HOOKS for code in called)


def _is_table(node: Any) -> bool:
    """Whether it is a model that a pass refreshes."""
    return node is not None and str(node.resource_type) == "model" and node.config.materialized not in NO_TABLES


def _has_script(node: Any) -> bool:
    """Whether all that dbt would do with it where it is unchanged is in its script: hooks are not."""
    config = node.config
    return config.materialized == BY_LOAD and not (config.pre_hook or config.post_hook or config.full_refresh)


def _relation(node: Any) -> str:
    return f"{node.schema}.{node.alias}"


def _parents(node: Any) -> list[str]:
    """A seed reads nothing and has no such list."""
    return list(getattr(node.depends_on, "nodes", ())) if hasattr(node, "depends_on") else []


def _children(manifest: Any) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for key, node in manifest.nodes.items():
        if str(node.resource_type) in ("model", "snapshot"):
            for parent in _parents(node):
                children.setdefault(parent, []).append(key)
    return children


def _reached(children: dict[str, list[str]], begin: Collection[str]) -> Iterator[str]:
    """What reads these, itself or through others, each once."""
    waiting, seen = list(begin), set(begin)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                yield child


def _nearest_above(manifest: Any, key: str, among: Collection[str]) -> Iterator[str]:
    """Those among some that a node reads, itself or through what is none of them."""
    waiting, seen = _parents(manifest.nodes[key]), set()
    while waiting:
        parent = waiting.pop()
        if parent in seen:
            continue
        seen.add(parent)
        if parent in among:
            yield parent
        elif parent in manifest.nodes:
            waiting.extend(_parents(manifest.nodes[parent]))
