"""What Dagster shows of a model after a refresh: rows written, load, lag, newest event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql

from warehouse.dbt_session import Outcome

Connection = psycopg.Connection[tuple[Any, ...]]

COST_OF_A_COUNT = 5_000
"""In Postgres' units: some 80,000 rows of a fact with its joins, 30 ms. The 94 tables and views of a demo: 0.4 s."""
BUILT = ("model", "seed", "snapshot")
"""Nodes of dbt that are relations, and assets."""


@dataclass(frozen=True)
class Written:
    """What refreshes wrote into a relation (`schema.table`) since it was last reported. `seconds`: the last one's."""

    rows: int
    seconds: float
    refreshes: int = 1

    def then(self, later: Written) -> Written:
        """Both together."""
        return Written(self.rows + later.rows, later.seconds, self.refreshes + later.refreshes)


def written(outcome: Outcome) -> dict[str, Written]:
    """Relations that a run of dbt wrote rows into; views, seeds and snapshots that it made, whatever was in them."""
    return {
        node.relation: Written(node.rows, node.seconds)
        for node in outcome.nodes
        if node.status == "success" and (node.rows > 0 if node.is_table else node.kind in BUILT)
    }


def together(earlier: Mapping[str, Written], later: Mapping[str, Written]) -> dict[str, Written]:
    """What several runs wrote."""
    found = dict(earlier)
    for relation, what in later.items():
        found[relation] = found[relation].then(what) if relation in found else what
    return found


def views_above(manifest: Any) -> dict[str, list[str]]:
    """By relation: the views that show its rows, directly or through other views. `manifest`: dbt's, as parsed."""
    children: dict[str, list[str]] = {}
    for key, node in manifest.nodes.items():
        for parent in node.depends_on.nodes if node.resource_type == "model" else ():
            children.setdefault(parent, []).append(key)

    def shown_by(key: str) -> Iterator[str]:
        for child in children.get(key, ()):
            node = manifest.nodes[child]
            if node.config.materialized == "view":
                yield f"{node.schema}.{node.alias}"
                yield from shown_by(child)

    return {
        f"{node.schema}.{node.alias}": sorted(set(shown_by(key)))
        for key, node in manifest.nodes.items()
        if node.resource_type in BUILT
    }


def materializations(
    connection: Connection, what: Mapping[str, Written], views: Mapping[str, Iterable[str]]
) -> list[dg.AssetMaterialization]:
    """One event a relation that was written into, and one for each view that shows it."""
    shown = {view for relation in what for view in views.get(relation, ())} - what.keys()
    figures = read_figures(connection, [*what, *shown])
    return [
        dg.AssetMaterialization(
            relation.split("."),
            metadata={
                **figures.get(relation, {}),
                **(
                    {
                        "rows_written": what[relation].rows,
                        "seconds": round(what[relation].seconds, 3),
                        "refreshes": what[relation].refreshes,
                    }
                    if relation in what
                    else {}
                ),
            },
        )
        for relation in [*what, *sorted(shown)]
    ]


def read_figures(connection: Connection, relations: list[str]) -> dict[str, dict[str, Any]]:
    """By relation: its rows, its newest load and how many have landed since; of a mart, its newest event."""
    found: dict[str, dict[str, Any]] = {relation: {} for relation in relations}
    for relation in relations:
        rows = read_rows(connection, relation)
        if rows is not None:
            found[relation]["dagster/row_count"] = rows
    for relation, load_id, behind in connection.execute(
        """
        select p.relation, max(p.position), sum(h.landed_hi - p.position)::bigint
        from ops.model_progress as p
        inner join ops.horizons as h on h.stream = p.source
        where p.relation = any(%s)
        group by p.relation
        """,
        (relations,),
    ):
        found[relation] |= {"load": load_id, "loads_behind": behind}
    for relation, newest, load_id, behind in connection.execute(
        """
        select 'marts.' || mart, max(newest_event_at), max(newest_load_id), sum(loads_behind)::bigint
        from ops.freshness
        where 'marts.' || mart = any(%s)
        group by mart
        """,
        (relations,),
    ):
        found[relation] |= {"load": load_id, "loads_behind": behind}
        if newest is not None:
            found[relation]["newest_event"] = dg.MetadataValue.timestamp(newest)
    return found


def read_rows(connection: Connection, relation: str) -> int | None:
    """Rows of a table or view: counted where Postgres reckons that to be cheap, else as many as it expects; None where
    there is none of that name."""
    relation_name = sql.Identifier(*relation.split("."))
    count = sql.SQL("select count(*) from {}").format(relation_name)
    try:
        if plan(connection, count)["Total Cost"] > COST_OF_A_COUNT:
            return int(plan(connection, sql.SQL("select from {}").format(relation_name))["Plan Rows"])
        row = connection.execute(count).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    assert row is not None
    return int(row[0])


def plan(connection: Connection, query: sql.Composed) -> dict[str, Any]:
    """What Postgres expects of a query: `Total Cost`, `Plan Rows` and more, at its topmost step."""
    row = connection.execute(sql.SQL("explain (format json) {}").format(query)).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0][0]["Plan"]
    return found
