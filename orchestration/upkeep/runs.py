"""Forgets runs of Dagster, which removes none.

In SQLite a run of all tests leaves 1.5 MB, 140 MB a day at one every quarter of an hour, and one that follows the loads
0.7 MB, a GB a day at one a minute. So runs go by number, and not by age alone.
"""

import datetime as dt
import shutil
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
# A file without its run is of a run that was deleted half-way, unless the run has only just begun.
ORPHAN_AGE = dt.timedelta(days=1)


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended."""

    run_id: str
    job: str
    succeeded: bool
    created: dt.datetime


def runs_to_forget(
    runs: Sequence[FinishedRun], *, before: dt.datetime, keep: int, shown: Collection[str] = ()
) -> list[str]:
    """Ids of the runs (given the newest first) that go, the oldest first: those made before `before`, and those beyond
    the newest `keep` of their job that succeeded, or that did not. Runs in `shown` stay, for Dagster shows assets by
    them."""
    seen: Counter[tuple[str, bool]] = Counter()
    going = []
    for run in runs:
        seen[run.job, run.succeeded] += 1
        if run.run_id not in shown and (run.created < before or seen[run.job, run.succeeded] > keep):
            going.append(run.run_id)
    return going[::-1]


def forget_runs(
    instance: dg.DagsterInstance, *, before: dt.datetime, keep: int, most: int | None = None, dry_run: bool = False
) -> int:
    """Delete finished runs with events and files as `runs_to_forget` says, at most `most`; returns how many."""
    records = instance.get_run_records(dg.RunsFilter(statuses=list(FINISHED)))
    runs = [
        FinishedRun(run.run_id, run.job_name, run.status == dg.DagsterRunStatus.SUCCESS, record.create_timestamp)
        for record in records
        for run in [record.dagster_run]
    ]
    going = runs_to_forget(runs, before=before, keep=keep, shown=shown_runs(instance))[:most]
    if not dry_run:
        for run_id in going:
            instance.delete_run(run_id)
            remove(files_of(instance, run_id))
    return len(going)


def shown_runs(instance: dg.DagsterInstance) -> set[str]:
    """Runs that hold the newest materialization of an asset: without it the asset would look as if it never was."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    events = SqlEventLogStorageTable.c
    newest = (
        sa.select(sa.func.max(events.id))
        .where(events.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value)
        .group_by(events.asset_key)
    )
    with storage.index_connection() as connection:
        rows = connection.execute(sa.select(events.run_id).where(events.id.in_(newest)))
        return {str(row.run_id) for row in rows}


def forget_orphans(instance: dg.DagsterInstance, now: dt.datetime, *, dry_run: bool = False) -> int:
    """Delete files of runs that are no more, left by a deletion that was cut off; returns how many."""
    if instance.is_ephemeral:
        return 0
    by_run: dict[str, list[Path]] = {}
    for path in (*Path(instance.storage_directory()).glob("*-*"), *run_databases(instance).glob("*-*.db*")):
        run_id = path.name.partition(".db")[0]
        age = now - dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        if is_run_id(run_id) and age > ORPHAN_AGE:
            by_run.setdefault(run_id, []).append(path)
    orphans = [path for run_id, paths in by_run.items() if not instance.has_run(run_id) for path in paths]
    if not dry_run:
        remove(orphans)
    return len(orphans)


def files_of(instance: dg.DagsterInstance, run_id: str) -> Iterator[Path]:
    """Files that `delete_run` leaves: the run's output, and its events' own SQLite file."""
    if instance.is_ephemeral:
        return
    output = Path(instance.storage_directory()) / run_id
    if output.is_dir():
        yield output
    yield from run_databases(instance).glob(f"{run_id}.db*")


def run_databases(instance: dg.DagsterInstance) -> Path:
    """Where a SQLite storage keeps the events of each run."""
    return Path(instance.root_directory) / "history" / "runs"


def remove(paths: Collection[Path] | Iterator[Path]) -> None:
    """Delete files, and folders with what is in them."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def is_run_id(name: str) -> bool:
    """Whether a file's name is that of a run."""
    with suppress(ValueError):
        return str(uuid.UUID(name)) == name
    return False
