"""Forgets reports: what sensors and the refresh process tell Dagster of assets and checks outside of any run.

Dagster has no way to delete them, and a report costs 4.6 KB in SQLite, which stores it twice: a refresh a minute that
reports 94 assets would leave 620 MB a day. So they are deleted in the storage's own tables, all but the newest of each
asset and check; what Dagster shows as latest is always among those. Evaluations of checks go by the same rule, those of
runs too, for the deletion of a run leaves them.
"""

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from orchestration.upkeep.excess import Connect, Excess, beyond, delete


def forget_reports(
    instance: dg.DagsterInstance, *, keep: int, most: int | None = None, dry_run: bool = False
) -> tuple[int, int]:
    """Delete reports beyond the newest `keep` of each asset (and partition) and kind, and evaluations beyond the newest
    `keep` of each check, the oldest first, at most `most` of either. Returns how many (reports, evaluations) went."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    reports = events_in_excess(storage.index_connection, keep, most)
    evaluations = evaluations_in_excess(storage.index_connection, keep, most)
    found = [reports, evaluations]
    if storage.is_run_sharded:
        # SQLite's second copy, in the file of a run without a name; nothing reads it.
        found.append(events_in_excess(lambda: storage.run_connection(RUNLESS_RUN_ID), 1, most))
    if not dry_run:
        for excess in found:
            delete(excess)
    return len(reports.ids), len(evaluations.ids)


def events_in_excess(connect: Connect, keep: int, most: int | None) -> Excess:
    """Events without a run, beyond the newest `keep` of their asset, partition and kind."""
    table = SqlEventLogStorageTable
    columns = table.c
    kind = (columns.asset_key, columns.dagster_event_type, columns.partition)
    return Excess(connect, table, beyond(connect, table, kind, keep, most, columns.run_id == RUNLESS_RUN_ID))


def evaluations_in_excess(connect: Connect, keep: int, most: int | None) -> Excess:
    """Evaluations of checks beyond the newest `keep` of their check and partition."""
    table = AssetCheckExecutionsTable
    columns = table.c
    kind = (columns.asset_key, columns.check_name, columns.partition)
    return Excess(connect, table, beyond(connect, table, kind, keep, most, sa.true()))
