"""Repairs, each a job to start by hand: count days again, rebuild a model, land what was in quarantine.

Each does what its command does (`landfall refresh --from DAY --to DAY`, `landfall quarantine replay`), and shows in the
assets it rebuilt. They wait for a refresh that is under way, and are safe to repeat.
"""

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import Field

from database.connect import connect
from landfall.errors import UserError, known
from landfall.settings import Settings
from landing_stream import quarantine
from landing_stream.classify import Reason
from landing_stream.contract import load_contracts
from orchestration.manifest import Manifest
from orchestration.models import DBT_POOL
from orchestration.rebuilt import outcome_metadata, rebuilt, refuse_failure
from orchestration.translator import OWNER
from warehouse.dbt_arguments import EventDays, day_of
from warehouse.letting_go import bounds_of_facts
from warehouse.refresh import rebuild, recount, streams_without_full_landing
from warehouse.reporting_timezone import zone_set

GROUP = "repair"
RECOUNTED_DAYS = dg.AssetKey([GROUP, "recounted_days"])


class RebuildConfig(dg.Config):
    """Which model, and how far."""

    model: str = Field(description="Name of the model to empty and fill anew, such as kpi_products_daily.")
    downstream: bool = Field(
        default=True,
        description="Also rebuild every model that reads it, directly or through others. Without it those stay as they"
        " are: right only where the model's rows come out the same.",
    )


class ReplayConfig(dg.Config):
    """Which records of the quarantine."""

    stream: str = Field(description="The stream whose records are tried again, such as web_logs.")
    reason: str | None = Field(
        default=None,
        description=f"Only records that were set apart for this reason, one of {', '.join(Reason)}. Default: all.",
    )


def repair_definitions(manifest: Manifest) -> dg.Definitions:
    """The jobs `recompute_days`, `rebuild_model` and `replay_quarantine`."""
    days = recounted_days()
    recompute = dg.define_asset_job(
        "recompute_days",
        selection=dg.AssetSelection.assets(days),
        description="Count the marts of these event days again, from the facts, after a rule (a seed, a var) changed"
        " or rows were spoiled by hand; what landed since is read too. As `landfall refresh --from DAY --to DAY`."
        " A range of days is one run.",
    )
    models = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    return dg.Definitions(assets=[days], jobs=[recompute, rebuild_job(models), replay_job()])


def recounted_days() -> dg.AssetsDefinition:
    """An asset whose partitions are event days, so that days and ranges of days can be chosen in the UI."""
    warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)

    @dg.asset(
        key=RECOUNTED_DAYS,
        description="Event days whose marts were counted again. Materialize a day, or a range of days, to do so: it is"
        " one `landfall refresh --from DAY --to DAY`. Days are those of reporting_timezone.",
        group_name=GROUP,
        kinds={"dbt", "postgres"},
        owners=[OWNER],
        pool=DBT_POOL,
        partitions_def=event_days(Settings.load().first_event_day.isoformat()),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def recount_days(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
        chosen = context.partition_key_range
        days = EventDays(day_of("The first day", chosen.start), day_of("The last day", chosen.end))
        context.log.info("counting %s to %s again", days.first, days.last)
        with upkeep_run() as settings:
            outcome = recount(settings, days)
        yield from rebuilt(settings, outcome)
        refuse_failure(outcome)
        yield dg.MaterializeResult(metadata=outcome_metadata(outcome))

    return recount_days


def event_days(first: str) -> dg.DailyPartitionsDefinition:
    """Every day from the first on, today included."""
    return dg.DailyPartitionsDefinition(start_date=first, timezone=zone_set(Settings.load()), end_offset=1)


def rebuild_job(models: Collection[str]) -> dg.JobDefinition:
    """The job `rebuild_model`."""

    @dg.op(name="rebuild", pool=DBT_POOL, out=dg.Out(dg.Nothing))
    def rebuild_op(
        context: dg.OpExecutionContext, config: RebuildConfig
    ) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        with upkeep_run() as settings:
            model = known(config.model.replace("/", ".").rpartition(".")[-1], models, "model")
            for stream, day in streams_without_full_landing(settings).items():
                context.log.warning(
                    "landing of %s was dropped up to %s: facts that were filled from it stay as they are", stream, day
                )
            for stream, bound in bounds_of_facts(settings).items():
                context.log.warning(
                    "facts of %s from before %s were let go: days before it stay as they were counted", stream, bound
                )
            outcome = rebuild(settings, model, downstream=config.downstream)
        # Yielded and not logged: what a step logs is lost when it fails.
        yield from rebuilt(settings, outcome)
        refuse_failure(outcome)
        yield dg.Output(None, metadata=outcome_metadata(outcome))

    @dg.job(
        name="rebuild_model",
        description="Full refresh of one model and of what follows from it: emptied and filled anew, in place, so that"
        " readers see the old rows until the new ones are there. Facts whose landing was dropped by retention stay as"
        " they are, and so do days whose facts were let go.",
    )
    def rebuild_model() -> None:
        rebuild_op()

    return rebuild_model


def replay_job() -> dg.JobDefinition:
    """The job `replay_quarantine`."""

    @dg.op(out=dg.Out(dg.Nothing))
    def replay(context: dg.OpExecutionContext, config: ReplayConfig) -> None:
        with upkeep_run() as settings:
            contracts = load_contracts()
            contract = contracts[known(config.stream, contracts, "stream")]
            reason = None if config.reason is None else known(config.reason, list(Reason), "reason")
            with connect(settings.as_writer, autocommit=True, application_name="dagster replay") as landing:
                landed, waiting = quarantine.replay(landing, contract, reason)
        context.log.info("%s: %d landed, %d still in quarantine", contract.stream, landed, waiting)
        context.add_output_metadata({"landed": landed, "still_in_quarantine": waiting})

    @dg.job(
        name="replay_quarantine",
        description="Parse the bytes in quarantine again by today's contract, and land what can be landed, once, at its"
        " original position. Of use after a contract's limit was raised or a release reads more. As"
        " `landfall quarantine replay`; the next refresh shows what landed.",
    )
    def replay_quarantine() -> None:
        replay()

    return replay_quarantine


@contextmanager
def upkeep_run() -> Iterator[Settings]:
    """The settings. A user's mistake fails the run with its sentence alone."""
    try:
        yield Settings.load()
    except UserError as mistake:
        raise dg.Failure(mistake.format_message(), allow_retries=False) from mistake
