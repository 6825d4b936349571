"""Findings: what is judged wrong, from when on, and in which words."""

import datetime as dt
import re
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from health.checks import CHECKS, NOT_MADE, data_age, dbt_results, enrichment, kpis, landing, quarantine
from health.checks.kpis import Compared
from health.checks.landing import Backlog
from health.context import Context
from health.findings import Finding
from health.limits import Limits, load_limits
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.wording import duration

NOW = dt.datetime(2026, 3, 28, 12, 30, tzinfo=dt.UTC)
HOUR = dt.datetime(2026, 3, 28, 11)
LIMITS = Limits()


def ago(seconds: float) -> dt.datetime:
    return NOW - dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(("waits", "severity"), [(0.5, "ok"), (59, "ok"), (60, "warn"), (299, "warn"), (300, "error")])
def test_lag_is_judged_by_how_long_the_oldest_record_waits(waits: float, severity: str) -> None:
    found = landing.judge_lag("web_logs", Backlog(1_200, waits), LIMITS)
    assert (found.severity, found.value, found.unit) == (severity, 1_200, "records")
    assert found.message == f"1,200 records in Kafka, the oldest for {duration(waits)}."
    assert bool(found.advice) == (severity != "ok")


@pytest.mark.parametrize(
    ("waits", "idle", "severity"),
    [(90, 90, "error"), (90, None, "error"), (90, 2, "ok"), (2, 4_000, "ok"), (0, None, "ok")],
)
def test_the_landing_has_stopped_when_records_wait_and_nothing_is_committed(
    waits: float, idle: float | None, severity: str
) -> None:
    assert landing.judge_standstill("web_logs", Backlog(5, waits), idle, LIMITS).severity == severity


def test_a_record_counts_as_waiting_from_the_time_it_came_after_the_newest_that_landed() -> None:
    newest = {0: dt.datetime.fromtimestamp(1_000, dt.UTC)}
    assert landing.first_to_wait(newest, [0, 1]) == {0: 1_000_001, 1: 0}


@pytest.mark.parametrize("milliseconds", [9_223_372_036_854_775_807, 253_402_300_800_000, -1, 0, 1_774_698_300])
def test_a_kafka_time_that_is_no_clocks_says_no_more_than_since_when_nothing_landed(milliseconds: int) -> None:
    context = Context(cast(Any, None), {}, [], None, LIMITS, NOW)
    assert landing.waited(context, (5, milliseconds), 5, 40.0) == 40.0
    assert landing.waited(context, (5, int((NOW.timestamp() - 7) * 1_000)), 5, 40.0) == 7.0


def test_a_mart_is_late_when_something_landed_that_it_does_not_show_however_long_nothing_came() -> None:
    rows = [
        ("kpi_quiet", "web_logs", None, 0),
        ("kpi_late", "web_logs", ago(70), 30),
        ("kpi_late", "product_views", None, 0),
        ("kpi_very_late", "web_logs", ago(400), 1),
    ]
    found = {finding.subject: finding for finding in data_age.judge(rows, NOW, LIMITS)}
    assert {name: finding.severity for name, finding in found.items()} == {
        "marts.kpi_quiet": "ok",
        "marts.kpi_late": "warn",
        "marts.kpi_very_late": "error",
    }
    assert found["marts.kpi_late"].message == (
        "It does not show 30 loads of web_logs, the oldest of which landed 70 s ago."
    )
    assert found["marts.kpi_late"].asset == ("marts", "kpi_late")


def test_texts_on_which_the_rules_fail_are_named_by_kind() -> None:
    found = enrichment.judge_texts(
        [("ip", 1_200, "It took longer than 2 s."), ("user_agent", 1, "ValueError.")], LIMITS
    )
    assert found.severity == "warn"
    assert found.message == (
        "The rules failed on 1,201 texts in the last 24 hours: ip 1,200 (It took longer than 2 s),"
        " user_agent 1 (ValueError)."
    )
    assert enrichment.judge_texts([], LIMITS).severity == "ok"


@pytest.mark.parametrize(("failures", "severity"), [(0, "ok"), (2, "ok"), (3, "warn"), (10, "error")])
def test_an_enricher_that_ends_again_and_again_is_a_finding(failures: int, severity: str) -> None:
    found = enrichment.judge_process(["by signal SIGKILL"] * failures, LIMITS)
    assert (found.severity, found.value) == (severity, failures)
    if failures > 1:
        assert found.message == f"The enricher ended {failures} times in the last 15 minutes, last by signal SIGKILL."


@pytest.mark.parametrize(
    ("landed", "quarantined", "severity"),
    [(0, 0, "ok"), (10, 40, "ok"), (990, 10, "ok"), (940, 60, "warn"), (700, 300, "error")],
)
def test_a_share_of_quarantine_is_judged_over_enough_records(landed: int, quarantined: int, severity: str) -> None:
    assert quarantine.judge_share("web_logs", landed, quarantined, LIMITS).severity == severity


def compared(count: int, part: int, *usual: tuple[int, int]) -> Compared:
    return Compared(HOUR, count, part, usual)


DAYS = tuple((count, 100) for count in (1_000, 1_100, 900, 1_050, 20_000, 950, 1_000))


@pytest.mark.parametrize(
    ("count", "severity"), [(1_000, "ok"), (600, "ok"), (1_450, "ok"), (400, "warn"), (0, "warn"), (1_600, "warn")]
)
def test_an_hour_is_compared_with_the_median_of_the_same_hour_of_the_days_before(count: int, severity: str) -> None:
    found = kpis.judge_volume("kpi_web_actions_5min", "requests", "requests", compared(count, 0, *DAYS), LIMITS)
    assert found.severity == severity
    assert "usual are 1,000 (median of 7 days), and 500 to 1,500 within bounds" in found.message


def test_an_hour_is_not_compared_without_enough_history() -> None:
    for days in ((), DAYS[:2], ((50, 0),) * 7):
        found = kpis.judge_volume("kpi_web_actions_5min", "requests", "requests", compared(0, 0, *days), LIMITS)
        assert found.severity == "ok"
        assert "not compared" in found.message


def test_an_hour_that_is_not_whole_in_the_mart_is_not_judged() -> None:
    assert kpis.judge_payments(None, LIMITS).severity == "ok"
    assert kpis.judge_bots("kpi_web_actions_5min", "requests", None, LIMITS).value is None


@pytest.mark.parametrize(
    ("attempts", "failed", "severity"),
    [(100, 5, "ok"), (100, 15, "warn"), (100, 25, "warn"), (100, 50, "error"), (10, 10, "ok")],
)
def test_failed_payments_are_judged_by_a_bound_and_by_what_is_usual(attempts: int, failed: int, severity: str) -> None:
    usual = ((100, 4), (200, 8), (50, 2))
    assert kpis.judge_payments(compared(attempts, failed, *usual), LIMITS).severity == severity


def test_the_last_whole_hour_ended_ten_minutes_ago_in_the_zone_of_the_marts() -> None:
    utc, late = ZoneInfo("UTC"), dt.timedelta(minutes=10)
    assert kpis.last_whole_hour(NOW, utc, late) == HOUR
    assert kpis.last_whole_hour(NOW - dt.timedelta(minutes=25), utc, late) == HOUR - dt.timedelta(hours=1)
    assert kpis.last_whole_hour(NOW, ZoneInfo("Asia/Kolkata"), late) == dt.datetime(2026, 3, 28, 16)


def test_a_failing_test_is_said_with_the_rows_that_it_found() -> None:
    (found,) = dbt_results.judge_tests(
        [
            ("unique_x", "pass", 0, "", NOW, "marts.x"),
            ("not_null_x", "fail", 3, "Got 3 results", NOW, "marts.x"),
        ]
    )
    assert found == Finding(
        check="dbt_tests",
        subject="not_null_x",
        asset=("marts", "x"),
        severity="error",
        message="The test not_null_x of marts.x found 3 rows that break its rule.",
        advice=found.advice,
        value=3,
        unit="rows",
    )


def test_a_test_that_warns_of_the_first_odd_event_for_ever_is_left_to_checks_with_bounds() -> None:
    (test,) = dbt_results.JUDGED_WITHIN_BOUNDS
    assert (PROJECT / "dbt_project" / "tests" / f"{test}.sql").is_file()
    assert dbt_results.judge_tests([(test, "warn", 5, "Got 5 results", NOW, None)]) == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(45, "45 s"), (600, "10 min"), (12_000, "3 h 20 min"), (10_800, "3 h"), (259_200, "3 days")]
)
def test_durations_are_said_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_file_changes_some_limits_and_a_mistake_in_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text("data_age_warn_seconds: 120\n", encoding="utf-8")
    assert load_limits(path) == Limits(data_age_warn_seconds=120)
    path.write_text("data_age: 120\n", encoding="utf-8")
    with pytest.raises(UserError, match="data_age is no limit: write some of arrival_error_times"):
        load_limits(path)
    path.write_text("data_age_warn_seconds: soon\n", encoding="utf-8")
    with pytest.raises(UserError, match="data_age_warn_seconds is 'soon': write a number"):
        load_limits(path)
    for no_bound in (".nan", ".inf", "-1", "true"):
        path.write_text(f"data_age_warn_seconds: {no_bound}\n", encoding="utf-8")
        with pytest.raises(UserError, match=r"data_age_warn_seconds is .*: write a number of at least 0"):
            load_limits(path)


def test_every_check_and_no_other_is_described() -> None:
    readme = (PROJECT / "health" / "README.md").read_text(encoding="utf-8")
    rows = readme.partition("| check | of |")[2].partition("\n\n")[0].splitlines()[2:]
    described = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert described == {*CHECKS, NOT_MADE}
