"""What grows with the data, and is therefore read at a pace of its own: age of the marts, quarantine, health."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from prometheus_client.metrics_core import Metric

from health.findings import SEVERITIES, Finding
from landing_stream.progress import quarantine_reasons
from monitoring.catalogue import family

Connection = psycopg.Connection[tuple[Any, ...]]

SET_APART = "select stream, model, count(*) from ops.events_set_apart group by 1, 2 order by 1, 2"
FRESHNESS = "select mart, stream, newest_event_at, loads_behind from ops.freshness order by 1, 2"


def quality_metrics(connection: Connection) -> Iterator[Metric]:
    """Metrics of marts, quarantine, and events set apart."""
    marts = connection.execute(FRESHNESS).fetchall()
    newest = {(mart, stream): at.timestamp() for mart, stream, at, _ in marts if at is not None}
    yield family("landfall_mart_newest_event_timestamp_seconds", newest)
    yield family("landfall_mart_loads_behind", {(mart, stream): loads or 0 for mart, stream, _, loads in marts})
    waiting = quarantine_reasons(connection)
    yield family(
        "landfall_quarantine_waiting_records",
        {(stream, reason): number for stream, reasons in waiting.items() for reason, number in reasons.items()},
    )
    apart = connection.execute(SET_APART).fetchall()
    yield family("landfall_events_set_apart", {(stream, model): number for stream, model, number in apart})


def health_metrics(findings: Iterable[Finding]) -> Iterator[Metric]:
    """Metrics of one evaluation of the health checks; what is well is only counted."""
    found = list(findings)
    counts = Counter(finding.severity for finding in found)
    yield family("landfall_health_findings", {(severity,): counts[severity] for severity in SEVERITIES})
    wrong = [(finding.check, finding.subject, finding.severity) for finding in found if finding.severity != "ok"]
    yield family("landfall_health_finding", dict.fromkeys(wrong, 1))
