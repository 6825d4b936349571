"""Finds runs whose process was killed: Dagster's launcher does not look, and such a run would be `started` for ever.

Every run holds an advisory lock in Postgres, which goes with its process: after Dagster has written how it ended.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from database.advisory_locks import held_advisory, is_held_advisory
from database.connect import connect
from database.lock_keys import dagster_run
from landfall.settings import Settings

# By status: a process is `started` some seconds before it holds its lock; until it is `started` it imports, for 3 s on
# a quiet machine and ten times that on a busy one.
SECONDS_OF_DOUBT = {dg.DagsterRunStatus.STARTING: 45.0, dg.DagsterRunStatus.STARTED: 20.0}
UNTIL_THE_PROCESS_ENDS = ExitStack()


@contextmanager
def sign_of_life(settings: Settings, run_id: str) -> Iterator[None]:
    """Hold the run's lock. Without it (Postgres restarted) the run counts as lost; its dbt has then failed as well."""
    with held_advisory(settings, dagster_run(run_id), "dagster run"):
        yield


def report_lost_runs(instance: dg.DagsterInstance, settings: Settings, now: dt.datetime) -> list[str]:
    """Mark the started runs that give no sign of life as failed; returns their ids."""
    running = instance.get_run_records(dg.RunsFilter(statuses=list(SECONDS_OF_DOUBT)))
    doubtful = [
        record.dagster_run
        for record in running
        if (now - record.update_timestamp).total_seconds() > SECONDS_OF_DOUBT[record.dagster_run.status]
    ]
    if not doubtful:
        return []
    with connect(settings.as_transformer, autocommit=True, application_name="dagster ledger") as reader:
        silent = [run for run in doubtful if not is_held_advisory(reader, dagster_run(run.run_id))]
    # One that has ended meanwhile had said so before it let go.
    lost = [run for run in silent if (found := instance.get_run_by_id(run.run_id)) and found.status == run.status]
    for run in lost:
        instance.report_run_failed(run, "Its process is gone: it was killed, or the machine was stopped.")
    return [run.run_id for run in lost]


class LivingExecutor(InProcessExecutor):
    """All steps in the run's own process, which gives a sign of life meanwhile."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        UNTIL_THE_PROCESS_ENDS.enter_context(sign_of_life(Settings.load(), plan_context.run_id))
        yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process")
def living_executor(context: dg.InitExecutorContext) -> LivingExecutor:
    """One process a run. A process of its own for each step would cost 3 s of importing and gain nothing."""
    return LivingExecutor(retries=RetryMode.ENABLED)


@dg.sensor(
    name="lost_runs",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs as failed whose process was killed, so that they do not hold up the next refresh.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """One tick."""
    lost = report_lost_runs(context.instance, Settings.load(), dt.datetime.now(dt.UTC))
    return dg.SkipReason(f"Lost: {', '.join(lost)}." if lost else "No run was lost.")
