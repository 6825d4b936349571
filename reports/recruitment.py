"""The chart of the recruitment platform: clicks and spend by hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.chart import Chart, Rows
from reports.style import HUMAN, MONEY, hours_axis, panel_title, quiet_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOURS = """
    with chosen as (
        select coalesce(%(day)s::date, (select max(event_date) from marts.kpi_campaigns_daily_latest)) as event_date
    )

    select
        event_date,
        event_hour,
        sum(clicks)::bigint as clicks,
        sum(spend_hour)::float8 as spend,
        -- by what landed last in it: an hour that is not over has more to come
        max(updated_at) < (event_date + make_interval(hours => event_hour + 1)) at time zone %(zone)s as is_open
    from marts.kpi_jobs_hourly
    inner join chosen using (event_date)
    group by event_date, event_hour
    order by event_hour
"""


def hours_finding(rows: Rows) -> str:
    """The day's clicks and spend, and its busiest hour."""
    clicks, spend = sum(row["clicks"] for row in rows), sum(row["spend"] for row in rows)
    busiest = max(rows, key=lambda row: row["clicks"])
    hour = f"{busiest['event_hour']:02d}:00"
    return f"{clicks:,} clicks for a spend of {spend:,.0f}, busiest at {hour} with {busiest['clicks']:,}"


def plot_hours(figure: Figure, rows: Rows) -> None:
    """Above the clicks of each hour, beneath what they cost."""
    figure.subplots_adjust(hspace=0.42)
    clicks, spend = figure.subplots(2, 1, sharex=True)
    note = "pale: the hour is not over" if any(row["is_open"] for row in rows) else ""
    bars_of_hours(clicks, rows, "clicks", HUMAN)
    panel_title(clicks, "Clicks", HUMAN, note)
    bars_of_hours(spend, rows, "spend", MONEY)
    panel_title(spend, "Spend: the sum of the clicks' bids, in their currency", MONEY)
    hours_axis(spend)


def bars_of_hours(axes: Axes, rows: Rows, what: str, colour: str) -> None:
    """One bar an hour, with its value above."""
    values = [row[what] for row in rows]
    bars = axes.bar([row["event_hour"] for row in rows], values, width=0.78, color=colour)
    for bar, row in zip(bars, rows, strict=True):
        bar.set_alpha(0.45 if row["is_open"] else 1.0)
    quiet_axes(axes, grid="y")
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], fontsize=8.5, padding=2)
    axes.set_ylim(0, max(1.0, max(values) * 1.18))


HOURLY_CLICKS_AND_SPEND = Chart(
    name="hourly_clicks_and_spend",
    question="When do ads bring clicks, and at what cost?",
    measure="Clicks and spend of all jobs by hour",
    nothing="No ad was clicked",
    marts=("kpi_jobs_hourly", "kpi_campaigns_daily_latest"),
    query=HOURS,
    finding=hours_finding,
    plot=plot_hours,
)
