"""Where alerts are kept from one evaluation to the next: in Postgres, or as text where Postgres is what is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from health.alerts import Alert, Told
from health.context import Connection
from health.findings import Severity

COLUMNS = (
    "check_name, subject, severity, message, advice, seen_since, last_seen_at, opened_at, well_since, resolved_at, told"
)


def read_alerts(connection: Connection) -> list[Alert]:
    """All that are known."""
    rows = connection.execute(f"select {COLUMNS} from ops.alerts order by key".encode()).fetchall()
    return [replace(Alert(*row[:-1]), told=told_from(row[-1])) for row in rows]


def write_alerts(connection: Connection, alerts: Sequence[Alert]) -> None:
    """These and no others, in one transaction."""
    with connection.transaction():
        connection.execute("delete from ops.alerts where key <> all(%s)", ([alert.key for alert in alerts],))
        with connection.cursor() as cursor:
            cursor.executemany(
                f"insert into ops.alerts (key, {COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (key) do update set severity = excluded.severity, message = excluded.message,"
                " advice = excluded.advice, seen_since = excluded.seen_since, last_seen_at = excluded.last_seen_at,"
                " opened_at = excluded.opened_at, well_since = excluded.well_since,"
                " resolved_at = excluded.resolved_at, told = excluded.told",
                [(alert.key, *values(alert)) for alert in alerts],
            )


def values(alert: Alert) -> tuple[Any, ...]:
    """In the order of COLUMNS."""
    return (
        *(alert.check, alert.subject, alert.severity, alert.message, alert.advice),
        *(alert.seen_since, alert.last_seen_at, alert.opened_at, alert.well_since, alert.resolved_at),
        json.dumps(told_as_json(alert)),
    )


def to_text(alerts: Sequence[Alert]) -> str:
    """For a sensor's cursor."""
    names = [name.strip() for name in COLUMNS.split(",")]
    return json.dumps([dict(zip(names, values(alert), strict=True)) for alert in alerts], default=str)


def from_text(text: str) -> list[Alert]:
    """What to_text made."""
    moments = ("seen_since", "last_seen_at", "opened_at", "well_since", "resolved_at")
    found = []
    for row in json.loads(text):
        times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in moments}
        named = {"check": row["check_name"], "told": told_from(json.loads(row["told"]))}
        kept = {name: row[name] for name in ("subject", "severity", "message", "advice")}
        found.append(Alert(**(kept | named | times)))
    return found


def told_as_json(alert: Alert) -> dict[str, dict[str, str]]:
    """By channel."""
    return {name: {"at": told.at.isoformat(), "severity": told.severity} for name, told in alert.told.items()}


def told_from(document: dict[str, dict[str, str]]) -> dict[str, Told]:
    """By channel."""
    return {
        name: Told(datetime.fromisoformat(told["at"]), cast(Severity, told["severity"]))
        for name, told in document.items()
    }
