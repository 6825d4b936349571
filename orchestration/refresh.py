"""Keeps the models fresh where no `landfall refresh --watch` does: a sensor sees loads, a run follows them."""

import datetime as dt
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psycopg
from pydantic import Field

from database.connect import connect
from database.locks import FOLLOWER, is_held
from enrichment.enricher import enrich
from landfall.settings import Settings
from orchestration.figures import Written, materializations, together, views_above, written
from orchestration.lost_runs import report_lost_runs
from orchestration.manifest import Manifest, progress_relations
from warehouse.dbt_arguments import refresh_arguments
from warehouse.dbt_session import DbtSession, Outcome
from warehouse.refresh import first_trouble
from warehouse.watch import Follower

JOB_NAME = "refresh"
# A sensor's floor. A run takes 5-8 s until its first pass, most of it imports.
SECONDS_BETWEEN_TICKS = 5
# One run follows the loads for a while: between two of them what lands waits for a tick, the queue and those 5-8 s.
SECONDS_TO_FOLLOW = 900.0
# So often it sees whether it is to go on, and shows what it wrote: 0.7 MB of events each time.
SECONDS_AT_ONCE = 50.0
SECONDS_BETWEEN_SHOWN = 300.0
UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


class FollowConfig(dg.Config):
    """What a refresh can be asked for in the launchpad."""

    seconds: float = Field(
        default=SECONDS_TO_FOLLOW,
        gt=0,
        description="Refresh whenever a load finishes, for this many seconds at most: less when nothing more lands,"
        " or `landfall refresh --watch` takes over. The first refresh is made in any case.",
    )
    everything: bool = Field(
        default=False, description="Begin with seeds, snapshots and views too, not only the tables that have news."
    )


@dataclass(frozen=True)
class Situation:
    """What a tick finds."""

    is_followed: bool
    """A process follows the loads: `landfall refresh --watch`, or a run of ours that is under way."""
    own_run: bool
    """A refresh of Dagster's is queued or running."""
    ever_refreshed: bool
    """Dagster knows of a refresh."""
    behind: int
    """Relations that have not read every load that has landed."""


def reason_to_wait(now: Situation) -> str | None:
    """Why no refresh is to start; None when one is."""
    if now.own_run:
        return "A refresh is queued or running."
    if now.is_followed:
        return "`landfall refresh --watch` follows the loads."
    if now.ever_refreshed and not now.behind:
        return "The models have read every load."
    return None


def read_situation(
    instance: dg.DagsterInstance, connection: psycopg.Connection[tuple[Any, ...]], relations: Sequence[str]
) -> Situation:
    """What there is to be done for these relations (`schema.table`)."""
    row = connection.execute(
        """
        select count(distinct p.relation)
        from ops.model_progress as p
        inner join ops.horizons as h on h.stream = p.source
        where p.relation = any(%s) and p.position < h.landed_hi
        """,
        (list(relations),),
    ).fetchone()
    assert row is not None
    unfinished = dg.RunsFilter(job_name=JOB_NAME, statuses=list(UNFINISHED))
    return Situation(
        is_followed=is_held(connection, FOLLOWER),
        own_run=bool(instance.get_run_ids(unfinished, limit=1)),
        ever_refreshed=bool(instance.get_run_ids(dg.RunsFilter(job_name=JOB_NAME), limit=1)),
        behind=row[0],
    )


# Not in dbt's pool: pass by pass it takes the lock that the warm refresh takes, and no test or build waits for its end.
@dg.op(name="follow_loads", pool=JOB_NAME, out=dg.Out(dg.Nothing))
def follow_loads(
    config: FollowConfig,
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Refresh what has news, and go on for a while; materializations say now and then what was written."""
    settings = Settings.load()
    what: dict[str, Written] = {}
    failures: list[str] = []
    had_news = False

    def note(outcome: Outcome) -> None:
        nonlocal what, had_news
        had_news = True
        what = together(what, written(outcome))
        if not outcome.ok:
            failures.append(first_trouble(outcome))

    enrich(settings)
    session = DbtSession(settings, started_by="dagster")
    follower = Follower(settings, session, note)
    first = refresh_arguments() if config.everything else None
    goes_on, shown_at = True, time.monotonic()
    end = shown_at + config.seconds
    while goes_on:
        had_news = False
        follower.follow(threading.Event(), first=first, until=min(end, time.monotonic() + SECONDS_AT_ONCE))
        with connect(settings.as_transformer, autocommit=True, application_name="dagster run") as reader:
            goes_on = had_news and follower.went_well and time.monotonic() < end and not is_held(reader, FOLLOWER)
            if not goes_on or time.monotonic() - shown_at > SECONDS_BETWEEN_SHOWN:
                # Yielded and not logged: what a step logs is lost when it fails.
                yield from materializations(reader, what, views_above(session.manifest))
                what, shown_at = {}, time.monotonic()
        first = None
    if not follower.went_well:
        raise dg.Failure(description=failures[-1] if failures else follower.why, allow_retries=False)
    yield dg.Output(None)


@dg.job(
    name=JOB_NAME,
    description="Refresh the models whenever a load finishes, for a quarter of an hour at most; without tests.",
)
def refresh() -> None:
    """A job of one op."""
    follow_loads()


def refresh_sensor(manifest: Manifest) -> dg.SensorDefinition:
    """Starts the job when loads have finished that the models have not read and nobody follows."""
    relations = progress_relations(manifest)

    @dg.sensor(
        name="refresh_when_landed",
        job=refresh,
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a refresh when a load has finished that the models have not read, and no"
        " `landfall refresh --watch` is up; else says why not.",
    )
    def refresh_when_landed(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = Settings.load()
        report_lost_runs(context.instance, settings, dt.datetime.now(dt.UTC))
        with connect(settings.as_transformer, autocommit=True, application_name="dagster sensor") as reader:
            situation = read_situation(context.instance, reader, relations)
        waits = reason_to_wait(situation)
        if waits:
            return dg.SkipReason(waits)
        everything = not situation.ever_refreshed
        return dg.RunRequest(
            run_config=dg.RunConfig(ops={"follow_loads": FollowConfig(everything=everything)}),
        )

    return refresh_when_landed
