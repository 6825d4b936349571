"""Checks are made beside each other, each within its bound, and no secret is shown."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import click
import pytest

from cli.doctor_screen import as_json_object, as_text
from health.doctor import CHECKS
from health.doctor.check import well
from health.doctor.deployment import Deployment
from health.doctor.examine import examine, worst_of
from landfall.errors import UserError
from landfall.kafka_settings import KafkaSettings
from landfall.settings import Settings
from tests.doctor.conftest import check, look

WORD = "hunter2-s3cret"


def servers_at(home: Path, port: int) -> Deployment:
    """A deployment whose Postgres and Kafka are at this port."""
    dsn = f"postgresql://nobody:{WORD}@127.0.0.1:{port}/landfall"
    settings = Settings.load(
        {
            "LANDFALL_HOME": str(home),
            "LANDFALL_POSTGRES_DSN": dsn,
            "LANDFALL_LANDING_DSN": dsn,
            "LANDFALL_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
        }
    )
    return Deployment(home, settings)


def test_what_a_check_needs_stands_before_it() -> None:
    names = list(CHECKS)
    assert all(names.index(need) < names.index(name) for name, check in CHECKS.items() for need in check.needs)


def test_a_check_is_not_asked_where_one_that_it_needs_is_not_well(tmp_path: Path) -> None:
    def fails(_: Deployment) -> list:  # type: ignore[type-arg]
        raise UserError("The disk is full: make room.")

    asked = [
        check("a", fails),
        check("b", lambda _: [well("b", "Fine.")], 5.0, "a"),
        check("c", lambda _: [well("c", "Fine.")], 5.0, "b"),
        check("d", lambda _: [well("d", "Fine.")]),
    ]
    a, b, c, d = examine(Deployment(tmp_path, None), asked)
    assert [(one.severity, one.message) for one in a.findings] == [("error", "The disk is full: make room.")]
    assert (b.because, c.because) == (("a",), ("b",))
    assert d.is_well
    assert worst_of([a, b, c, d]) == "error"


def test_a_check_that_says_nothing_holds_up_only_what_needs_it(tmp_path: Path) -> None:
    never = threading.Event()

    def waits(_: Deployment) -> list:  # type: ignore[type-arg]
        never.wait()
        return []

    asked = [
        check("silent", waits, 0.2),
        check("behind", lambda _: [well("b", "Fine.")], 5.0, "silent"),
        check("beside", lambda _: [well("c", "Fine.")]),
    ]
    silent, behind, beside = examine(Deployment(tmp_path, None), asked)
    never.set()
    assert silent.findings[0].message == "This machine did not answer within 0.2 s."
    assert behind.because == ("silent",)
    assert beside.is_well


def test_servers_that_accept_and_never_answer_are_named_with_their_setting(tmp_path: Path, silent_port: int) -> None:
    seen = look(servers_at(tmp_path, silent_port), "postgres_rights", "kafka_topics", "contracts", "python", seconds=1)
    (of_postgres,), (of_kafka,) = seen["postgres"].findings, seen["kafka"].findings
    assert of_postgres.message == f"Postgres at 127.0.0.1:{silent_port}/landfall did not answer within 1 s."
    assert "LANDFALL_POSTGRES_DSN" in of_postgres.advice
    assert of_kafka.message == f"Kafka at 127.0.0.1:{silent_port} did not answer within 1 s."
    assert "LANDFALL_KAFKA_BOOTSTRAP_SERVERS" in of_kafka.advice
    assert (seen["postgres_rights"].because, seen["kafka_topics"].because) == (("postgres",), ("kafka",))
    assert seen["contracts"].is_well
    assert seen["python"].is_well


def test_servers_whose_packets_are_dropped_are_named_too(tmp_path: Path, dropping_port: int) -> None:
    seen = look(servers_at(tmp_path, dropping_port), "postgres", "kafka", seconds=1)
    messages = [finding.message for each in seen.values() for finding in each.findings if finding.severity == "error"]
    assert [message.rpartition(" did ")[2] for message in messages] == ["not answer within 1 s."] * 2


def test_a_package_that_is_missing_is_a_finding(tmp_path: Path) -> None:
    def imports(_: Deployment) -> list:  # type: ignore[type-arg]
        import no_such_package_anywhere  # type: ignore[import-not-found]

        return [no_such_package_anywhere]

    (examined,) = examine(Deployment(tmp_path, None), [check("a", imports)])
    assert "No module named 'no_such_package_anywhere'" in examined.findings[0].message
    assert "make setup" in examined.findings[0].advice


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://nobody:{WORD}@127.0.0.1:1/landfall",
        f"postgresql://nobody:{WORD}@127.0.0.1:1/landfall?sslmode=perhaps",
        f"host=127.0.0.1 password={WORD} nonsense",
        f"postgres:/nobody:{WORD}@127.0.0.1",
        f"postgresql://nobody:{WORD}%zz@127.0.0.1:1/landfall",
    ],
    ids=["refused", "a wrong parameter", "no pair", "no URL", "no escape"],
)
def test_no_password_is_shown(dsn: str, tmp_path: Path) -> None:
    kafka = KafkaSettings("127.0.0.1:1", "SASL_PLAINTEXT", "PLAIN", "me", WORD)
    environ = {"LANDFALL_HOME": str(tmp_path), "LANDFALL_POSTGRES_DSN": dsn, "LANDFALL_LANDING_DSN": dsn}
    settings = replace(Settings.load(environ), kafka_or_none=kafka)
    deployment = Deployment(tmp_path, settings, environ=environ)
    examined = list(look(deployment, "postgres_logins", "kafka").values())
    text, data = as_text(deployment, examined, True), json.dumps(as_json_object(deployment, examined))
    assert WORD not in text + data
    assert next(each for each in examined if each.check.name == "postgres").findings[0].severity == "error"


def test_what_a_check_quotes_of_a_secret_is_hidden(tmp_path: Path) -> None:
    environ = {"LANDFALL_HOME": str(tmp_path), "LANDFALL_SLACK_WEBHOOK_URL": f"https://example.test/{WORD}"}
    quoting = check("a", lambda _: [well("a", f"It said https://example.test/{WORD}.")])
    (examined,) = examine(Deployment(tmp_path, None, environ=environ), [quoting])
    assert examined.findings[0].message == "It said ***."


def test_the_screen_says_what_is_wrong_what_is_well_and_what_was_not_asked(tmp_path: Path) -> None:
    def fails(_: Deployment) -> list:  # type: ignore[type-arg]
        raise UserError("The disk is full.")

    deployment = Deployment(tmp_path, None)
    asked = [check("a", fails), check("b", lambda _: [], 1.0, "a"), check("c", lambda _: [well("c", "Fine.")])]
    lines = click.unstyle(as_text(deployment, examine(deployment, asked))).splitlines()
    assert lines[0] == "Something is broken: 1 error, 1 finding well"
    assert lines[3:6] == [
        "error        a: a",
        "             The disk is full.",
        "             Do what it says, and ask again.",
    ]
    assert lines[7] == "ok           c: Fine."
    assert lines[9] == "-            not asked, as a has to be well for it: b"
