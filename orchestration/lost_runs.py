"""Finds runs whose process was killed: Dagster's launcher does not look, and such a run would be `started` for ever.

A run of dbt holds an advisory lock in Postgres while it lasts, which goes with its process.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from landfall.settings import Settings
from warehouse.connect import connect
from warehouse.roles import TRANSFORMER

KEY = "hashtextextended('landfall.dagster.run/' || %s, 0)"
# A process is `started` some seconds before it holds its lock, and lets go of it some seconds before it has ended.
SECONDS_OF_DOUBT = 60


@contextmanager
def sign_of_life(settings: Settings, run_id: str) -> Iterator[None]:
    """Hold the run's lock. Without it (Postgres restarted) the run counts as lost; its dbt has then failed as well."""
    with connect(settings.postgres_dsn, role=TRANSFORMER, autocommit=True, application_name="dagster run") as holder:
        holder.execute(f"select pg_advisory_lock({KEY})".encode(), (run_id,))
        yield


def report_lost_runs(instance: dg.DagsterInstance, settings: Settings, now: dt.datetime) -> list[str]:
    """Mark the started runs that give no sign of life as failed; returns their ids."""
    started = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    doubtful = [run for run in started if (now - run.update_timestamp).total_seconds() > SECONDS_OF_DOUBT]
    if not doubtful:
        return []
    lost = []
    with connect(settings.postgres_dsn, role=TRANSFORMER, autocommit=True, application_name="dagster ledger") as reader:
        for record in doubtful:
            run = record.dagster_run
            free = reader.execute(f"select pg_try_advisory_xact_lock({KEY})".encode(), (run.run_id,)).fetchone()
            if free == (True,):
                instance.report_run_failed(run, "Its process is gone: it was killed, or the machine was stopped.")
                lost.append(run.run_id)
    return lost


@dg.sensor(
    name="lost_runs",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs as failed whose process was killed, so that they do not hold up the next refresh.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """One look."""
    lost = report_lost_runs(context.instance, Settings.load(), dt.datetime.now(dt.UTC))
    return dg.SkipReason(f"Lost: {', '.join(lost)}." if lost else "No run was lost.")
