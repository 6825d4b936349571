"""A refresh fills the marts, and starts when it is due."""

import uuid
from pathlib import Path

import dagster as dg
import pytest

from enrichment.enricher import enrich
from landfall.settings import Settings
from orchestration.models import dbt_target_folder
from orchestration.refresh import Behind, OwnRuns, reason_to_wait
from tests.orchestration.conftest import Land
from warehouse.connect import connect
from warehouse.roles import TRANSFORMER

IDLE = OwnRuns(running=False, seconds_since_last=60.0)


def click(job_id: int) -> dict[str, str]:
    return {
        "create_time": str(uuid.uuid1()),
        "job_id": str(job_id),
        "publisher_id": "1",
        "campaign_id": "2",
        "group_id": "3",
        "custom_track": "click",
        "bid": "0.5",
    }


def due(defs: dg.Definitions, instance: dg.DagsterInstance) -> str | None:
    """A real tick of the schedule: None when it asks for a run, else why it does not."""
    schedule = defs.resolve_schedule_def("refresh_every_minute")
    context = dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def())
    data = schedule.evaluate_tick(context)
    return None if data.run_requests else data.skip_message


def last_refresh_was(settings: Settings, seconds_ago: int) -> None:
    """However long it took on this machine."""
    with connect(settings.postgres_dsn, role=TRANSFORMER) as connection:
        connection.execute(
            "update ops.run_horizon set captured_at = clock_timestamp() - %s * interval '1 second'", (seconds_ago,)
        )


def clicks(settings: Settings) -> int:
    with connect(settings.postgres_dsn, role=TRANSFORMER) as connection:
        row = connection.execute("select coalesce(sum(clicks), 0)::int from marts.kpi_jobs_hourly").fetchone()
    assert row is not None
    return int(row[0])


def test_a_refresh_materializes_every_model_and_runs_its_checks_when_it_is_due(
    defs: dg.Definitions, warehouse: Settings, land: Land
) -> None:
    graph = defs.resolve_asset_graph()
    job = defs.resolve_job_def("refresh")
    # A schedule asks for its instance by reference, which one in memory does not have.
    with dg.DagsterInstance.local_temp() as instance:
        assert due(defs, instance) is None, "a new instance starts with a refresh"

        land("job_tracking", [click(1), click(1), click(2)])
        result = job.execute_in_process(instance=instance)

        assert result.success
        assert clicks(warehouse) == 3
        materialized = {event.asset_key for event in result.get_asset_materialization_events()}
        by_others = {key for key in graph.materializable_asset_keys if key.path[0] in ("charts", "repair")}
        assert materialized == graph.materializable_asset_keys - by_others
        checks = result.get_asset_check_evaluations()
        assert {check.asset_check_key for check in checks} == graph.asset_check_keys
        assert all(check.passed for check in checks)

        assert due(defs, instance) == "The models have read every load."
        land("job_tracking", [click(3)])
        enrich(warehouse)  # the two models chosen below do not: they read what is enriched
        last_refresh_was(warehouse, seconds_ago=1)
        assert "refreshed" in (due(defs, instance) or ""), "it gives way to a refresh that was seconds ago"
        last_refresh_was(warehouse, seconds_ago=60)
        assert due(defs, instance) is None

        # Chosen in the graph: these two models alone.
        chosen = [dg.AssetKey(["marts", "fct_job_events"]), dg.AssetKey(["intermediate", "int_job_events__hourly"])]
        part = job.execute_in_process(instance=instance, asset_selection=chosen)
        assert part.success
        assert {event.asset_key for event in part.get_asset_materialization_events()} == set(chosen)
        assert clicks(warehouse) == 4
    folders = [path.name for path in dbt_target_folder(warehouse).parent.iterdir() if path.name.startswith("dbt")]
    assert folders == ["dbt-target"], "two refreshes share one target folder"


@pytest.mark.parametrize(
    ("own", "behind", "waits"),
    [
        (OwnRuns(running=True, seconds_since_last=5), Behind(3, 5), True),
        (OwnRuns(running=False, seconds_since_last=None), Behind(0, None), False),
        (IDLE, Behind(relations=0, seconds_since_refresh=60), True),
        (IDLE, Behind(relations=3, seconds_since_refresh=60), False),
        (IDLE, Behind(relations=3, seconds_since_refresh=5), True),
        (IDLE, Behind(relations=3, seconds_since_refresh=None), False),
        (OwnRuns(running=False, seconds_since_last=900), Behind(0, 5), False),
    ],
    ids=[
        "one runs already",
        "never refreshed by Dagster",
        "nothing new",
        "something new",
        "another door is at it",
        "something new, never refreshed",
        "tests and reference data are due",
    ],
)
def test_a_refresh_starts_when_it_is_of_use(own: OwnRuns, behind: Behind, waits: bool) -> None:
    assert (reason_to_wait(own, behind) is not None) == waits


def test_dbt_writes_inside_the_state_folder(settings: Settings) -> None:
    assert dbt_target_folder(settings).is_relative_to(Path(settings.home))
