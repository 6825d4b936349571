"""The findings of health/ as asset checks: run from the UI, and reported by a sensor when they change."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from database.connect import connect
from health.checks import Asked, asked_of_assets, evaluate
from health.findings import Finding, Severity
from landfall.plain_text import as_markdown
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from orchestration.manifest import Manifest
from orchestration.streams import topics_of
from warehouse.catalogue import catalogue_of

SECONDS_BETWEEN_TICKS = 60
# A report of every check costs some 300 KB until upkeep/reports.py forgets it; without it a check that has been well
# for hours looks as if nobody had asked.
SECONDS_BETWEEN_REPORTS = 900


def health_definitions(manifest: Manifest) -> dg.Definitions:
    """The checks, and the sensor that evaluates them."""
    asked = asked_of_assets(load_contracts(), catalogue_of(manifest))
    return dg.Definitions(asset_checks=[health_checks(asked)], sensors=[health_sensor(asked)])


def health_checks(asked: Sequence[Asked]) -> dg.AssetChecksDefinition:
    """All checks as one definition: a call is one evaluation, however many of them are wanted."""
    specs = [
        dg.AssetCheckSpec(each.check.name, asset=dg.AssetKey(each.asset), description=each.check.question)
        for each in asked
    ]

    @dg.multi_asset_check(
        name="health", specs=specs, can_subset=True, description="Looks at lag, arrival, data, events and KPIs."
    )
    def health(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        found = by_check(look_at(Settings.load()))
        for key in context.selected_asset_check_keys:
            yield result(key, found.get((key.name, tuple(key.asset_key.path))))

    return health


def health_sensor(asked: Sequence[Asked]) -> dg.SensorDefinition:
    """Reports, without a run, each check whose severity changed, and all of them every quarter of an hour."""
    keys = [dg.AssetCheckKey(dg.AssetKey(each.asset), each.check.name) for each in asked]

    @dg.sensor(
        name="health",
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Evaluates every check of health/ and reports those that changed.",
    )
    def health(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found = by_check(look_at(Settings.load()))
        now = dt.datetime.now(dt.UTC)
        due, cursor = due_reports(keys, found, context.cursor, now)
        wrong = sum(finding.severity != "ok" for finding in found.values())
        return dg.SensorResult(
            asset_events=[evaluation(key, found.get((key.name, tuple(key.asset_key.path)))) for key in due],
            cursor=cursor,
            skip_reason=dg.SkipReason(f"{len(found)} checks, {wrong} not well; {len(due)} reported."),
        )

    return health


Found = Mapping[tuple[str, tuple[str, ...]], Finding]


def by_check(findings: Iterable[Finding]) -> Found:
    """Findings by check and asset, those of no asset left out."""
    return {(finding.check, finding.asset): finding for finding in findings if finding.asset}


def look_at(settings: Settings) -> list[Finding]:
    """One evaluation."""
    with connect(settings.as_transformer, autocommit=True, application_name="dagster health") as reader:
        return evaluate(settings, reader, topics_of(settings))


def due_reports(
    keys: Sequence[dg.AssetCheckKey], found: Found, cursor: str | None, now: dt.datetime
) -> tuple[list[dg.AssetCheckKey], str]:
    """(checks to report, new cursor). The cursor holds when all were reported last, and what was not well then or
    since: Dagster keeps it with each tick, so it is short."""
    before = json.loads(cursor or "{}")
    bad: dict[str, Severity] = before.get("bad", {})
    last = dt.datetime.fromisoformat(before["at"]) if "at" in before else None
    severities = {key: severity_of(key, found) for key in keys}
    whole = last is None or (now - last).total_seconds() >= SECONDS_BETWEEN_REPORTS
    due = [key for key in keys if whole or severities[key] != bad.get(name_of(key), "ok")]
    after = {
        "at": (now if whole or last is None else last).isoformat(timespec="seconds"),
        "bad": {name_of(key): severity for key, severity in severities.items() if severity != "ok"},
    }
    return due, json.dumps(after, sort_keys=True)


def severity_of(key: dg.AssetCheckKey, found: Found) -> Severity:
    """Of a check's finding; ok where there was nothing to look at."""
    finding = found.get((key.name, tuple(key.asset_key.path)))
    return finding.severity if finding else "ok"


def name_of(key: dg.AssetCheckKey) -> str:
    """`marts/kpi_products_daily:data_age`."""
    return f"{key.asset_key.to_user_string()}:{key.name}"


SEVERITIES = {
    "ok": dg.AssetCheckSeverity.WARN,
    "warn": dg.AssetCheckSeverity.WARN,
    "error": dg.AssetCheckSeverity.ERROR,
}


def result(key: dg.AssetCheckKey, finding: Finding | None) -> dg.AssetCheckResult:
    """What a run reports."""
    return dg.AssetCheckResult(
        passed=finding is None or finding.severity == "ok",
        asset_key=key.asset_key,
        check_name=key.name,
        severity=SEVERITIES[finding.severity if finding else "ok"],
        description=described(finding),
        metadata=measured(finding),
    )


def evaluation(key: dg.AssetCheckKey, finding: Finding | None) -> dg.AssetCheckEvaluation:
    """What the sensor reports."""
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=finding is None or finding.severity == "ok",
        severity=SEVERITIES[finding.severity if finding else "ok"],
        description=described(finding),
        metadata=measured(finding),
    )


def described(finding: Finding | None) -> str:
    """What was found and what to do, as the Markdown that Dagster takes it for."""
    if finding is None:
        return "There is nothing to look at yet."
    return as_markdown(f"{finding.message} {finding.advice}".strip())


def measured(finding: Finding | None) -> dict[str, float]:
    """The figure, by its unit."""
    return {} if finding is None or finding.value is None else {finding.unit: float(finding.value)}
