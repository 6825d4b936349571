"""When the models are refreshed: a job, and a schedule that runs it when there is something to read."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psycopg

from landfall.settings import Settings
from orchestration.manifest import Manifest, progress_relations
from warehouse.connect import connect
from warehouse.roles import TRANSFORMER

JOB_NAME = "refresh"
# `landfall refresh --watch` captures a horizon a few seconds after each load: while it does, a second refresh a minute,
# which costs 10-20 s of a core, adds nothing.
SECONDS_OF_ANOTHER_REFRESH = 30.0
# Only a refresh of Dagster's runs the tests, and reference data and edited models need no new load to show.
SECONDS_BETWEEN_REFRESHES = 900.0
UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class OwnRuns:
    """What Dagster knows of its own refreshes."""

    running: bool
    seconds_since_last: float | None
    """Since the newest was asked for; None when none ever was."""


@dataclass(frozen=True)
class Behind:
    """How far the models are."""

    relations: int
    """Relations that have not read every readable load."""
    seconds_since_refresh: float | None
    """Since a run of any door captured its horizon; None when none ever did."""


def reason_to_wait(own: OwnRuns, behind: Behind) -> str | None:
    """Why no refresh is to start now; None when one is."""
    if own.running:
        return "A refresh is queued or running."
    if own.seconds_since_last is None or own.seconds_since_last >= SECONDS_BETWEEN_REFRESHES:
        return None
    if not behind.relations:
        return "The models have read every load."
    since = behind.seconds_since_refresh
    if since is not None and since < SECONDS_OF_ANOTHER_REFRESH:
        return f"The models were refreshed {since:.0f} s ago (by `landfall refresh --watch`?)."
    return None


def read_own_runs(instance: dg.DagsterInstance, now: dt.datetime) -> OwnRuns:
    """The refreshes that this instance knows."""
    newest = instance.get_run_records(dg.RunsFilter(job_name=JOB_NAME), limit=1)
    unfinished = dg.RunsFilter(job_name=JOB_NAME, statuses=list(UNFINISHED))
    return OwnRuns(
        running=bool(instance.get_run_ids(unfinished, limit=1)),
        seconds_since_last=(now - newest[0].create_timestamp).total_seconds() if newest else None,
    )


def read_behind(connection: psycopg.Connection[tuple[Any, ...]], relations: Sequence[str]) -> Behind:
    """How far these relations (`schema.table`) are behind the horizons of their streams."""
    row = connection.execute(
        """
        select
            (
                select count(distinct p.relation)
                from ops.model_progress as p
                inner join ops.horizons as h on h.stream = p.source
                where p.relation = any(%s) and p.position < h.landed_hi
            ),
            (select extract(epoch from clock_timestamp() - max(captured_at))::float8 from ops.run_horizon)
        """,
        (list(relations),),
    ).fetchone()
    assert row is not None
    return Behind(relations=row[0], seconds_since_refresh=row[1])


def refresh_definitions(assets: Sequence[dg.AssetsDefinition], manifest: Manifest) -> dg.Definitions:
    """The job `refresh`: enrichment, then all models, seeds and tests; and its schedule: every minute, cron's floor."""
    job = dg.define_asset_job(
        JOB_NAME, selection=dg.AssetSelection.assets(*assets), description="Refresh every model and run its tests."
    )
    relations = progress_relations(manifest)

    @dg.schedule(
        name="refresh_every_minute",
        job=job,
        cron_schedule="* * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Starts a refresh when a load has finished that the models have not read; else says why not.",
    )
    def refresh_every_minute(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        own = read_own_runs(context.instance, dt.datetime.now(dt.UTC))
        with connect(Settings.load().postgres_dsn, role=TRANSFORMER, application_name="dagster schedule") as reader:
            behind = read_behind(reader, relations)
        waits = reason_to_wait(own, behind)
        return dg.SkipReason(waits) if waits else dg.RunRequest()

    return dg.Definitions(jobs=[job], schedules=[refresh_every_minute])
