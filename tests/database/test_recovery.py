"""What holds a part up: said once, noted for others to see, gone with the first try that succeeds."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from database.connect import connect
from database.recovery import SLOW_LONGEST_SECONDS, Recovery
from health.checks import evaluate
from health.findings import Finding
from landfall.failures import Kind, NeedsPerson, Passing, classify
from landfall.login import Login
from landfall.processes import free_port
from landfall.settings import Settings
from tests.conftest import Connection

AWAY = Passing("Kafka does not answer")
REVOKED = NeedsPerson("the ledger is ahead; delete the topic")


@pytest.fixture
def recovery(database: Settings) -> Recovery:
    return Recovery(database, "stream things")


def noted(transformer: Connection) -> list[tuple[Any, ...]]:
    return transformer.execute("select part, kind, sentence from ops.troubles order by 1").fetchall()


def found(settings: Settings, transformer: Connection) -> list[Finding]:
    return [finding for finding in evaluate(settings, transformer, None) if finding.check == "troubles"]


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_what_needs_a_person_is_said_once_and_shown_until_a_try_succeeds(
    database: Settings, transformer: Connection, recovery: Recovery, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        assert recovery.failed(REVOKED).kind is Kind.PERSON
    assert recovery.pause <= SLOW_LONGEST_SECONDS
    (said,) = errors(caplog)
    assert "stream things: held up by NeedsPerson: the ledger is ahead; delete the topic." in said
    assert noted(transformer) == [("stream things", "person", "the ledger is ahead; delete the topic")]
    (finding,) = found(database, transformer)
    assert (finding.subject, finding.severity) == ("stream things", "error")
    assert finding.message.endswith("the ledger is ahead; delete the topic.")
    recovery.failed(psycopg.errors.InsufficientPrivilege("permission denied for table slices"))
    assert len(errors(caplog)) == 2, "another trouble"
    assert len(noted(transformer)) == 1
    recovery.well()
    assert noted(transformer) == []
    (finding,) = found(database, transformer)
    assert (finding.severity, finding.message) == ("ok", "Nothing is held up.")
    recovery.failed(REVOKED)
    assert len(errors(caplog)) == 3, "it came back"


def test_what_passes_is_a_warning_and_is_told_once_it_has_lasted(
    database: Settings,
    transformer: Connection,
    recovery: Recovery,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recovery.failed(AWAY)
    assert errors(caplog) == []
    assert noted(transformer) == []
    monkeypatch.setattr("database.recovery.SECONDS_UNTIL_NOTED", 0.0)
    recovery.failed(AWAY)
    recovery.failed(AWAY)
    assert len(errors(caplog)) == 1
    assert noted(transformer) == [("stream things", "passing", "Kafka does not answer")]
    assert [finding.severity for finding in found(database, transformer)] == ["warn"]
    recovery.close()
    assert noted(transformer) == [], "nobody is held up who was told to end"


def test_each_part_has_a_row_and_what_nobody_tries_any_more_says_nothing(
    database: Settings, transformer: Connection, recovery: Recovery
) -> None:
    recovery.failed(REVOKED)
    Recovery(database, "refresh").failed(TypeError("no number"))
    assert [row[:2] for row in noted(transformer)] == [("refresh", "bug"), ("stream things", "person")]
    transformer.execute(
        "update ops.troubles set since = since - interval '3 h', last_tried_at = since - interval '2 h'"
    )
    assert [finding.severity for finding in found(database, transformer)] == ["ok"]
    recovery.failed(REVOKED)
    (finding,) = found(database, transformer)
    assert finding.subject == "stream things"
    assert finding.value is not None
    assert finding.value < 60, "a new one, not that of the process that was killed"
    Recovery(database, "stream things").well()
    assert [part for part, *_ in noted(transformer)] == ["refresh"], "what a killed process noted goes too"


def test_nothing_is_raised_where_it_cannot_be_noted(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    away = f"postgresql://transformer:x@127.0.0.1:{free_port(None)}/landfall"
    recovery = Recovery(settings.with_dsns(**{**settings.dsns, "transformer": away}), "refresh")
    recovery.failed(REVOKED)
    recovery.well()
    assert len(errors(caplog)) == 1


def test_a_login_that_is_refused_needs_a_person(settings: Settings) -> None:
    right = urlsplit(settings.as_writer.dsn)
    for wrong in (
        right._replace(netloc=right.netloc.replace(f":{right.password}@", ":wrong@")),
        right._replace(netloc=right.netloc.replace("landing_writer:", "nobody:")),
        right._replace(path="/no_such_database"),
    ):
        with pytest.raises(psycopg.OperationalError) as raised:
            connect(Login(wrong.geturl(), None))
        failure = classify(raised.value)
        assert failure.kind is Kind.PERSON
        assert "LANDFALL_LANDING_DSN" in failure.advice
        assert "wrong" not in failure.sentence


def test_only_transformer_writes_what_holds_a_part_up(
    database: Settings, landing: Connection, recovery: Recovery
) -> None:
    recovery.failed(REVOKED)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        landing.execute("select * from ops.troubles")
