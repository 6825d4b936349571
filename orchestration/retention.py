"""Forgets old runs: a refresh leaves 170 KB of events, 240 MB a day at one a minute, and Dagster removes none of it."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

KEEP_DAYS = 3
KEEP_RUNS = 100
"""The newest runs stay, however old they are."""
# A look may take 60 s at most; deleting a run takes 20-50 ms.
RUNS_A_LOOK = 200
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dg.sensor(
    name="run_retention",
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"Deletes finished runs older than {KEEP_DAYS} days, except the newest {KEEP_RUNS}.",
)
def run_retention(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """One look; at most RUNS_A_LOOK runs go, the newest of the old ones first."""
    deleted = forget_runs(context.instance, before=dt.datetime.now(dt.UTC) - dt.timedelta(days=KEEP_DAYS))
    return dg.SkipReason(f"{deleted} old runs deleted.")


def forget_runs(instance: dg.DagsterInstance, before: dt.datetime, keep: int = KEEP_RUNS) -> int:
    """Delete finished runs made before `before`, with events and files, except the newest `keep`; returns how many."""
    newest = set(instance.get_run_ids(limit=keep))
    old = dg.RunsFilter(statuses=list(FINISHED), created_before=before)
    gone = 0
    for run_id in instance.get_run_ids(old, limit=RUNS_A_LOOK + len(newest)):
        if run_id in newest or gone == RUNS_A_LOOK:
            continue
        instance.delete_run(run_id)
        for path in files_of(instance, run_id):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        gone += 1
    return gone


def files_of(instance: dg.DagsterInstance, run_id: str) -> Iterator[Path]:
    """Files that `delete_run` leaves: the run's output, and its events' own SQLite file."""
    if instance.is_ephemeral:
        return
    root = Path(instance.root_directory)
    output = Path(instance.storage_directory()) / run_id
    if output.is_dir():
        yield output
    yield from (root / "history" / "runs").glob(f"{run_id}.db*")
