"""Repairs that are started by hand in Dagster: days counted again, a model rebuilt, the quarantine tried again."""

import datetime as dt
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from orchestration.repair import event_days
from tests.dbt.events import DAY, job_events
from tests.orchestration.conftest import Land
from warehouse.refresh import refresh

HOURLY = dg.AssetKey(["intermediate", "int_job_events__hourly"])
DAYS = [(DAY + dt.timedelta(days=number)).date() for number in range(3)]


@pytest.fixture
def filled(warehouse: Settings, land: Land) -> Settings:
    """A warehouse with ad events of three days."""
    land("job_tracking", job_events(200, seed=1))
    assert refresh(warehouse).ok
    return warehouse


def clicks(settings: Settings) -> dict[dt.date, int]:
    """Clicks of each day as the mart has them."""
    with connect(settings.as_transformer) as reader:
        query = "select event_date, sum(clicks)::int from marts.kpi_jobs_hourly group by event_date"
        return dict(reader.execute(query).fetchall())


def execute(settings: Settings, statement: bytes) -> int:
    with connect(settings.as_transformer) as owner:
        return owner.execute(statement).rowcount


def run(defs: dg.Definitions, job: str, config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    """The job as the launchpad starts it, with this configuration of its single op; it may fail."""
    definition = defs.resolve_job_def(job)
    (op,) = definition.graph.node_dict
    return definition.execute_in_process(run_config={"ops": {op: {"config": config}}}, raise_on_error=False)


def sentence(result: dg.ExecuteInProcessResult) -> str | None:
    """What the failed step says."""
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return failure.user_failure_data.description if failure.user_failure_data else None


def materialized(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, Any]:
    """Metadata of what the run shows as materialized, by asset."""
    shown = [event.materialization for event in result.all_events if event.is_step_materialization]
    return {materialization.asset_key: materialization.metadata for materialization in shown}


def test_a_range_of_days_is_counted_again_in_one_run_and_other_days_are_left_alone(
    defs: dg.Definitions, filled: Settings
) -> None:
    right = clicks(filled)
    assert sorted(right) == DAYS
    execute(filled, b"update intermediate.int_job_events__hourly set clicks = clicks + 7")
    spoiled = clicks(filled)
    days = {ASSET_PARTITION_RANGE_START_TAG: str(DAYS[1]), ASSET_PARTITION_RANGE_END_TAG: str(DAYS[2])}
    result = defs.resolve_job_def("recompute_days").execute_in_process(tags=days)
    assert result.success
    assert clicks(filled) == {DAYS[0]: spoiled[DAYS[0]], DAYS[1]: right[DAYS[1]], DAYS[2]: right[DAYS[2]]}
    shown = materialized(result)
    assert shown[HOURLY]["rows_written"].value > 0
    assert dg.AssetKey(["marts", "kpi_jobs_hourly"]) in shown

    single = defs.resolve_job_def("recompute_days").execute_in_process(partition_key=str(DAYS[0]))
    assert single.success
    assert clicks(filled) == right


def test_days_to_choose_from_begin_at_the_setting_and_end_today() -> None:
    days = event_days("2026-03-28").get_partition_keys(current_time=dt.datetime(2026, 3, 30, 1, tzinfo=dt.UTC))
    assert days == ["2026-03-28", "2026-03-29", "2026-03-30"]


def test_a_model_is_rebuilt_with_all_that_follows_or_alone(defs: dg.Definitions, filled: Settings) -> None:
    right = clicks(filled)
    assert execute(filled, b"delete from intermediate.int_job_events where custom_track = 'click'") > 0
    assert execute(filled, b"update intermediate.int_job_events__hourly set clicks = 0") > 0
    alone = run(defs, "rebuild_model", {"model": "intermediate/int_job_events", "downstream": False})
    assert alone.success
    assert set(materialized(alone)) == {dg.AssetKey(["intermediate", "int_job_events"])}
    assert sum(clicks(filled).values()) == 0
    whole = run(defs, "rebuild_model", {"model": "int_job_events"})
    assert whole.success
    assert HOURLY in materialized(whole)
    assert dg.AssetKey(["marts", "fct_web_requests"]) not in materialized(whole)
    assert clicks(filled) == right


def test_a_name_that_is_none_is_one_sentence_with_those_that_look_like_it(
    defs: dg.Definitions, warehouse: Settings
) -> None:
    said = sentence(run(defs, "rebuild_model", {"model": "kpi_product_daily"}))
    assert said is not None
    assert said.startswith("There is no model 'kpi_product_daily': did you mean kpi_products_daily or ")
    said = sentence(run(defs, "replay_quarantine", {"stream": "shoes"}))
    assert said == "There is no stream 'shoes': did you mean job_tracking or product_views or web_logs?"
    said = sentence(run(defs, "replay_quarantine", {"stream": "web_logs", "reason": "to_large"}))
    assert said is not None
    assert "no reason 'to_large': did you mean too_large" in said


def test_a_model_that_fails_fails_the_run_in_words_and_shows_what_was_rebuilt(
    defs: dg.Definitions, filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(filled, b"alter table intermediate.int_campaign_tracks__daily add check (campaign_id = '0') not valid")
    result = run(defs, "rebuild_model", {"model": "int_job_events__hourly"})
    assert not result.success
    assert "int_campaign_tracks__daily" in (sentence(result) or "")
    assert HOURLY in materialized(result)


def test_quarantined_records_land_once_the_contract_allows_them(
    defs: dg.Definitions, warehouse: Settings, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {"event_id": "e1", "action": "buy", "user_agent": "x" * 200_000}
    limit = replace(load_contracts()["web_logs"], max_value_bytes=100_000)
    with monkeypatch.context() as patch:
        patch.setattr("tests.orchestration.conftest.load_contracts", lambda: {"web_logs": limit})
        land("web_logs", [large, b"no json"])
        patch.setattr("orchestration.repair.load_contracts", lambda: {"web_logs": limit})
        assert replayed(run(defs, "replay_quarantine", {"stream": "web_logs"})) == (0, 2)
    assert replayed(run(defs, "replay_quarantine", {"stream": "web_logs", "reason": "too_large"})) == (1, 0)
    assert replayed(run(defs, "replay_quarantine", {"stream": "web_logs"})) == (0, 1)
    with connect(warehouse.as_transformer) as reader:
        assert reader.execute("select event_id from landing.web_logs").fetchall() == [("e1",)]


def replayed(result: dg.ExecuteInProcessResult) -> tuple[Any, Any]:
    """(landed, still in quarantine) as the run shows them."""
    assert result.success
    (output,) = [event.step_output_data for event in result.all_events if event.is_successful_output]
    return output.metadata["landed"].value, output.metadata["still_in_quarantine"].value
