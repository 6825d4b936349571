"""dbt's jobs that run by the clock and not by loads: all tests, the whole build, the documentation."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster_dbt import DbtCliResource

from landfall.settings import Settings
from orchestration.models import dbt_target_folder
from warehouse.dbt_session import environment, profile_variables


@dg.op(name="generate_docs")
def generate_docs(context: dg.OpExecutionContext, dbt: DbtCliResource) -> None:
    """dbt's documentation of every table and column as one page of its own, with what is in the database."""
    settings = Settings.load()
    target = dbt_target_folder(settings).with_name("dbt-docs")
    with environment(profile_variables(settings.as_transformer)):
        dbt.cli(["docs", "generate", "--static", "--quiet"], target_path=target).wait()
    context.add_output_metadata({"page": dg.MetadataValue.path(str(target / "static_index.html"))})


@dg.job(name="docs", description="Write dbt's documentation of every table and column as one HTML page.")
def docs() -> None:
    """A job of one op."""
    generate_docs()


def dbt_jobs_definitions(enrichment: dg.AssetsDefinition, models: dg.AssetsDefinition) -> dg.Definitions:
    """Jobs `build`, `test` and `docs`, and their schedules. Minutes are spread, so that they do not meet."""
    # dbt's own checks: those of health/ stand on the same assets, and have a sensor of their own.
    tests = dg.AssetSelection.checks(*models.check_keys)
    build = dg.define_asset_job(
        "build",
        selection=dg.AssetSelection.assets(enrichment, models).without_checks() | tests,
        description="Enrichment, then seeds, snapshots, models and tests as one `dbt build`: what fails stops what"
        " depends on it. Refreshes wait meanwhile.",
    )
    test = dg.define_asset_job(
        "test",
        selection=tests,
        description="Every dbt test, as checks of the assets. Refreshes go on meanwhile.",
    )

    @dg.schedule(
        name="build_nightly",
        job=build,
        cron_schedule="37 3 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Once a night seeds, snapshots, and models that were edited; tests have a schedule of their own.",
    )
    def build_nightly() -> dg.RunRequest:
        # Refreshes wait for a build, and what tests take grows with the tables.
        return dg.RunRequest(asset_selection=[*enrichment.keys, *models.keys], asset_check_keys=[])

    schedules: Sequence[dg.ScheduleDefinition] = [
        every("test_every_15_minutes", test, "*/15 * * * *", "All tests, every quarter of an hour."),
        build_nightly,
        every("docs_nightly", docs, "52 3 * * *", "The documentation once a night."),
    ]
    return dg.Definitions(jobs=[build, test, docs], schedules=schedules)


def every(
    name: str, job: dg.JobDefinition | UnresolvedAssetJobDefinition, cron: str, description: str
) -> dg.ScheduleDefinition:
    """A schedule that is on from the start."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
