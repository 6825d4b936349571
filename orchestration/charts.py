"""The charts as assets below their marts, drawn when the marts have changed, and shown on their pages."""

import base64
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psycopg

from database.connect import connect
from landfall.settings import Settings
from orchestration.refresh import UNFINISHED
from orchestration.translator import OWNER
from reports.catalog import CHARTS
from reports.chart import Chart, day_of, open_marts
from reports.style import draw, png, preview
from reports.write import replace
from warehouse.reporting_timezone import zone_of_marts

GROUP = "charts"
JOB_NAME = "draw_charts"
# A drawing keeps six previews of 10 KB in its events and leaves 0.6 MB in SQLite.
SECONDS_BETWEEN_DRAWINGS = 3600.0


@dataclass(frozen=True)
class Drawn:
    """The last drawing, and whether there is anything new to draw."""

    running: bool
    seconds_ago: float | None
    """Since it was asked for; None when none ever was."""
    marts_changed: bool
    """Whether a run of dbt, whatever started it, has written rows since then."""


def reason_to_wait(drawn: Drawn) -> str | None:
    """Why the charts are not to be drawn now; None when they are."""
    if drawn.running:
        return "The charts are being drawn."
    if not drawn.marts_changed:
        return "No rows were written since the charts were drawn."
    if drawn.seconds_ago is not None and drawn.seconds_ago < SECONDS_BETWEEN_DRAWINGS:
        return f"The charts were drawn {drawn.seconds_ago / 60:.0f} min ago; once an hour is enough."
    return None


def charts_definitions() -> dg.Definitions:
    """The charts, the job `draw_charts`, and its schedule."""
    assets = chart_assets()
    job = dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.assets(assets),
        description="Draw every chart of the newest day, into LANDFALL_HOME/charts and onto the assets' pages.",
    )

    @dg.schedule(
        name="charts_hourly",
        job=job,
        cron_schedule="*/5 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Draws the charts when the marts have changed, at most once an hour; looks every five minutes.",
    )
    def charts_hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with connect(Settings.load().as_transformer, application_name="dagster schedule") as reader:
            waits = reason_to_wait(read_drawn(context.instance, reader, dt.datetime.now(dt.UTC)))
        return dg.SkipReason(waits) if waits else dg.RunRequest()

    return dg.Definitions(assets=[assets], jobs=[job], schedules=[charts_hourly])


def chart_assets() -> dg.AssetsDefinition:
    """One asset a chart, drawn together: importing what draws costs more than drawing."""

    @dg.multi_asset(name="draw", specs=[chart_spec(chart) for chart in CHARTS.values()], can_subset=True)
    def draw_charts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        settings = Settings.load()
        with (
            open_marts(settings) as marts,
            connect(settings.as_transformer, application_name="dagster charts") as reader,
        ):
            for chart in CHARTS.values():
                if chart_key(chart) in context.selected_asset_keys:
                    yield drawn(settings, chart, marts, reader)

    return draw_charts


def chart_key(chart: Chart) -> dg.AssetKey:
    """The asset of a chart."""
    return dg.AssetKey([GROUP, chart.name])


def chart_spec(chart: Chart) -> dg.AssetSpec:
    """The asset of a chart, below the marts that it reads."""
    return dg.AssetSpec(
        chart_key(chart),
        deps=[dg.AssetKey(["marts", mart]) for mart in chart.marts],
        description=f"{chart.question} {chart.measure}, on the newest day. `landfall report DIR` draws any day.",
        group_name=GROUP,
        kinds={"matplotlib"},
        owners=[OWNER],
    )


def drawn(
    settings: Settings, chart: Chart, marts: psycopg.Connection[Any], reader: psycopg.Connection[Any]
) -> dg.MaterializeResult[None]:
    """Draw one chart into its file; the asset gets a small picture of it, and what it says."""
    zone = zone_of_marts(settings)
    rows = chart.read(marts, None, zone)
    figure = draw(chart, rows, None, zone)
    path = replace(settings.home / "charts" / f"{chart.name}.png", png(figure))
    finding = chart.finding(rows) if rows else f"{chart.nothing} yet"
    metadata: dict[str, Any] = {
        "chart": picture(chart, preview(figure)),
        "finding": finding,
        "rows": len(rows),
        "file": dg.MetadataValue.path(path),
    }
    if day := day_of(rows):
        metadata["day"] = day.isoformat()
    if newest := newest_event(reader, chart):
        metadata["newest_event"] = dg.MetadataValue.timestamp(newest)
    return dg.MaterializeResult(asset_key=chart_key(chart), metadata=metadata)


def picture(chart: Chart, small: bytes) -> dg.MarkdownMetadataValue:
    """The picture for the asset's page. What it says stands beside it as text: a product's name is no Markdown."""
    return dg.MetadataValue.md(f"![{chart.question}](data:image/png;base64,{base64.b64encode(small).decode()})")


def newest_event(reader: psycopg.Connection[Any], chart: Chart) -> dt.datetime | None:
    """Time of the newest event in the mart that the chart shows; None when it is empty."""
    query = "select max(newest_event_at) from ops.freshness where mart = %s"
    row = reader.execute(query, (chart.marts[0],)).fetchone()
    return row[0] if row else None


def read_drawn(instance: dg.DagsterInstance, reader: psycopg.Connection[Any], now: dt.datetime) -> Drawn:
    """What this instance knows of its drawings, and whether dbt has written since."""
    newest = instance.get_run_records(dg.RunsFilter(job_name=JOB_NAME), limit=1)
    unfinished = dg.RunsFilter(job_name=JOB_NAME, statuses=list(UNFINISHED))
    since = newest[0].create_timestamp if newest else dt.datetime.fromtimestamp(0, dt.UTC)
    written = "select exists (select from ops.runs where rows_written > 0 and ended_at > %s)"
    row = reader.execute(written, (since,)).fetchone()
    return Drawn(
        running=bool(instance.get_run_ids(unfinished, limit=1)),
        seconds_ago=(now - since).total_seconds() if newest else None,
        marts_changed=row == (True,),
    )
