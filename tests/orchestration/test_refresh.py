"""Builds, refreshes that follow loads, and what Dagster shows of a refresh that is none of its runs."""

import time
import uuid
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from database.connect import connect
from database.locks import FOLLOWER, held
from enrichment.enricher import enrich
from landfall.settings import Settings
from orchestration.figures import read_rows
from orchestration.instance import write_instance
from orchestration.models import dbt_target_folder
from orchestration.refresh import FollowConfig, Situation, reason_to_wait
from orchestration.warm import WarmReports, storage_is_made
from tests.orchestration.conftest import Land
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession

KPI = dg.AssetKey(["marts", "kpi_jobs_hourly"])
HOURLY = dg.AssetKey(["intermediate", "int_job_events__hourly"])


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


def tick(defs: dg.Definitions, instance: dg.DagsterInstance) -> dg.RunRequest | str:
    """A real tick of the sensor: the run that it asks for, or why it asks for none."""
    sensor = defs.resolve_sensor_def("refresh_when_landed")
    with dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def()) as context:
        data = sensor.evaluate_tick(context)
    if data.run_requests:
        return data.run_requests[0]
    assert data.skip_message
    return data.skip_message


def follow(
    defs: dg.Definitions, instance: dg.DagsterInstance, *, everything: bool = False, seconds: float = 0.5
) -> dg.ExecuteInProcessResult:
    """A run of the job, short."""
    config = dg.RunConfig(ops={"follow_loads": FollowConfig(seconds=seconds, everything=everything)})
    return defs.resolve_job_def("refresh").execute_in_process(instance=instance, run_config=config)


def clicks(settings: Settings) -> int:
    with connect(settings.as_transformer) as connection:
        row = connection.execute("select coalesce(sum(clicks), 0)::int from marts.kpi_jobs_hourly").fetchone()
    assert row is not None
    return int(row[0])


def test_a_build_materializes_every_model_and_runs_its_checks(
    defs: dg.Definitions, warehouse: Settings, land: Land
) -> None:
    # Imported here for start-up time.
    from orchestration.definitions import enrichment, models

    job = defs.resolve_job_def("build")
    land("job_tracking", [click(1), click(1), click(2)])
    with dg.DagsterInstance.local_temp() as instance:
        result = job.execute_in_process(instance=instance)

        assert result.success
        assert clicks(warehouse) == 3
        materialized = {event.asset_key for event in result.get_asset_materialization_events()}
        assert materialized == models.keys | enrichment.keys
        checks = result.get_asset_check_evaluations()
        assert {check.asset_check_key for check in checks} == models.check_keys
        assert all(check.passed for check in checks)

        # Chosen in the graph: these two models alone.
        land("job_tracking", [click(3)])
        enrich(warehouse)  # the two models chosen below do not: they read what is enriched
        chosen = [dg.AssetKey(["intermediate", name]) for name in ("int_job_events", "int_job_events__hourly")]
        part = job.execute_in_process(instance=instance, asset_selection=chosen)
        assert part.success
        assert {event.asset_key for event in part.get_asset_materialization_events()} == set(chosen)
        assert clicks(warehouse) == 4
    folders = [path.name for path in dbt_target_folder(warehouse).parent.iterdir() if path.name.startswith("dbt")]
    assert folders == ["dbt-target"], "two builds share one target folder"


def test_the_nightly_build_makes_everything_and_leaves_tests_to_their_schedule(
    defs: dg.Definitions, warehouse: Settings, land: Land
) -> None:
    # Imported here for start-up time.
    from orchestration.definitions import enrichment, models

    with dg.build_schedule_context() as context:
        tick = defs.get_repository_def().get_schedule_def("build_nightly").evaluate_tick(context)
    assert tick.run_requests
    (request,) = tick.run_requests
    assert request.asset_selection is not None
    assert request.asset_check_keys == []
    job = defs.resolve_job_def("build").get_subset(
        asset_selection=frozenset(request.asset_selection), asset_check_selection=frozenset(request.asset_check_keys)
    )
    land("job_tracking", [click(1), click(2)])
    with dg.DagsterInstance.local_temp() as instance:
        result = job.execute_in_process(instance=instance)
    assert result.success
    assert clicks(warehouse) == 2
    assert {event.asset_key for event in result.get_asset_materialization_events()} == models.keys | enrichment.keys
    assert result.get_asset_check_evaluations() == []


def test_a_broken_rule_fails_its_check_and_not_the_run_unless_dbt_itself_failed(
    defs: dg.Definitions, warehouse: Settings, land: Land
) -> None:
    rule = dg.AssetCheckKey(KPI, "kpi_jobs_hourly_adds_up_to_the_fact")
    job = defs.resolve_job_def("test").get_subset(asset_check_selection={rule})
    land("job_tracking", [click(1)])

    def tested(instance: dg.DagsterInstance, statement: bytes) -> dg.ExecuteInProcessResult:
        with connect(warehouse.as_transformer, autocommit=True) as connection:
            connection.execute(statement)
        return job.execute_in_process(instance=instance, raise_on_error=False)

    with dg.DagsterInstance.local_temp() as instance:
        follow(defs, instance)
        broken = tested(instance, b"update intermediate.int_job_events__hourly set clicks = clicks + 1")
        assert broken.success
        found = broken.get_asset_check_evaluations()
        assert [(check.asset_check_key, check.passed) for check in found] == [(rule, False)]
        assert not tested(instance, b"alter table ops.run_horizon rename to elsewhere").success


def test_the_sensor_starts_a_refresh_when_something_landed_and_nobody_follows(
    defs: dg.Definitions, warehouse: Settings, land: Land
) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        first = tick(defs, instance)
        assert isinstance(first, dg.RunRequest)
        assert first.run_config["ops"]["follow_loads"]["config"]["everything"], "a new instance shows everything once"
        shown = {
            event.asset_key for event in follow(defs, instance, everything=True).get_asset_materialization_events()
        }
        assert {KPI, dg.AssetKey(["reference", "host_countries"]), dg.AssetKey(["snapshots", "job_history"])} <= shown
        assert tick(defs, instance) == "The models have read every load."

        load_id = land("job_tracking", [click(1), click(2)])
        with held(warehouse, FOLLOWER, "test"):
            assert tick(defs, instance) == "`landfall refresh --watch` follows the loads."
        assert isinstance(tick(defs, instance), dg.RunRequest)
        result = follow(defs, instance)
        assert clicks(warehouse) == 2
        (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == KPI]
        assert event.materialization.metadata["load"].value == load_id
        assert event.materialization.metadata["loads_behind"].value == 0
        assert tick(defs, instance) == "The models have read every load."


def test_a_refresh_ends_when_nothing_more_lands_and_shows_meanwhile_what_it_wrote(
    defs: dg.Definitions, warehouse: Settings, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.refresh.SECONDS_AT_ONCE", 0.5)
    monkeypatch.setattr("orchestration.refresh.SECONDS_BETWEEN_SHOWN", 0.0)
    with dg.DagsterInstance.local_temp() as instance:
        land("job_tracking", [click(1)])
        result = follow(defs, instance, seconds=3600.0)
        assert result.success, "and it has ended"
        assert clicks(warehouse) == 1
        shown = [event for event in result.get_asset_materialization_events() if event.asset_key == HOURLY]
        assert [event.materialization.metadata["rows_written"].value for event in shown] == [1]


def test_a_warm_refresh_shows_in_dagster_without_a_run(warehouse: Settings, land: Land, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").touch()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", None, None))
        session = DbtSession(warehouse, started_by="watch")
        reports = WarmReports(warehouse, session.manifest, tmp_path)
        for events in ([click(1)], [click(2), click(3)]):
            load_id = land("job_tracking", events)
            enrich(warehouse)
            reports.add(session.run(pass_arguments(["job_tracking"])))
        reports.report()

        found = {}
        for name in ("intermediate/int_job_events", "marts/kpi_jobs_hourly", "marts/kpi_products_daily"):
            event = instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
            found[name] = event.asset_materialization.metadata if event and event.asset_materialization else None
        fact, kpi, none = found.values()
        assert fact is not None
        assert kpi is not None
        assert none is None
        assert (fact["rows_written"].value, fact["refreshes"].value, fact["load"].value) == (3, 2, load_id)
        assert kpi["load"].value == load_id
        assert "newest_event" in kpi
        assert (fact["dagster/row_count"].value, kpi["dagster/row_count"].value) == (3, 3)
        assert instance.get_runs() == []


def test_a_warm_refresh_leaves_it_to_dagster_to_make_its_storage(
    warehouse: Settings, land: Land, tmp_path: Path
) -> None:
    write_instance(tmp_path)
    session = DbtSession(warehouse, started_by="watch")
    reports = WarmReports(warehouse, session.manifest, tmp_path)
    land("job_tracking", [click(1)])
    enrich(warehouse)
    reports.add(session.run(pass_arguments(["job_tracking"])))
    assert not reports.report()
    assert [path.name for path in tmp_path.iterdir()] == ["dagster.yaml"], "two who make tables at once end one of them"
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert storage_is_made(tmp_path)
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", None, None))
    assert reports.report()


def test_rows_are_counted_where_that_is_cheap_and_expected_elsewhere(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(warehouse.as_transformer, autocommit=True) as connection:
        connection.execute("create table intermediate.many as select generate_series(1, 3000) as n")
        connection.execute("create view marts.few as select n from intermediate.many where n <= 7")
        connection.execute("analyze intermediate.many")
        connection.execute("insert into intermediate.many values (0)")
        assert [read_rows(connection, name) for name in ("intermediate.many", "marts.few")] == [3001, 8]
        monkeypatch.setattr("orchestration.figures.COST_OF_A_COUNT", 0)
        assert read_rows(connection, "intermediate.many") == 3000
        assert read_rows(connection, "marts.gone") is None


@pytest.mark.parametrize(
    ("now", "waits"),
    [
        (Situation(is_followed=False, own_run=True, ever_refreshed=True, behind=3), True),
        (Situation(is_followed=True, own_run=False, ever_refreshed=True, behind=3), True),
        (Situation(is_followed=True, own_run=False, ever_refreshed=False, behind=3), True),
        (Situation(is_followed=False, own_run=False, ever_refreshed=True, behind=0), True),
        (Situation(is_followed=False, own_run=False, ever_refreshed=False, behind=0), False),
        (Situation(is_followed=False, own_run=False, ever_refreshed=True, behind=1), False),
    ],
    ids=["one runs", "another follows", "another follows a new instance", "nothing new", "new instance", "news"],
)
def test_a_refresh_starts_when_it_is_of_use(now: Situation, waits: bool) -> None:
    assert (reason_to_wait(now) is not None) == waits


def test_dbt_writes_inside_the_state_folder(settings: Settings) -> None:
    assert dbt_target_folder(settings).is_relative_to(Path(settings.home))
