"""What `landfall status` says in its summary: fresh, late, quarantined, failing."""

import json
from typing import Any

import pytest

from cli.status_report import Report, Server
from cli.status_screen import as_text, headline, summary
from health.findings import Finding, Severity
from landing_stream.progress import ModelProgress, StreamStatus


def finding(check: str, subject: str, severity: Severity = "ok", message: str = "") -> Finding:
    return Finding(check, subject, (), severity, message)


def model(position: int, horizon: int) -> ModelProgress:
    return ModelProgress("marts.kpi", "web_logs", position, horizon)


def report(*findings: Finding, **others: Any) -> Report:
    """A report with these findings, of a system that is otherwise at rest."""
    return Report("/home", {"kafka": Server("broker:9092")}, **{"followed": True, "findings": [*findings], **others})


@pytest.mark.parametrize(
    ("models", "followed", "words"),
    [
        ([model(7, 7)], True, "1 of 1 table on time; landfall refresh --watch or Dagster follows the loads"),
        ([model(7, 7), model(4, 7)], True, "…, 3 loads behind at most"),
        ([model(6, 7)], False, "1 of 1 table on time; nothing follows the loads, 1 load behind at most"),
    ],
    ids=["all read", "reading", "nobody reads"],
)
def test_it_says_how_far_the_models_are(models: list[ModelProgress], followed: bool, words: str) -> None:
    fresh, *_ = summary(report(finding("data_age", "marts.kpi"), models=models, followed=followed))
    assert fresh.removeprefix("fresh").strip().endswith(words.removeprefix("…"))


def test_what_is_late_quarantined_and_failing_has_a_line_each() -> None:
    reasons = {"not_json": 40, "tombstone": 10, "too_deep": 1}
    streams = [StreamStatus("web_logs", 0, 90, 51, 0, 0, 3, 0, 0, 3, None, None, reasons)]
    fresh, late, quarantined, failing = summary(
        report(
            finding("data_age", "marts.kpi_a", "error"),
            finding("data_age", "marts.kpi_b"),
            finding("landing_lag", "web_logs", "warn"),
            finding("dbt_tests", "kpi_adds_up", "error"),
            finding("dbt_tests", "dbt", "ok", "98 of 99 tests passed."),
            streams=streams,
        )
    )
    assert fresh.split(";")[0].split() == ["fresh", "1", "of", "2", "tables", "on", "time"]
    assert late.split(maxsplit=1)[1] == "landing_lag of 1 stream, 1 table"
    assert quarantined.split(maxsplit=1)[1].startswith("web_logs 51 (not_json 40, tombstone 10 and 1 more)")
    assert failing.split(maxsplit=1)[1] == "kpi_adds_up; 98 of 99 tests passed."


def test_the_headline_counts_what_was_found() -> None:
    found = [finding("a", "x", "warn"), finding("b", "x"), finding("c", "x")]
    assert headline(report(*found)) == "Worth a look: 1 warning, 2 checks well"
    assert headline(report()) == "All is well: nothing could be looked at"


def test_a_server_that_does_not_answer_is_an_error_whatever_was_found() -> None:
    away = report(finding("a", "x"))
    away.servers["kafka"].is_away("no broker at broker:9092")
    assert away.health == "error"
    assert "does not answer: no broker at broker:9092" in as_text(away)
    printed = json.loads(json.dumps(away.as_json(), default=str))
    assert printed["servers"] == {
        "kafka": {"address": "broker:9092", "answers": False, "why": "no broker at broker:9092"}
    }
    assert (printed["health"], printed["findings"][0]["check"]) == ("error", "a")
