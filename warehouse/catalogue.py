"""What each of dbt's models is to whoever reads it: its kind, the streams that it reads, the column of its days.

dbt's graph is the only source; dbt_project/macros/catalogue.sql says what stands where. Who asks Postgres anyway reads
the view ops.catalogue; who has the manifest at hand, or may read no more than the marts, reads that. Both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

JUDGED = ("kpi", "fact")
"""Kinds of marts whose rows come with events. Dimensions change with them, and a latest day is its table's."""


@dataclass(frozen=True)
class Model:
    """A row of ops.catalogue: see its columns in dbt_project/models/quality."""

    relation: str
    kind: str
    streams: tuple[str, ...]
    day_column: str | None
    counts: tuple[str, ...]
    description: str

    @property
    def schema(self) -> str:
        """As marts."""
        return self.relation.partition(".")[0]

    @property
    def name(self) -> str:
        """Without its schema."""
        return self.relation.partition(".")[2]


Catalogue = Iterable[Model]


def read_catalogue(connection: psycopg.Connection[Any]) -> list[Model]:
    """All models by relation; none before they were made. `connection`: role transformer."""
    ((there,),) = connection.execute("select to_regclass('ops.catalogue') is not null").fetchall()
    if not there:
        return []
    query = "select relation, kind, streams, day_column, counts, description from ops.catalogue order by relation"
    return [
        Model(relation, kind, tuple(streams), day_column, tuple(counts), description)
        for relation, kind, streams, day_column, counts, description in connection.execute(query)
    ]


def catalogue_of(manifest: Mapping[str, Any]) -> list[Model]:
    """The same, from the manifest of the set-up (warehouse.dbt_manifest.read_manifest)."""
    found = []
    for key, node in manifest["nodes"].items():
        if node["resource_type"] == "model":
            meta = node["config"]["meta"]
            found.append(
                Model(
                    relation=f"{schema_of(node)}.{node['alias']}",
                    kind=meta.get("kind", "other"),
                    streams=tuple(sorted(set(streams_above(manifest, key)))),
                    day_column=meta.get("day_column"),
                    counts=tuple(meta.get("counts", ())),
                    description=node["description"].strip(),
                )
            )
    return sorted(found, key=lambda model: model.relation)


def schema_of(node: Mapping[str, Any]) -> str:
    """The schema as the project names it (staging, marts, …), whatever target the manifest was parsed for."""
    return str(node["config"].get("schema") or node["schema"])


def streams_above(manifest: Mapping[str, Any], key: str) -> Iterator[str]:
    """Streams whose landing table a model reads, itself or through others."""
    waiting, seen = [key], set()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        source = manifest["sources"].get(each)
        if source is not None and source["source_name"] == "landing":
            yield source["name"]
        waiting += manifest["nodes"].get(each, {}).get("depends_on", {}).get("nodes", ())


def of_kind(catalogue: Catalogue, kind: str) -> dict[str, Model]:
    """The model of each stream that is of a kind of which every stream has one, by stream."""
    return {model.streams[0]: model for model in catalogue if model.kind == kind}


def judged_marts(catalogue: Catalogue) -> list[str]:
    """KPI tables and facts of schema marts, by name."""
    return [model.name for model in catalogue if model.kind in JUDGED]
