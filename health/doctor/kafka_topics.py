"""Topics of the contracts: there, safe against the loss of a broker, and with everything that is still to land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.wording import counted

SECONDS = 10.0
MAKE = "Run `landfall migrate --topics`, which makes it, or make it yourself, named so."
RIGHTS = "`landfall acls` prints the commands"
ALTER = "kafka-configs --bootstrap-server HOST:PORT --alter --topic {topic} --add-config {name}={value}"


def topics(deployment: Deployment) -> list[Finding]:
    """Each contract's topic: there, led, and copied."""
    client, names = admin(deployment), {contract.topic: contract.stream for contract in deployment.contracts}
    metadata = client.list_topics(timeout=SECONDS)
    found = {name: metadata.topics[name] for name in names if name in metadata.topics}
    settings, readable = configs(client, list(found)), may_read(client, list(found))
    findings = []
    for name in names:
        if name not in found:
            findings.append(missing(name, deployment))
        elif found[name].error is not None:
            findings.append(not_described(name, found[name].error.str()))
        elif not readable.get(name, True):
            findings.append(not_readable(name))
        elif isinstance(settings[name], Exception):
            findings.append(not_described(name, str(settings[name])))
        else:
            partitions = list(found[name].partitions.values())
            findings += judge_topic(name, partitions, int(settings[name]["min.insync.replicas"]), len(metadata.brokers))
    return findings


def missing(topic: str, deployment: Deployment) -> Finding:
    """A topic that is not there, or that this login may not see: a broker says the same of both."""
    kafka = deployment.settings.kafka
    if deployment.has_local_kafka:
        return error(
            topic, f"Kafka at {kafka.bootstrap_servers} has no such topic.", "Run `landfall up`, which makes it."
        )
    if kafka.sasl_username is None:
        return error(topic, f"Kafka at {kafka.bootstrap_servers} has no such topic.", MAKE)
    return error(
        topic,
        f"Kafka at {kafka.bootstrap_servers} shows no such topic to {kafka.sasl_username}.",
        f"{MAKE} Where it is there, let this login (LANDFALL_KAFKA_SASL_USERNAME) read it: {RIGHTS}.",
    )


def not_readable(topic: str) -> Finding:
    """A topic that this login sees and may not read."""
    message = "This login may see it, and not read it: nothing of it can land."
    return error(topic, message, f"Let LANDFALL_KAFKA_SASL_USERNAME read it: {RIGHTS}.")


def not_described(topic: str, said: str) -> Finding:
    """A topic of which the cluster does not say how it is."""
    return warn(
        topic,
        f"Kafka does not say how it is set: {said}",
        f"Let LANDFALL_KAFKA_SASL_USERNAME describe its settings (DescribeConfigs): {RIGHTS}.",
    )


def admin(deployment: Deployment) -> Any:
    """A client that asks and changes nothing."""
    from confluent_kafka.admin import AdminClient

    return AdminClient({**deployment.settings.kafka.client_config(), "log_level": 0})


def configs(client: Any, names: Sequence[str]) -> dict[str, Any]:
    """By topic, its settings by name; the exception where they are not told."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    found: dict[str, Any] = {}
    futures = client.describe_configs(resources, request_timeout=SECONDS) if resources else {}
    for resource, future in futures.items():
        try:
            found[resource.name] = {name: entry.value for name, entry in future.result(timeout=SECONDS + 1).items()}
        except KafkaException as refused:
            found[resource.name] = RuntimeError(refused.args[0].str())
    return found


def may_read(client: Any, names: Sequence[str]) -> dict[str, bool]:
    """By topic, whether this login may read it; left out where the cluster does not tell."""
    from confluent_kafka import KafkaException, TopicCollection
    from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined]

    if not names:
        return {}
    asked = client.describe_topics(
        TopicCollection([*names]), include_authorized_operations=True, request_timeout=SECONDS
    )
    found = {}
    for name, future in asked.items():
        with suppress(KafkaException):
            if (operations := future.result(timeout=SECONDS + 1).authorized_operations) is not None:
                found[name] = AclOperation.READ in operations
    return found


def judge_topic(topic: str, partitions: Sequence[Any], in_sync: int, brokers: int) -> list[Finding]:
    """Leaders, copies, and how many of them a producer waits for (`in_sync`)."""
    copies = min((len(partition.replicas) for partition in partitions), default=0)
    said = (
        f"{counted(len(partitions), 'partition')}, {counted(copies, 'copy', 'copies')}, min.insync.replicas {in_sync}"
    )
    found = []
    if leaderless := [partition.id for partition in partitions if partition.leader < 0]:
        message = f"No broker leads partition {', '.join(map(str, leaderless))}: nothing of it can be read."
        found.append(error(topic, message, "Start the brokers that hold it."))
    elif behind := [partition.id for partition in partitions if len(partition.isrs) < len(partition.replicas)]:
        message = f"Copies of {counted(len(behind), 'partition')} are behind their leader or on a broker that is away."
        found.append(warn(topic, message, "Look at the brokers."))
    if in_sync > copies:
        message = f"{said}: no producer that waits for all (acks=all) can write."
        advice = f"`{ALTER.format(topic=topic, name='min.insync.replicas', value=max(copies - 1, 1))}`."
        found.append(error(topic, message, advice))
    elif copies == 1 and brokers > 1:
        message = f"{said}, on {brokers} brokers: what one broker loses is lost."
        found.append(warn(topic, message, "Give it three copies (`kafka-reassign-partitions`)."))
    elif copies > 1 and in_sync == 1:
        message = f"{said}: a broker that is lost can take acknowledged records along."
        found.append(warn(topic, message, f"`{ALTER.format(topic=topic, name='min.insync.replicas', value=2)}`."))
    elif 1 < copies == in_sync:
        message = f"{said}: producers stand still as soon as one broker is away."
        found.append(warn(topic, message, "Give it a copy more, or ask for one less."))
    return found or [well(topic, f"{said}.")]


def positions(deployment: Deployment) -> list[Finding]:
    """Does each topic still have what has not landed, and is it the one that the ledger knows?"""
    from landing_stream.progress import ledger_offsets
    from landing_stream.topics import KafkaRefuses, Topics

    asked = Topics(deployment.settings.kafka.client_config())
    findings = []
    with deployment.session() as connection:
        for contract in deployment.contracts:
            try:
                topic = asked.offsets(contract.topic)
            except KafkaRefuses:
                continue  # `topics` says so
            next_offsets = ledger_offsets(connection, contract.stream, topic.topic_id)
            findings += judge_positions(contract.topic, topic.earliest, topic.latest, next_offsets)
    return findings


def judge_positions(
    topic: str, earliest: Mapping[int, int], latest: Mapping[int, int], next_offsets: Mapping[int, int]
) -> list[Finding]:
    """By partition: the first offset that Kafka has, the one after its last, and the next that is to land."""
    found = []
    cut = {p: earliest[p] - offset for p, offset in next_offsets.items() if p in earliest and earliest[p] > offset}
    ahead = [p for p, offset in next_offsets.items() if p in latest and offset > latest[p]]
    if cut:
        message = (
            f"Kafka has deleted {counted(sum(cut.values()), 'offset')} of {counted(len(cut), 'partition')} that"
            " have not landed: they are lost here."
        )
        advice = (
            "Land them from a copy (`landfall replay STREAM FILE`), start `landfall land`, and let the topic keep"
            " records for longer."
        )
        found.append(error(topic, message, advice))
    if ahead:
        where = ", ".join(map(str, ahead))
        message = f"In partition {where} more has landed than Kafka has: it has lost what it acknowledged."
        advice = "Delete the topic and make it again; it is landed from its start then, and each event counted once."
        found.append(error(topic, message, advice))
    return found or [well(topic, "It has everything that is still to land.")]


CHECKS = (
    DoctorCheck(
        "kafka_topics",
        "each contract's topic: there, partitions, leaders, replication factor, min.insync.replicas",
        "kafka",
        topics,
        SECONDS + 2,
        ("kafka", "contracts"),
    ),
    DoctorCheck(
        "kafka_positions",
        "whether each topic still has what has not landed, by the ledger",
        "kafka",
        positions,
        SECONDS + 5,
        ("kafka", "contracts", "postgres", "migrations"),
    ),
)
