"""The models of schema marts with their columns, as dbt's manifest has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landfall.errors import UserError
from warehouse.catalogue import schema_of

SCHEMA = "marts"


@dataclass(frozen=True)
class Column:
    """A column as dbt describes it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Mart:
    """A table or view of the marts as dbt describes it."""

    name: str
    description: str
    columns: Mapping[str, Column]

    def column(self, name: str) -> Column:
        """Raises UserError for one that it does not have."""
        if name not in self.columns:
            raise UserError(f"model {self.name} has no column {name!r}: it has {', '.join(self.columns)}")
        return self.columns[name]


class Marts:
    """All of them."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._marts = {
            node["alias"]: Mart(
                node["alias"],
                " ".join(node["description"].split()),
                {
                    name: Column(name, column["data_type"], " ".join(column["description"].split()))
                    for name, column in node["columns"].items()
                },
            )
            for node in manifest["nodes"].values()
            if node["resource_type"] == "model" and schema_of(node) == SCHEMA
        }

    def mart(self, name: str) -> Mart:
        """Raises UserError for one that is not there."""
        if name not in self._marts:
            raise UserError(f"there is no model {name!r} in {SCHEMA}")
        return self._marts[name]
