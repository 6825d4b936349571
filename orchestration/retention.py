"""Lets go of what is old: a daily job over everything, and each ten minutes what Dagster and the ledger pile up."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dagster as dg
import psycopg
from pydantic import Field

from landfall.errors import UserError
from landfall.settings import Settings
from orchestration.upkeep.logs import cut_logs, vacuum
from orchestration.upkeep.reports import forget_reports
from orchestration.upkeep.runs import forget_orphans, forget_runs
from orchestration.upkeep.ticks import forget_ticks
from warehouse.merging import merge_loads
from warehouse.retention import open_ledger, retain

# A tick may take 60 s at most: deleting a run takes 20-50 ms, a thousand rows 0.1 s.
RUNS_A_TICK = 200
ROWS_A_TICK = 20_000
# An hour of a load a second and six partitions took 5 s at most, on a busy machine.
STRETCHES_A_TICK = 6
LOCK_TIMEOUT_MS = 10_000

Gone = dict[str, int]
"""How much went, by what it is."""


class RetentionConfig(dg.Config):
    """Whether to do it."""

    dry_run: bool = Field(
        default=True,
        description="Only say what would go. The daily schedule sets it to false; so do you, to let it go.",
    )


@dataclass(frozen=True)
class Part:
    """One of the things that retention does, by the name under which its run shows it."""

    name: str
    run: Callable[[], Gone]


@dg.sensor(
    name="run_retention",
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Deletes Dagster's old runs, reports and ticks, cuts logs, and merges old loads in the ledger, between"
    " two runs of the job `retention`.",
)
def run_retention(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """One tick; what is over its bounds comes next time."""
    settings = Settings.load()
    gone = {
        **old_runs(context.instance, settings, most=RUNS_A_TICK),
        **old_reports(context.instance, settings, most=ROWS_A_TICK),
        **old_ticks(context.instance, settings, most=ROWS_A_TICK),
        **old_logs(settings),
        **old_loads(settings, most=STRETCHES_A_TICK),
    }
    return dg.SkipReason(sentence(gone) or "Nothing is over its bounds.")


def retention_definitions() -> dg.Definitions:
    """The job `retention`, its daily schedule, and the sensor between."""

    @dg.op(name="let_go", out=dg.Out(dg.Nothing))
    def let_go(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
        settings = Settings.load()
        gone, failed = let_all_go(parts(context.instance, settings, dry_run=config.dry_run))
        context.log.info("%s: %s", "would go" if config.dry_run else "went", sentence(gone) or "nothing")
        context.add_output_metadata({"dry_run": config.dry_run, **gone})
        if failed:
            raise dg.Failure("; ".join(failed), metadata=dict(gone), allow_retries=False)

    @dg.job(
        name="retention",
        description="Let go of what is older than the settings say: landing partitions that every model has read,"
        " records in quarantine, full IP addresses and raw identifiers, as `landfall retention` does, and what Dagster"
        " itself keeps: runs, reports, ticks, logs, free pages.",
    )
    def retention() -> None:
        let_go()

    @dg.schedule(
        name="retention_daily",
        job=retention,
        cron_schedule="30 3 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Runs `retention` for good at 03:30 UTC.",
    )
    def retention_daily() -> dg.RunRequest:
        return dg.RunRequest(run_config={"ops": {"let_go": {"config": {"dry_run": False}}}})

    return dg.Definitions(jobs=[retention], schedules=[retention_daily], sensors=[run_retention])


def parts(instance: dg.DagsterInstance, settings: Settings, *, dry_run: bool) -> list[Part]:
    """Everything that retention does, the warehouse first; free pages come after what is deleted."""
    return [
        Part("landing", lambda: old_landing(settings, dry_run=dry_run)),
        Part("runs", lambda: old_runs(instance, settings, dry_run=dry_run)),
        Part("reports", lambda: old_reports(instance, settings, dry_run=dry_run)),
        Part("ticks", lambda: old_ticks(instance, settings, dry_run=dry_run)),
        Part("logs", lambda: old_logs(settings, dry_run=dry_run)),
        Part("free pages", lambda: {"free_bytes_returned": vacuum(instance, dry_run=dry_run)}),
    ]


def let_all_go(parts: list[Part]) -> tuple[Gone, list[str]]:
    """Run every part. What a user must mend in one does not hold up the others; returns it, by the part's name."""
    gone: Gone = {}
    failed = []
    for part in parts:
        try:
            gone |= part.run()
        except UserError as mistake:
            failed.append(f"{part.name}: {mistake.format_message()}")
    return gone, failed


def old_landing(settings: Settings, *, dry_run: bool = False) -> Gone:
    """What `landfall retention` does."""
    done = retain(settings, dry_run=dry_run)
    return {
        "landing_partitions": len(done.dropped),
        "landing_rows": sum(partition.rows for partition in done.dropped),
        "landing_partitions_held": len(done.held),
        "fact_partitions": len(done.facts.dropped),
        "facts_let_go": sum(partition.facts for partition in done.facts.dropped),
        "streams_whose_facts_are_held": len(done.facts.held),
        "loads_merged": done.loads,
        "quarantined_records": done.quarantined,
        "addresses_shortened": done.addresses,
        "identifiers_shortened": done.identifiers,
        "pages_shortened": done.pages,
    }


def old_loads(settings: Settings, *, most: int) -> Gone:
    """Loads of the ledger that become one an hour. What holds it up is no trouble of what else is old: the daily job
    says it."""
    try:
        with open_ledger(settings, LOCK_TIMEOUT_MS) as (ops, landing):
            return {"loads_merged": merge_loads(ops, landing, settings.ledger_detail_hours, dry_run=False, most=most)}
    except (UserError, psycopg.Error):
        return {}


def old_runs(
    instance: dg.DagsterInstance, settings: Settings, *, most: int | None = None, dry_run: bool = False
) -> Gone:
    """Finished runs, and files that lost theirs."""
    now = dt.datetime.now(dt.UTC)
    before = now - dt.timedelta(days=settings.run_retention_days)
    return {
        "runs": forget_runs(instance, before=before, keep=settings.runs_kept, most=most, dry_run=dry_run),
        "files_without_run": forget_orphans(instance, now, dry_run=dry_run),
    }


def old_reports(
    instance: dg.DagsterInstance, settings: Settings, *, most: int | None = None, dry_run: bool = False
) -> Gone:
    """Reports without a run, and evaluations of checks."""
    reports, evaluations = forget_reports(instance, keep=settings.reports_kept, most=most, dry_run=dry_run)
    return {"reports": reports, "check_evaluations": evaluations}


def old_ticks(
    instance: dg.DagsterInstance, settings: Settings, *, most: int | None = None, dry_run: bool = False
) -> Gone:
    """Looks of sensors and schedules."""
    return {"ticks": forget_ticks(instance, keep=settings.ticks_kept, most=most, dry_run=dry_run)}


def old_logs(settings: Settings, *, dry_run: bool = False) -> Gone:
    """Logs below the state folder."""
    return {"log_bytes": cut_logs(settings.home, settings.log_megabytes, dry_run=dry_run)}


def sentence(gone: Mapping[str, int]) -> str:
    """What went, in words; empty when nothing did."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in gone.items() if count)
