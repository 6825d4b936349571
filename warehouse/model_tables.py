"""The tables that are filled load by load, and what each of them reads, from the manifest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.dbt_manifest import BY_LOAD

EVENT_COLUMNS = {"event_key", "load_id", "changed_load_id", "topic_id", "kafka_partition", "kafka_offset", "event_at"}


@dataclass(frozen=True)
class ModelTable:
    """The table of an incremental_by_load model. `path`: of its SQL, beneath dbt's folders of compiled and run SQL;
    `bucket`: columns that a rebuild deletes by; `upstream`: names of the tables above it, the farthest first."""

    name: str
    schema: str
    path: str
    stream: str
    strategy: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    bucket: tuple[str, ...]
    upstream: tuple[str, ...]
    reads_landing: bool
    """Whether it reads landed records, and not only what other tables made of them."""

    @property
    def relation(self) -> str:
        """schema.table, as ops.model_progress has it."""
        return f"{self.schema}.{self.name}"

    @property
    def is_fact(self) -> bool:
        """Whether it has a row for every event."""
        return self.reads_landing and set(self.columns) >= EVENT_COLUMNS


def model_tables(manifest: Any) -> dict[str, ModelTable]:
    """The tables of all incremental_by_load models that read one stream, by name."""
    found = {}
    for node in manifest.nodes.values():
        if not _is_by_load(node):
            continue
        sources = [manifest.sources[key] for key in _above(manifest, node) if key in manifest.sources]
        streams = {source.name for source in sources if source.source_name == "landing"}
        if len(streams) != 1:
            continue
        bucket = node.config.unique_key or []
        table = ModelTable(
            name=node.alias,
            schema=node.schema,
            path=f"{node.package_name}/{node.original_file_path}",
            stream=streams.pop(),
            strategy=node.config.incremental_strategy,
            columns=tuple(node.columns),
            key=next((tuple(each.columns) for each in node.constraints if each.type.value == "primary_key"), ()),
            bucket=(bucket,) if isinstance(bucket, str) else tuple(bucket),
            upstream=tuple(manifest.nodes[key].alias for key in _tables_above(manifest, node)),
            reads_landing=any(
                key in manifest.sources and manifest.sources[key].source_name == "landing"
                for key in _above(manifest, node, through_tables=False)
            ),
        )
        found[table.name] = table
    return found


def fact_of(tables: Mapping[str, ModelTable], stream: str) -> ModelTable | None:
    """The table that has a row for every event of the stream."""
    return next((table for table in tables.values() if table.stream == stream and table.is_fact), None)


def _is_by_load(node: Any) -> bool:
    return str(node.resource_type) == "model" and node.config.materialized == BY_LOAD


def _parents(node: Any) -> list[str]:
    """A seed reads nothing and has no such list."""
    return list(getattr(node.depends_on, "nodes", ()))


def _above(manifest: Any, node: Any, *, through_tables: bool = True) -> Iterator[str]:
    """What a model reads, itself or through others, each once."""
    waiting, seen = _parents(node), set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        yield key
        parent = manifest.nodes.get(key)
        if parent is not None and (through_tables or not _is_by_load(parent)):
            waiting.extend(_parents(parent))


def _tables_above(manifest: Any, node: Any) -> list[str]:
    """Keys of the incremental_by_load models above a model, each behind all those that it reads."""
    ordered: dict[str, None] = {}

    def visit(key: str) -> None:
        parent = manifest.nodes.get(key)
        if parent is None or key in ordered:
            return
        for above in _parents(parent):
            visit(above)
        if _is_by_load(parent):
            ordered[key] = None

    for key in _parents(node):
        visit(key)
    return list(ordered)
