"""The report of `landfall status` as one screen of text."""

import datetime as dt
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import click

from cli.status_report import Report, Server
from health.findings import Finding, Severity
from landfall.plain_text import printable
from landfall.services import ServiceRecord
from landfall.wording import aligned, counted, duration, listed
from landing_stream.progress import StreamStatus

COLUMNS = ("stream", "lag", "landed", "quarantined", "holes", "gaps", "loads", "open", "sealed", "newest")
NOT_WELL: tuple[Severity, ...] = ("error", "warn")
COLOURS: Mapping[Severity, str] = {"ok": "green", "warn": "yellow", "error": "red"}
MARGIN = 13
STREAM_CHECKS = ("landing_lag", "landing_stopped", "arrival", "gaps")
FAILING_CHECKS = ("dbt_runs", "dbt_tests", "reconciliation", "services", "troubles", "enricher", "health")


def as_text(report: Report, show_all: bool = False, width: int = 110) -> str:
    """Headline, servers, streams, what is fresh, late, quarantined and failing, and each thing that is not well.

    With colours, which click leaves out where the output is no terminal. `width`: columns of the terminal.
    """
    now = dt.datetime.now(dt.UTC)
    lines = [
        click.style(headline(report), fg=COLOURS[report.health], bold=True),
        "",
        *map(printable, server_lines(report.servers)),
        *map(printable, service_lines(report.services)),
    ]
    if report.streams:
        lines += ["", *aligned([COLUMNS, *(stream_row(stream, now) for stream in report.streams)])]
    if report.findings:
        lines += ["", *map(printable, summary(report))]
        shown = [found for found in report.findings if show_all or found.severity in NOT_WELL]
        lines += [line for group in grouped(shown) for line in ["", *group_lines(group, width)]]
    return "\n".join(lines)


def headline(report: Report) -> str:
    """How many findings there are of each severity."""
    found = [finding.severity for finding in report.findings]
    well = {"ok": "All is well", "warn": "Worth a look", "error": "Something is wrong"}[report.health]
    if not found:
        return f"{well}: nothing could be looked at"
    counts = [counted(found.count("error"), "error"), counted(found.count("warn"), "warning")]
    said = [count for count in counts if not count.startswith("0 ")]
    return f"{well}: {', '.join([*said, counted(found.count('ok'), 'check')])} well"


def server_lines(servers: Mapping[str, Server]) -> list[str]:
    """Where the servers are, and whether they answer."""
    return [
        f"{name:<12} {server.address:<32} {'running' if server.answers else 'does not answer: ' + server.why}"
        for name, server in servers.items()
    ]


def service_lines(services: Sequence[ServiceRecord]) -> list[str]:
    """What `landfall serve` keeps running, and where it serves something."""
    said = [
        service.name
        + (f" http://127.0.0.1:{service.port}" if service.port else "")
        + ("" if service.pid else " (not running)")
        for service in services
    ]
    return [f"{'services':<12} {', '.join(said)}"] if said else []


def stream_row(stream: StreamStatus, now: dt.datetime) -> tuple[str, ...]:
    """One line of the table of streams."""
    landed_at = stream.newest_landed_at
    numbers = (stream.landed, stream.quarantined, stream.holes, stream.gaps)
    loads = (stream.loads, stream.open_loads, stream.sealed_loads)
    return (
        stream.stream,
        "?" if stream.lag is None else f"{stream.lag:,}",
        *(f"{number:,}" for number in (*numbers, *loads)),
        "-" if landed_at is None else f"{duration(max((now - landed_at).total_seconds(), 0))} ago",
    )


def summary(report: Report) -> list[str]:
    """One line each for what is fresh, late, quarantined and failing."""
    findings = report.findings
    marts = [found for found in findings if found.check == "data_age"]
    late_marts = [found.subject for found in marts if found.severity in NOT_WELL]
    streams_late = Counter(found.check for found in bad(findings, STREAM_CHECKS))
    late = [f"{check} of {counted(number, 'stream')}" for check, number in streams_late.items()]
    late += [counted(len(late_marts), "table")] if late_marts else []
    reasons = {stream.stream: stream.quarantine_reasons for stream in report.streams}
    quarantined = [in_quarantine(stream, counts) for stream, counts in reasons.items() if counts]
    failing = [found.subject for found in bad(findings, FAILING_CHECKS)]
    behind = max((model.horizon - model.position for model in report.models), default=0)
    by = "landfall refresh --watch or Dagster follows the loads" if report.followed else "nothing follows the loads"
    tests = next((found.message for found in findings if found.key == ("dbt_tests", "dbt")), "")
    return [
        f"fresh        {len(marts) - len(late_marts)} of {counted(len(marts), 'table')} on time; {by}"
        + (f", {counted(behind, 'load')} behind at most" if behind > 0 else ""),
        f"late         {', '.join(late) or 'nothing'}",
        f"quarantined  {', '.join(quarantined) or 'nothing'}{'   (landfall quarantine list)' if quarantined else ''}",
        f"failing      {listed(failing, 6) or 'nothing'}{f'; {tests}' if tests else ''}",
    ]


def in_quarantine(stream: str, reasons: Mapping[str, int]) -> str:
    """`web_logs 50 (not_json 40, tombstone 10)`: the most frequent two reasons."""
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    named = listed([f"{reason} {count:,}" for reason, count in ranked], 2)
    return f"{stream} {sum(reasons.values()):,} ({named})"


def bad(findings: Iterable[Finding], checks: Sequence[str]) -> list[Finding]:
    """Findings of these checks that are not well."""
    return [found for found in findings if found.check in checks and found.severity in NOT_WELL]


def grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of one severity and check together, errors first, the highest figure of each group first."""

    def place(found: Finding) -> tuple[int, str]:
        return ((*NOT_WELL, "ok").index(found.severity), found.check)

    ordered = sorted(findings, key=lambda found: (*place(found), -(found.value or 0), found.subject))
    return [list(group) for _, group in groupby(ordered, key=place)]


def group_lines(group: Sequence[Finding], width: int) -> list[str]:
    """What is wrong, where, and what to do."""
    first = group[0]
    like = f" ({counted(len(group) - 1, 'other')} like it)" if len(group) > 1 else ""
    where = f"{first.check}: {listed([found.subject for found in group], 4)}"
    texts = [printable(text) for text in (where, first.message + like, first.advice)]
    body = [line for text in texts for line in textwrap.wrap(text, max(width - MARGIN, 40), break_on_hyphens=False)]
    sign = click.style(f"{first.severity:<{MARGIN}}", fg=COLOURS[first.severity])
    return [sign + body[0], *(" " * MARGIN + line for line in body[1:])]
