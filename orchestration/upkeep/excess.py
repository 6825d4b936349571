"""Deletes from tables of Dagster's storage, all but the newest rows of each kind: Dagster itself has no way to."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable

# One transaction: SQLite has one writer at a time, and a run's events wait for it.
ROWS_A_TRANSACTION = 500

Connect = Callable[[], AbstractContextManager[sa.Connection]]


@dataclass(frozen=True)
class Excess:
    """Rows of one table beyond the newest few of their kind, and how to reach them."""

    connect: Connect
    table: sa.Table
    ids: Sequence[int]


def beyond(
    connect: Connect, table: sa.Table, kind: Sequence[Any], keep: int, most: int | None, where: sa.ColumnElement[bool]
) -> list[int]:
    """Ids of rows that are not among the newest `keep` of their kind, the oldest first."""
    place = sa.func.row_number().over(partition_by=kind, order_by=table.c.id.desc())
    placed = sa.select(table.c.id, place.label("place")).where(where).subquery()
    query = sa.select(placed.c.id).where(placed.c.place > keep).order_by(placed.c.id).limit(most)
    with connect() as connection:
        return [int(row.id) for row in connection.execute(query)]


def delete(excess: Excess) -> None:
    """Delete the rows, with the tags of events, in short transactions."""
    for start in range(0, len(excess.ids), ROWS_A_TRANSACTION):
        ids = excess.ids[start : start + ROWS_A_TRANSACTION]
        with excess.connect() as connection:
            connection.execute(excess.table.delete().where(excess.table.c.id.in_(ids)))
            if excess.table is SqlEventLogStorageTable:
                connection.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids)))
