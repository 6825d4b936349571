"""One message for everything that a channel has to hear after an evaluation: as text, for Slack, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from health.alerts import News, Status
from health.findings import rank
from landfall.plain_text import printable
from landfall.wording import counted, listed

SCHEMA_VERSION = 1
ORDER: tuple[Status, ...] = ("worse", "new", "still", "well")
SAYS: dict[Status, str] = {"worse": "worse", "new": "new", "still": "still wrong", "well": "well again"}
MOST_GROUPS = 15
"""Slack takes 50 blocks a message; more than these are a sign of one cause, and `landfall status` shows all."""
MOST_CHARACTERS = 3_000
"""Most that Slack takes in a block."""
SIGNS = {"error": ":red_circle:", "warn": ":large_yellow_circle:"}


def headline(news: Sequence[News]) -> str:
    """`Landfall: 2 new, 1 well again (worst: error)`."""
    counts = {status: sum(each.status == status for each in news) for status in ORDER}
    said = ", ".join(f"{number} {SAYS[status]}" for status, number in counts.items() if number)
    wrong = [each.alert.severity for each in news if each.status != "well"]
    return f"Landfall: {said}" + (f" (worst: {max(wrong, key=rank)})" if wrong else "")


def grouped(news: Sequence[News]) -> list[list[News]]:
    """News of one status, severity and check together, the worst first; in a group the worst subject stands first."""

    def place(each: News) -> tuple[int, int, str, str]:
        return (ORDER.index(each.status), -rank(each.alert.severity), each.alert.check, each.alert.subject)

    return [list(group) for _, group in groupby(sorted(news, key=place), key=lambda each: place(each)[:3])]


def group_lines(group: Sequence[News]) -> tuple[str, str, str]:
    """(what and where, what was found, what to do) of a group. One message speaks for similar ones."""
    first = group[0].alert
    subjects = [each.alert.subject for each in group]
    title = f"{SAYS[group[0].status]}: {first.check} of {listed(subjects)}"
    if group[0].status == "well":
        return printable(title), printable(f"Was: {first.message}"), ""
    rest = f" ({counted(len(group) - 1, 'other')} like it)" if len(group) > 1 else ""
    return printable(f"{title} ({first.severity})"), printable(first.message + rest), printable(first.advice)


def as_text(news: Sequence[News]) -> str:
    """The message as plain lines, for logs and for Slack's notifications."""
    lines = [headline(news)]
    for group in grouped(news):
        title, found, advice = group_lines(group)
        lines.append(f"- {title}. {found}{f' {advice}' if advice else ''}")
    return "\n".join(lines)


def as_slack_blocks(news: Sequence[News]) -> list[dict[str, Any]]:
    """Slack's blocks: https://docs.slack.dev/reference/block-kit/blocks."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": headline(news)[:150], "emoji": True}}
    ]
    groups = grouped(news)
    for group in groups[:MOST_GROUPS]:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": section(group)}})
    more = f" {len(groups) - MOST_GROUPS} more kinds are not shown." if len(groups) > MOST_GROUPS else ""
    hint = {"type": "mrkdwn", "text": f"`landfall status` shows all.{more}"}
    return [*blocks, {"type": "context", "elements": [hint]}]


def section(group: Sequence[News]) -> str:
    """A group as mrkdwn, short enough for a block; escaping may make five characters of one."""
    sign = ":white_check_mark:" if group[0].status == "well" else SIGNS[group[0].alert.severity]
    text = ""
    for most in (900, 500, 180):
        title, found, advice = (escaped(shortened(part, most)) for part in group_lines(group))
        text = f"{sign} *{title}*\n{found}" + (f"\n{advice}" if advice else "")
        if len(text) <= MOST_CHARACTERS:
            break
    return text


def shortened(text: str, most: int) -> str:
    """The text, or its first `most` - 1 characters and an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def escaped(text: str) -> str:
    """For mrkdwn: what Slack reads as a link or a mention is text here, such as a host that an event named.

    The three signs are those of https://docs.slack.dev/messaging/formatting-message-text.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_json(news: Sequence[News], now: datetime) -> dict[str, Any]:
    """The body of the generic webhook; README.md in this folder describes it."""
    return {
        "source": "landfall",
        "version": SCHEMA_VERSION,
        "sent_at": now.isoformat(),
        "title": headline(news),
        "state": "wrong" if any(each.status != "well" for each in news) else "well",
        "alerts": [
            {
                "key": each.alert.key,
                "status": each.status,
                "check": each.alert.check,
                "subject": each.alert.subject,
                "severity": each.alert.severity,
                "message": each.alert.message,
                "advice": each.alert.advice,
                "opened_at": iso(each.alert.opened_at),
                "last_seen_at": iso(each.alert.last_seen_at),
                "resolved_at": iso(each.alert.resolved_at),
            }
            for group in grouped(news)
            for each in group
        ],
    }


def iso(moment: datetime | None) -> str | None:
    """ISO 8601."""
    return None if moment is None else moment.isoformat()
