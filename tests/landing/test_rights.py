"""A Kafka with access rules: what `landfall acls` prints is enough for each part."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from pyspark.sql import SparkSession

from cli.commands.acls import command
from health.doctor.deployment import Deployment
from health.doctor.kafka_topics import topics as doctor_topics
from landfall.errors import UserError
from landfall.kafka_rights import NEEDED
from landfall.settings import Settings
from local_stack.topics import create_topics
from tests.doctor.secured import USER, SecuredKafka, secured_kafka
from tests.landing.conftest import contract
from tests.landing.streams import Stream, wait_until

TOPICS = ("job_tracking", "product_views", "web_logs")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredKafka]:
    """A broker on which `reader` may do nothing yet."""
    folder = tmp_path / "secured"
    folder.mkdir()
    with secured_kafka(folder) as broker:
        yield broker


def printed(*arguments: str) -> str:
    """What `landfall acls` prints."""
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def give(secured: SecuredKafka, text: str) -> set[tuple[str, str]]:
    """Do what the printed commands do; returns (operation, topic) of each rule."""
    rules = []
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[:2] == ["kafka-acls", "--bootstrap-server"]
        assert words[3:6] == ["--command-config", "admin.properties", "--add"]
        options = [*zip(words[6::2], words[7::2], strict=True)]
        (principal,) = (value for name, value in options if name == "--allow-principal")
        operations = [value for name, value in options if name == "--operation"]
        named = [value for name, value in options if name == "--topic"]
        assert len(options) == 1 + len(operations) + len(named)
        rules += [(principal, operation, topic) for operation in operations for topic in named]
    known = {
        "Read": "READ",
        "Write": "WRITE",
        "Create": "CREATE",
        "Describe": "DESCRIBE",
        "DescribeConfigs": "DESCRIBE_CONFIGS",
    }
    wanted = {
        AclBinding(
            *(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, principal, "*"),
            AclOperation[known[operation]],
            AclPermissionType.ALLOW,
        )
        for principal, operation, topic in rules
    }
    for future in secured.admin.create_acls([*wanted]).values():
        future.result(timeout=30)
    any_name: Any = None
    everything = AclBindingFilter(
        *(ResourceType.ANY, any_name, ResourcePatternType.ANY, any_name, any_name),
        AclOperation.ANY,
        AclPermissionType.ANY,
    )

    def known_to_the_broker() -> bool:
        return wanted <= {*secured.admin.describe_acls(everything).result(timeout=30)}

    wait_until(known_to_the_broker, "the broker has learnt the rules")
    return {(operation, topic) for _, operation, topic in rules}


def test_each_part_has_what_it_needs(
    secured: SecuredKafka, database: Settings, spark: SparkSession, tmp_path: Path
) -> None:
    settings = replace(database, kafka_or_none=secured.settings)
    stream = Stream(spark, settings, contract("web_logs"), tmp_path)
    try:
        with pytest.raises(UserError, match="`landfall acls topics` prints the commands"):
            create_topics(settings.kafka, TOPICS)
        give(secured, printed("topics", "--user", USER))
        assert sorted(create_topics(settings.kafka, TOPICS)) == [*TOPICS]

        give(secured, printed("produce", "--user", USER))
        stream.number(1, 50, partitions=6)

        assert give(secured, printed("land", "--user", USER)) == {("Read", topic) for topic in TOPICS}
        stream.land()
        assert stream.numbers() == [*range(1, 51)]

        give(secured, printed("watch", "--user", USER))
        found = doctor_topics(Deployment(settings.home, settings))
        assert {finding.subject: finding.severity for finding in found} == dict.fromkeys(TOPICS, "ok")
    finally:
        stream.close()


def test_all_parts_of_the_login_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BOOTSTRAP_SERVERS": "kafka-1.example:9093",
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "SCRAM-SHA-512",
        "SASL_USERNAME": "land fall",
        "SASL_PASSWORD": "sesame",
    }.items():
        monkeypatch.setenv(f"LANDFALL_KAFKA_{name}", value)
    text = printed()
    assert [line.split()[1] for line in text.splitlines() if line.startswith("#")] == [f"{part}:" for part in NEEDED]
    assert text.count("kafka-acls --bootstrap-server kafka-1.example:9093 ") == len(NEEDED)
    assert text.count("--allow-principal 'User:land fall'") == len(NEEDED)
    assert "sesame" not in text


def test_nobody_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LANDFALL_HOME", str(tmp_path))
    done = CliRunner().invoke(command, [])
    assert (done.exit_code, "Name the login with --user" in done.output) == (1, True)
