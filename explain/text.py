"""What is told, as lines for a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from explain.credits import DIRECT, MODELS
from explain.marts import Row, position
from explain.order import Order, Rules, money
from explain.visitor import Visitor, reason
from landfall.plain_text import printable
from landfall.wording import counted


def instant(moment: dt.datetime) -> str:
    """`2026-03-28 10:15:30 UTC`."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    table = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def visitor_lines(visitor: Visitor, events: Mapping[object, Sequence[Row]]) -> list[str]:
    """A visitor and their sessions; `events`: those to be shown, by session key."""
    row = visitor.row
    kinds = {"user": "an account", "email": "an e-mail address", "device": "a device that stands for itself"}
    orders = f", the first at {instant(row['first_order_at'])}" if row["first_order_at"] else ""
    found = [
        f"visitor {row['visitor_key']}: {kinds[row['identified_by']]}"
        + (", on a shared device among others" if row["is_on_shared_device"] and row["devices"] > 1 else "")
        + (", on a shared device" if row["is_on_shared_device"] and row["devices"] == 1 else ""),
        f"  {counted(row['devices'], 'device')}, {counted(row['sessions'], 'session')}"
        f" ({row['human_sessions']:,} without a bot), {counted(row['events'], 'event')},"
        f" {counted(row['orders'], 'order')}{orders}",
        f"  seen from {instant(row['first_seen_at'])} to {instant(row['last_seen_at'])}; first by"
        f" {printable(row['first_channel'])} in {printable(row['first_country_name'])}",
        "",
    ]
    head = ("session began", "device", "why it is theirs", "channel", "events", "first event", "")
    table = [head, *(session_row(visitor, session) for session in visitor.sessions)]
    lines = columns(table)
    found.append(lines[0])
    for session, line in zip(visitor.sessions, lines[1:], strict=True):
        found += [line, *event_lines(events.get(session["session_key"], ()))]
    left = row["sessions"] - len(visitor.sessions)
    found += [f"... and {counted(left, 'session')} more: see --limit"] if left > 0 else []
    if let_go := sum(map(visitor.is_let_go, visitor.sessions)):
        found += [
            "",
            f"Facts of before {visitor.let_go_until:%Y-%m-%d} (UTC) were let go (LANDFALL_FACT_RETENTION_DAYS):"
            f" {counted(let_go, 'session')} of these began before. What the marts counted stays as it was.",
        ]
    return found


def session_row(visitor: Visitor, session: Row) -> tuple[str, ...]:
    """A session's cells. Of a device, the first characters of its key are shown."""
    marks = ["new"] if session["is_first_of_visitor"] else []
    marks += ["shared device"] if session["is_on_shared_device"] else []
    marks += ["bot"] if session["is_bot"] else []
    return (
        instant(session["started_at"]),
        str(session["device_key"])[:8],
        "let go" if visitor.is_let_go(session) else reason(str(visitor.row["identified_by"]), session),
        str(session["channel"]),
        f"{session['events']:,}",
        position(session),
        ", ".join(marks),
    )


def event_lines(events: Sequence[Row]) -> list[str]:
    """Events of a session: when, what, where in Kafka, and what they say of the login."""
    shown = {(True, True): "user, e-mail", (True, False): "user", (False, True): "e-mail", (False, False): ""}
    table = [
        (
            f"    {instant(event['event_at'])}",
            str(event["event_type"]),
            position(event),
            shown[event["has_user"], event["has_email"]],
        )
        for event in events
    ]
    return columns(table) if table else []


def order_lines(order: Order, rules: Rules) -> list[str]:
    """An order, its path, and what each model gave to its touches and channels."""
    report = order.report
    number = f", number {printable(report['order_id'])}" if report["order_id"] else ""
    bot = ", by a bot: in no column human_…" if report["is_bot"] else ""
    found = [
        f"order {order.key}{number}: {instant(report['event_at'])}, {printable(report['country_name'])},"
        f" {position(report)}{bot}"
    ]
    found += [
        f"  {amount['revenue']:,.2f} {amount['currency']} in {counted(amount['lines'], 'line')}"
        for amount in order.amounts
    ]
    found += [
        f"  reported again, not counted: {instant(again['event_at'])}, {position(again)}" for again in order.reports[1:]
    ]
    if order.own is None:
        return [*found, "", "No device, so no session and no visitor: each model credits the channel (none)."]
    begins = report["event_at"] - dt.timedelta(hours=rules.lookback_hours)
    found += [
        f"  visitor {order.own['visitor_key']}, session of {instant(order.own['started_at'])}",
        "",
        f"path: the visitor's sessions from {instant(begins)} ({rules.lookback_hours} h before) on,"
        f" at most {rules.max_touches}",
    ]
    head = ("session began", "channel", "touch", "first event", *MODELS)
    table = [head]
    for place, touch in enumerate(order.path):
        given = (percent(order.credits[model][place]) for model in MODELS)
        table.append(
            (instant(touch["started_at"]), str(touch["channel"]), str(touch["touch_channel"]), position(touch), *given)
        )
    found += [*columns(table), ""]
    if DIRECT in order.channels and set(order.channels) != {DIRECT}:
        found += ["A direct touch gets nothing but from `last`: others are known.", ""]
    return [*found, *channel_lines(order)]


def channel_lines(order: Order) -> list[str]:
    """The same by channel: what the order adds to marts.kpi_attribution_daily, in each currency."""
    given = {model: order.by_channel(model) for model in MODELS}
    channels = sorted({channel for shares in given.values() for channel in shares})
    table = [("credit to", *MODELS)]
    for channel in channels:
        table.append((channel, *(percent(given[model].get(channel, Fraction(0))) for model in MODELS)))
    for amount in order.amounts:
        for channel in channels:
            parts = (money(amount["revenue"], given[model].get(channel, Fraction(0))) for model in MODELS)
            table.append((f"{channel}, {amount['currency']}", *parts))
    return columns(table)


def percent(credit: Fraction) -> str:
    """`33.3 %`."""
    return f"{float(credit) * 100:.1f} %"
