"""Charts of the web shop's requests: actions, bots, and payments that fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.chart import Chart, Row, Rows
from reports.style import ALARM, ALL, QUIET, label, panel_title, quiet_axes, ranked_bars, share, with_people

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beyond, five-minute windows are too many to read, and most of them too small for a ratio.
MOST_WINDOWS = 36
FEWEST_PAYMENTS = 10
MINUTES_A_WINDOW, MINUTES_AN_HOUR = 5, 60

ACTIONS = """
    with chosen as (
        select coalesce(%(day)s::date, (select max(event_date) from marts.kpi_web_funnel_daily_latest)) as event_date
    ),

    actions as (
        select
            chosen.event_date,
            windows.action,
            sum(windows.action_count)::bigint as action_count,
            sum(windows.human_action_count)::bigint as human_action_count
        from marts.kpi_web_actions_5min as windows
        inner join chosen on
            windows.window_start >= chosen.event_date::timestamp at time zone %(zone)s
            and windows.window_start < (chosen.event_date + 1)::timestamp at time zone %(zone)s
        group by 1, 2
    )

    select
        *,
        (action_count / sum(action_count) over ())::float8 as action_ratio,
        coalesce(human_action_count / nullif(sum(human_action_count) over (), 0), 0)::float8 as human_action_ratio,
        sum(action_count) over ()::bigint as requests
    from actions
    order by action_count desc, action
    limit 12
"""
BOTS = """
    with chosen as (
        select coalesce(%(day)s::date, (select max(event_date) from marts.kpi_web_funnel_daily_latest)) as event_date
    )

    select
        chosen.event_date,
        coalesce(bots.ip_address, 'address ' || left(bots.ip_hash::text, 8)) as address,
        sum(bots.request_count)::bigint as requests,
        max(bots.request_count) as busiest_minute,
        count(*) as minutes,
        count(*) over () as addresses,
        sum(sum(bots.request_count)) over ()::bigint as all_requests
    from marts.kpi_web_bot_ips_minutely as bots
    inner join chosen on
        bots.minute_start >= chosen.event_date::timestamp at time zone %(zone)s
        and bots.minute_start < (chosen.event_date + 1)::timestamp at time zone %(zone)s
    group by chosen.event_date, bots.ip_hash, bots.ip_address
    order by requests desc, address
    limit 10
"""
PAYMENTS = """
    with chosen as (
        select coalesce(%(day)s::date, (select max(event_date) from marts.kpi_web_funnel_daily_latest)) as event_date
    )

    select
        chosen.event_date,
        (
            extract(epoch from windows.window_start - chosen.event_date::timestamp at time zone %(zone)s) / 60
        )::int as minute,
        windows.attempts,
        windows.payment_errors,
        windows.is_complete
    from marts.kpi_web_payment_errors_5min as windows
    inner join chosen on
        windows.window_start >= chosen.event_date::timestamp at time zone %(zone)s
        and windows.window_start < (chosen.event_date + 1)::timestamp at time zone %(zone)s
    order by windows.window_start
"""


def actions_finding(rows: Rows) -> str:
    """The commonest action and its share."""
    first = rows[0]
    return f"{share(first['action_ratio'])} of {first['requests']:,} requests were {label(first['action'])}"


def plot_actions(figure: Figure, rows: Rows) -> None:
    """The share of each action, of all requests and of those that are no bot's."""
    ratios = [(row["action_ratio"], row["human_action_ratio"]) for row in rows]
    ranked_bars(
        figure,
        [label(row["action"]) for row in rows],
        [100 * every for every, _ in ratios],
        [100 * human for _, human in ratios],
        [with_people(share(every), share(human), place) for place, (every, human) in enumerate(ratios)],
        legend=("of all requests", "of those without bots"),
        per_cent=True,
    )


def bots_finding(rows: Rows) -> str:
    """How many addresses asked too often, and how much they asked then."""
    first = rows[0]
    if first["addresses"] == 1:
        return f"One address asked like a bot: {first['all_requests']:,} requests in its busy minutes"
    return f"{first['addresses']:,} addresses asked like bots: {first['all_requests']:,} requests in their busy minutes"


def plot_bots(figure: Figure, rows: Rows) -> None:
    """Requests of the addresses that asked most."""
    requests = [int(row["requests"]) for row in rows]
    ranked_bars(figure, [label(row["address"]) for row in rows], requests, None, [bot_label(row) for row in rows])


def bot_label(row: Row) -> str:
    """`57 in one minute`, or `120 in 4 minutes, at most 57 in one`."""
    if row["minutes"] == 1:
        return f"{row['requests']:,} in one minute"
    return f"{row['requests']:,} in {row['minutes']:,} minutes, at most {row['busiest_minute']:,} in one"


@dataclass(frozen=True)
class Payments:
    """Payments of some minutes: `minute` of the day at which they begin, how many were tried, how many failed."""

    minute: int
    attempts: int
    errors: int
    is_complete: bool

    @property
    def ratio(self) -> float:
        return self.errors / self.attempts if self.attempts else 0.0


def payments_over_time(rows: Rows) -> tuple[list[Payments], int]:
    """(payments by time of day, minutes of each): windows of the mart, or hours where they are many."""
    spread = rows[-1]["minute"] - rows[0]["minute"] + MINUTES_A_WINDOW
    minutes = MINUTES_A_WINDOW if spread <= MOST_WINDOWS * MINUTES_A_WINDOW else MINUTES_AN_HOUR
    found: dict[int, Payments] = {}
    for row in rows:
        start = row["minute"] // minutes * minutes
        before = found.get(start, Payments(start, 0, 0, True))
        found[start] = Payments(
            start,
            before.attempts + row["attempts"],
            before.errors + row["payment_errors"],
            before.is_complete and row["is_complete"],
        )
    return list(found.values()), minutes


def payments_finding(rows: Rows) -> str:
    """How many payments of the day failed, and when most of them did, where one time stands out."""
    attempts, errors = sum(row["attempts"] for row in rows), sum(row["payment_errors"] for row in rows)
    if not errors:
        return f"None of {attempts:,} payments failed"
    points, _ = payments_over_time(rows)
    worst = max(points, key=lambda point: point.errors)
    stands_out = sum(point.errors == worst.errors for point in points) == 1
    when = f", most often at {clock(worst.minute)}" if stands_out else ""
    return f"{share(errors / attempts)} of {attempts:,} payments failed{when}"


def plot_payments(figure: Figure, rows: Rows) -> None:
    """Above the share of payments that failed, beneath how many there were."""
    points, minutes = payments_over_time(rows)
    figure.subplots_adjust(hspace=0.42)
    ratio, count = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    plot_ratios(ratio, points, minutes)
    middles = [point.minute + minutes / 2 for point in points]
    count.bar(middles, [p.attempts for p in points], width=minutes * 0.82, color=ALL)
    count.bar(middles, [p.errors for p in points], width=minutes * 0.82, color=ALARM)
    quiet_axes(count, grid="y")
    still_open = shade_what_is_not_complete([ratio, count], points, minutes)
    panel_title(count, "Payments tried (light) and failed (red)", note="grey: can still change" if still_open else "")
    clock_axis(count, points, minutes)


def plot_ratios(axes: Axes, points: Sequence[Payments], minutes: int) -> None:
    """A line through the ratios; those of few payments hollow and apart, for one failure of two is no finding."""
    middles = [point.minute + minutes / 2 for point in points]
    per_cent = [100 * point.ratio for point in points]
    firm = [point.attempts >= FEWEST_PAYMENTS for point in points]
    line = [value if sure else float("nan") for value, sure in zip(per_cent, firm, strict=True)]
    axes.plot(middles, line, color=ALARM, linewidth=2, marker="o", markersize=5)
    few = [(x, y) for x, y, sure in zip(middles, per_cent, firm, strict=True) if not sure]
    axes.scatter([x for x, _ in few], [y for _, y in few], s=26, facecolor="white", edgecolor=ALARM, zorder=3)
    quiet_axes(axes, grid="y", unit=" %")
    axes.set_ylim(-2, max(10.0, 118 * max(point.ratio for point in points)))
    each = "hour" if minutes == MINUTES_AN_HOUR else "five minutes"
    note = f"hollow: fewer than {FEWEST_PAYMENTS} tried" if few else ""
    panel_title(axes, f"Share of payments that failed, each {each}", ALARM, note)
    worst = max(points, key=lambda point: (point.attempts >= FEWEST_PAYMENTS, point.ratio))
    if worst.errors:
        text = f"{share(worst.ratio)}: {worst.errors:,} of {worst.attempts:,}"
        place = (worst.minute + minutes / 2, 100 * worst.ratio)
        axes.annotate(text, place, (0, 8), textcoords="offset points", ha="center", fontsize=9.5)


def clock_axis(axes: Axes, points: Sequence[Payments], minutes: int) -> None:
    """Times of day, at most eight or so of them named."""
    first, last = points[0].minute, points[-1].minute + minutes
    axes.set_xlim(first - minutes * 0.5, last + minutes * 0.5)
    step = next((step for step in (5, 10, 15, 30, 60, 120, 180) if (last - first) / step <= 9), 180)
    ticks = range(-(-first // step) * step, last + 1, step)
    axes.set_xticks(ticks, [clock(tick) for tick in ticks])


def shade_what_is_not_complete(panels: Sequence[Axes], points: Sequence[Payments], minutes: int) -> bool:
    """Grey behind the times that late events can still change; returns whether there are any."""
    still_open = [point.minute for point in points if not point.is_complete]
    for axes in panels if still_open else ():
        axes.axvspan(still_open[0], points[-1].minute + minutes, color=QUIET, alpha=0.12, linewidth=0, zorder=0)
    return bool(still_open)


def clock(minute: int) -> str:
    """Minutes after midnight as a time of day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


ACTION_RATIOS = Chart(
    name="action_ratios",
    question="What do visitors do?",
    measure="Share of each action in all requests of the day",
    nothing="Nothing was requested",
    marts=("kpi_web_actions_5min", "kpi_web_funnel_daily_latest"),
    query=ACTIONS,
    finding=actions_finding,
    plot=plot_actions,
)
BOT_IPS = Chart(
    name="bot_ips",
    question="Which addresses ask like bots?",
    measure="Requests of the ten busiest addresses, in minutes with more than a person makes",
    nothing="No address asked like a bot",
    marts=("kpi_web_bot_ips_minutely", "kpi_web_funnel_daily_latest"),
    query=BOTS,
    finding=bots_finding,
    plot=plot_bots,
)
PAYMENT_ERRORS = Chart(
    name="payment_errors",
    question="How many payments fail?",
    measure="Checkouts that the server failed and payment errors, bots included",
    nothing="No payment was tried",
    marts=("kpi_web_payment_errors_5min", "kpi_web_funnel_daily_latest"),
    query=PAYMENTS,
    finding=payments_finding,
    plot=plot_payments,
)
