"""Exports in Dagster: an asset a mart, made where a place is named, and a schedule that says why it does nothing."""

from pathlib import Path

import dagster as dg
import pytest

from landfall.settings import Settings
from orchestration.exports import OFF, export_key


def schedule(defs: dg.Definitions) -> dg.RunRequest | dg.SkipReason:
    [found] = [each for each in defs.get_repository_def().schedule_defs if each.name == "export_daily"]
    with dg.build_schedule_context() as context:
        tick = found.evaluate_tick(context)
    return tick.run_requests[0] if tick.run_requests else dg.SkipReason(tick.skip_message or "")


def materialize(defs: dg.Definitions, *marts: str) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def("export")
    return job.execute_in_process(asset_selection=[export_key(mart) for mart in marts], raise_on_error=False)


def test_nothing_is_exported_until_a_place_is_named(
    defs: dg.Definitions, warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert schedule(defs) == dg.SkipReason(OFF)
    refused = materialize(defs, "dim_date")
    assert not refused.success
    monkeypatch.setenv("LANDFALL_EXPORT_URL", str(tmp_path))
    assert isinstance(schedule(defs), dg.RunRequest)


def test_each_mart_tells_what_was_written_where(
    defs: dg.Definitions, warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANDFALL_EXPORT_URL", str(tmp_path))
    done = materialize(defs, "dim_store", "kpi_products_daily")
    assert done.success
    events = [event.materialization for event in done.get_asset_materialization_events()]
    told = {materialization.asset_key.path[-1]: materialization.metadata for materialization in events}
    assert told["dim_store"]["path"].value == str(tmp_path / "dim_store")
    assert told["dim_store"]["files"].value == 1
    assert told["kpi_products_daily"]["days_written"].value == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dim_store", "redshift"]
    assert {path.stem for path in (tmp_path / "redshift").iterdir()} == {"dim_store", "kpi_products_daily"}
