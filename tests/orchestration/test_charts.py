"""Charts are drawn when the marts have changed, and shown on the pages of their assets."""

import base64
import io
from pathlib import Path

import dagster as dg
import pytest
from PIL import Image

from landfall.settings import Settings
from orchestration.charts import Drawn, reason_to_wait
from reports.catalog import CHARTS
from tests.dbt.events import job_events
from tests.orchestration.conftest import Land
from warehouse.refresh import refresh

CLICKS = dg.AssetKey(["charts", "hourly_clicks_and_spend"])
# What a materialization keeps, for days; the picture itself is a file.
MOST_BYTES = 60_000


def test_every_chart_is_drawn_and_shown_once_the_marts_have_changed(
    defs: dg.Definitions, warehouse: Settings, land: Land
) -> None:
    schedule, job = defs.resolve_schedule_def("charts_hourly"), defs.resolve_job_def("draw_charts")
    with dg.DagsterInstance.local_temp() as instance:
        context = dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def())
        land("job_tracking", job_events(200, seed=1))
        assert refresh(warehouse).ok
        assert schedule.evaluate_tick(context).run_requests
        result = job.execute_in_process(instance=instance)
        assert "No rows were written" in (schedule.evaluate_tick(context).skip_message or "")
    shown = {
        m.asset_key: m.metadata
        for event in result.all_events
        if event.is_step_materialization
        for m in [event.materialization]
    }
    assert set(shown) == {dg.AssetKey(["charts", name]) for name in CHARTS}
    assert shown[dg.AssetKey(["charts", "top_products"])]["finding"].value == "No product was viewed yet"
    clicks = shown[CLICKS]
    assert clicks["day"].value == "2026-03-30"
    assert "newest_event" in clicks
    assert Path(str(clicks["file"].value)).read_bytes().startswith(b"\x89PNG")
    for metadata in shown.values():
        markdown = str(metadata["chart"].value)
        assert len(markdown) < MOST_BYTES
        picture = Image.open(io.BytesIO(base64.b64decode(markdown.partition("base64,")[2].removesuffix(")"))))
        assert picture.width > 600
        assert len(picture.getcolors() or []) > 3, "it is not blank"


@pytest.mark.parametrize(
    ("drawn", "waits"),
    [
        (Drawn(running=True, seconds_ago=9000, marts_changed=True), True),
        (Drawn(running=False, seconds_ago=9000, marts_changed=False), True),
        (Drawn(running=False, seconds_ago=60, marts_changed=True), True),
        (Drawn(running=False, seconds_ago=9000, marts_changed=True), False),
        (Drawn(running=False, seconds_ago=None, marts_changed=True), False),
    ],
    ids=["being drawn", "nothing new", "drawn a minute ago", "due", "never drawn"],
)
def test_charts_are_drawn_when_it_is_of_use(drawn: Drawn, waits: bool) -> None:
    assert (reason_to_wait(drawn) is not None) == waits
