"""What failed in Dagster itself: runs, and asset checks that are neither of health/ nor of dbt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from health.alerts import Trouble
from health.checks import CHECKS
from landfall.wording import at_utc, listed

HOURS_OF_NEWS = 24
"""A failed run that nobody repeats is news for this many hours."""
MOST_RUNS = 50
PARTITION = "dagster/partition"
ASSET_JOB = "__ASSET_JOB"
SENTENCES = ("UserError", "Failure")
"""Exceptions whose messages are sentences for a user: without the name of the class."""


@dataclass(frozen=True)
class Ended:
    """A run that failed or succeeded."""

    run_id: str
    job: str
    partition: str | None
    assets: frozenset[str]
    """What was asked for, empty where it is the job's whole selection."""
    ended_at: dt.datetime
    why: str = ""

    @property
    def subject(self) -> str:
        """What it is called in an alert."""
        name = f"assets {listed(sorted(self.assets), 3)}" if self.job.startswith(ASSET_JOB) else self.job
        return f"{name} {self.partition}" if self.partition else name


def not_made_good(failed: Iterable[Ended], succeeded: Sequence[Ended]) -> list[Ended]:
    """The newest failure of each subject that no later success of the same job, partition and assets has made good."""
    newest: dict[str, Ended] = {}
    for run in failed:
        if run.subject not in newest or run.ended_at > newest[run.subject].ended_at:
            newest[run.subject] = run
    return [run for run in newest.values() if not any(makes_good(later, run) for later in succeeded)]


def makes_good(later: Ended, run: Ended) -> bool:
    """Whether `later` succeeded at all that `run` failed at."""
    covers = not later.assets or (bool(run.assets) and later.assets >= run.assets)
    return covers and (later.job, later.partition) == (run.job, run.partition) and later.ended_at > run.ended_at


def failed_runs(instance: dg.DagsterInstance, now: dt.datetime) -> list[Trouble]:
    """A trouble for each thing whose newest run failed lately."""
    since = now - dt.timedelta(hours=HOURS_OF_NEWS)
    failed = read(instance, dg.DagsterRunStatus.FAILURE, since)
    if not failed:
        return []
    succeeded = [
        run
        for job in {run.job for run in failed}
        for run in read(instance, dg.DagsterRunStatus.SUCCESS, since, job_name=job)
    ]
    return [trouble_of(run, why(instance, run.run_id)) for run in not_made_good(failed, succeeded)]


def read(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, since: dt.datetime, job_name: str | None = None
) -> list[Ended]:
    """The newest runs with a status."""
    runs = dg.RunsFilter(statuses=[status], updated_after=since, job_name=job_name)
    return [
        Ended(
            run_id=record.dagster_run.run_id,
            job=record.dagster_run.job_name,
            partition=record.dagster_run.tags.get(PARTITION),
            assets=frozenset(key.to_user_string() for key in record.dagster_run.asset_selection or ()),
            ended_at=record.update_timestamp,
        )
        for record in instance.get_run_records(runs, limit=MOST_RUNS)
    ]


def why(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first error of a run, on one line; empty where it left none."""
    for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run_id, of_type=kind):
            event = entry.dagster_event
            error = getattr(event.event_specific_data, "error", None) if event else None
            cause = error.cause if error is not None and error.cause is not None else error
            text = (cause.message if cause is not None else event.message if event else None) or ""
            if cause is not None and cause.cls_name in SENTENCES:
                text = text.partition(": ")[2]
            return " ".join(text.split())[:300]
    return ""


def trouble_of(run: Ended, reason: str) -> Trouble:
    """The alert of a failed run."""
    return Trouble(
        check="dagster_run",
        subject=run.subject,
        severity="error",
        message=f"Run {run.run_id[:8]} failed at {at_utc(run.ended_at)}{f': {reason}' if reason else ''}"
        + ("" if reason.endswith((".", "?", "!")) else "."),
        advice="Its page in Dagster shows the log; Re-execute starts it again once the cause is mended.",
        at_once=True,
    )


def failed_checks(context: dg.SensorEvaluationContext) -> list[Trouble]:
    """Asset checks whose newest evaluation failed; those of health/ and of dbt's tests are findings already."""
    if context.repository_def is None:
        return []
    graph = context.repository_def.asset_graph
    keys = [
        key for key in graph.asset_check_keys if key.name not in CHECKS and not is_dbt_test(graph.get_check_spec(key))
    ]
    records = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys) if keys else {}
    troubles = []
    for key, record in sorted(records.items(), key=lambda item: str(item[0])):
        event = record.event.dagster_event if record.event else None
        if record.status != AssetCheckExecutionRecordStatus.FAILED or event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        troubles.append(
            Trouble(
                check="asset_check",
                subject=f"{key.asset_key.to_user_string()}:{key.name}",
                severity="warn" if evaluation.severity == dg.AssetCheckSeverity.WARN else "error",
                message=evaluation.description or "It failed.",
                advice="See the asset's checks in Dagster; run the check again there once it is mended.",
            )
        )
    return troubles


def is_dbt_test(spec: dg.AssetCheckSpec) -> bool:
    """Whether a check is a dbt test: ops.test_results holds what became of it, whoever ran it."""
    return any("dbt" in name for name in spec.metadata)
