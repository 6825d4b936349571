"""When to tell somebody, decided without a clock, a database or a network.

A trouble that lasts is an alert; each channel is told of it once, again when it gets worse or after hours, and once
when it is well again. What each was told is kept with the alert, so a channel that is away is told later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from health.findings import Finding, Severity, rank

Status = Literal["new", "worse", "still", "well"]


@dataclass(frozen=True)
class Rules:
    """When an alert opens, closes and is repeated."""

    least_severity: Severity = "warn"
    after_seconds: float = 60
    """How long a trouble lasts before it is told, and is away before it is well again: no flapping."""
    repeat_seconds: float = 4 * 3_600


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong at this evaluation."""

    check: str
    subject: str
    severity: Severity
    message: str
    advice: str
    at_once: bool = False
    """It is told without waiting whether it lasts: a run has failed, and stays so."""

    @property
    def key(self) -> str:
        """What it is told apart by."""
        return f"{self.check}/{self.subject}"


@dataclass(frozen=True)
class Told:
    """What a channel was told of an alert last."""

    at: datetime
    severity: Severity


@dataclass(frozen=True)
class Alert:
    """A row of ops.alerts: see the comments of its columns."""

    check: str
    subject: str
    severity: Severity
    message: str
    advice: str
    seen_since: datetime
    last_seen_at: datetime
    opened_at: datetime | None = None
    well_since: datetime | None = None
    resolved_at: datetime | None = None
    told: Mapping[str, Told] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What it is told apart by."""
        return f"{self.check}/{self.subject}"


@dataclass(frozen=True)
class News:
    """One alert, and why a channel hears of it now."""

    status: Status
    alert: Alert


def troubles_of(findings: Iterable[Finding], rules: Rules) -> list[Trouble]:
    """The findings that are bad enough to be told."""
    return [
        Trouble(found.check, found.subject, found.severity, found.message, found.advice)
        for found in findings
        if found.severity != "ok" and rank(found.severity) >= rank(rules.least_severity)
    ]


def observe(known: Iterable[Alert], troubles: Iterable[Trouble], now: datetime, rules: Rules) -> list[Alert]:
    """The alerts after this evaluation: new ones, those that last, those that are well again, by their keys."""
    before = {alert.key: alert for alert in known}
    present = {trouble.key: trouble for trouble in troubles}
    seen = opened_together([seen_again(before.get(key), trouble, now, rules) for key, trouble in present.items()], now)
    gone = [not_seen(alert, now, rules) for key, alert in before.items() if key not in present]
    return sorted([*seen, *(alert for alert in gone if alert is not None)], key=lambda alert: alert.key)


def opened_together(alerts: Iterable[Alert], now: datetime) -> list[Alert]:
    """One cause shows in many places, some an evaluation later: what waits whether it lasts opens with its kind, so
    that it is one message."""
    seen = list(alerts)
    kinds = {alert.check for alert in seen if alert.opened_at == now}
    return [
        replace(alert, opened_at=now) if alert.opened_at is None and alert.check in kinds else alert for alert in seen
    ]


def seen_again(alert: Alert | None, trouble: Trouble, now: datetime, rules: Rules) -> Alert:
    """The alert of a trouble that is there now. One that came back before its end was told is the same one."""
    if alert is None:
        fresh = (trouble.check, trouble.subject, trouble.severity, trouble.message, trouble.advice)
        alert = Alert(*fresh, seen_since=now, last_seen_at=now)
    lasts = trouble.at_once or (now - alert.seen_since).total_seconds() >= rules.after_seconds
    return replace(
        alert,
        severity=trouble.severity,
        message=trouble.message,
        advice=trouble.advice,
        last_seen_at=now,
        opened_at=alert.opened_at or (now if lasts else None),
        well_since=None,
        resolved_at=None,
    )


def not_seen(alert: Alert, now: datetime, rules: Rules) -> Alert | None:
    """The alert of a trouble that is not there now; None when nobody needs to hear of it any more."""
    if alert.opened_at is None:
        return None
    well_since = alert.well_since or now
    resolved = (now - well_since).total_seconds() >= rules.after_seconds
    return replace(alert, well_since=well_since, resolved_at=alert.resolved_at or (now if resolved else None))


def news_for(channel: str, alerts: Iterable[Alert], now: datetime, rules: Rules) -> list[News]:
    """What this channel has to hear now."""
    found = [(status_for(alert, alert.told.get(channel), now, rules), alert) for alert in alerts]
    return [News(status, alert) for status, alert in found if status is not None]


def status_for(alert: Alert, told: Told | None, now: datetime, rules: Rules) -> Status | None:
    """Why to tell of this alert, None where there is nothing to tell."""
    if alert.opened_at is None:
        return None
    if alert.resolved_at is not None:
        return "well" if told is not None else None
    if alert.well_since is not None:
        return None  # perhaps well again: wait whether it lasts
    if told is None:
        return "new"
    if rank(alert.severity) > rank(told.severity):
        return "worse"
    return "still" if (now - told.at).total_seconds() >= rules.repeat_seconds else None


def mark_told(alerts: Iterable[Alert], channel: str, news: Sequence[News], now: datetime) -> list[Alert]:
    """The alerts once the channel has these news: it forgets what is well again."""
    heard = {each.alert.key: each for each in news}
    marked = []
    for alert in alerts:
        told = dict(alert.told)
        if alert.key in heard:
            if heard[alert.key].status == "well":
                told.pop(channel, None)
            else:
                told[channel] = Told(now, alert.severity)
        marked.append(replace(alert, told=told))
    return marked


def still_needed(alerts: Iterable[Alert], channels: Iterable[str]) -> list[Alert]:
    """Without the alerts that are well again and that no channel is left to hear of."""
    names = set(channels)
    return [alert for alert in alerts if alert.resolved_at is None or names & set(alert.told)]
