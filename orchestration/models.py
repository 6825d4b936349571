"""dbt's models, seeds and tests as assets and checks, refreshed by one `dbt build` at a time."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from database.locks import DBT, held
from landfall.layout import venv_bin
from landfall.settings import Settings
from orchestration.manifest import Manifest
from orchestration.translator import WarehouseTranslator
from warehouse.dbt_manifest import DBT_PROJECT, built_md5
from warehouse.dbt_session import environment, profile_variables

# Two dbt runs at once would only queue on the models' rows of ops.model_progress.
DBT_POOL = "dbt"
TESTS_NICENESS = 10
# dbt's exit code when it has run to its end and something in it failed; 2 is for what it did not expect.
TESTS_FAILED = 1


class RefreshConfig(dg.Config):
    """What a refresh may be asked for in the launchpad."""

    full_refresh: bool = False
    """Rebuild the selected models from the start."""


def dbt_build_arguments(*, full_refresh: bool = False, tests_alone: bool = False) -> list[str]:
    """Arguments of dbt for one refresh, or for tests alone: those go one by one, beside the refreshes.

    Unit tests are left out by type and not by the project's default selector, which dbt ignores as soon as a selection
    is given, and Dagster gives one always.
    """
    return [
        "build",
        "--exclude-resource-type",
        "unit_test",
        *(["--full-refresh"] if full_refresh else []),
        *(["--threads", "1"] if tests_alone else []),
    ]


def dbt_resource(project: Path = DBT_PROJECT) -> DbtCliResource:
    """The dbt of this environment, in the project's folder."""
    return DbtCliResource(
        project_dir=os.fspath(project),
        profiles_dir=os.fspath(project),
        dbt_executable=os.fspath(venv_bin() / "dbt"),
        target="prod",
    )


def dbt_target_folder(settings: Settings) -> Path:
    """One target folder for all refreshes of a state folder.

    dagster-dbt makes a new one for each run, 2.3 MB that nothing removes. In one that stays dbt also finds its parsed
    project again, with the same profile.
    """
    return settings.home / "dagster" / "dbt-target"


def read_by_kind(manifest: Manifest) -> set[tuple[str, str]]:
    """(schema, name) of tables that find by its kind what they read, and of those that read these. Their lineage knows
    it, and dbt does not (orchestration.manifest.with_reads), so it may make them first; Dagster takes what is read
    first."""
    return {
        (node["schema"], node["alias"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["meta"].get("kind") in ("quality", "state")
    }


def is_about(tables: set[tuple[str, str]], event: Any) -> bool:
    """Whether an event of a build is about one of these."""
    if isinstance(event, dg.Output):
        schema, _, name = event.output_name.partition("__")
        return (schema, name) in tables
    return (
        isinstance(event, dg.AssetCheckResult)
        and event.asset_key is not None
        and tuple(event.asset_key.path[-2:]) in tables
    )


def warehouse_assets(manifest: Manifest, translator: WarehouseTranslator) -> dg.AssetsDefinition:
    """The whole dbt project as one definition that can be materialized in parts."""
    shown_last = read_by_kind(manifest)

    @dbt_assets(manifest=manifest, dagster_dbt_translator=translator, name="dbt_build", pool=DBT_POOL)
    def dbt_build(context: dg.AssetExecutionContext, dbt: DbtCliResource, config: RefreshConfig) -> Iterator[Any]:
        settings = Settings.load()
        # Tests alone write nothing: refreshes need not wait for them, and go first where processors are short.
        tests_alone = not context.selected_asset_keys
        arguments = dbt_build_arguments(full_refresh=config.full_refresh, tests_alone=tests_alone)
        turn = nullcontext() if tests_alone else held(settings, DBT, "dagster dbt")
        with turn:
            variables = {
                **profile_variables(settings.as_transformer),
                "LANDFALL_STARTED_BY": "dagster",
                "LANDFALL_PROJECT_MD5": built_md5(DBT_PROJECT, settings.reporting_timezone),
            }
            with environment(variables):
                build = dbt.cli(
                    arguments, context=context, target_path=dbt_target_folder(settings), raise_on_error=False
                )
            if tests_alone:
                os.setpriority(os.PRIO_PROCESS, build.process.pid, TESTS_NICENESS)
            broken = False
            last = []
            for event in build.stream():
                broken |= isinstance(event, dg.AssetCheckResult) and not event.passed
                if is_about(shown_last, event):
                    last.append(event)
                else:
                    yield event
            yield from last
        # Tests that ran have done their work, whatever they found: the checks say it, and so do alerts, once.
        found_by_tests = tests_alone and broken and build.process.returncode == TESTS_FAILED
        if not found_by_tests and (error := build.get_error()):
            raise error

    return dbt_build
