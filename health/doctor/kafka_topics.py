"""Topics of the contracts: there, safe against the loss of a broker, and with everything that is still to land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from health.limits import Limits
from landfall.wording import counted, listed

if TYPE_CHECKING:
    from health.gaps import Gap
    from landing_stream.ledger import Position
    from landing_stream.topics import TopicOffsets
    from landing_stream.witness import Witness

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
    """Does each topic still have what has not landed, and is its log the one that the ledger knows?"""
    from health import gaps
    from landing_stream.divergence import last_records
    from landing_stream.histories import ledger_positions
    from landing_stream.records import RecordReader
    from landing_stream.topics import KafkaRefuses, Topics

    client_config = deployment.settings.kafka.client_config()
    asked, reader = Topics(client_config), RecordReader(client_config)
    since = datetime.fromtimestamp(deployment.now(), UTC) - timedelta(hours=Limits().gap_alert_hours)
    findings = []
    with deployment.session() as connection, closing(reader):
        for contract in deployment.contracts:
            try:
                topic = asked.offsets(contract.topic)
            except KafkaRefuses:
                continue  # `topics` says so
            ledger = ledger_positions(connection, contract.stream, topic.topic_id)
            found = last_records(reader, contract.topic, topic, ledger)
            recorded = [gap for gap in gaps.read(connection, contract.stream) if gap.detected_at > since]
            findings += judge_positions(contract.topic, topic, ledger, found, recorded)
    return findings


def judge_positions(
    topic: str,
    log: TopicOffsets,
    ledger: Mapping[int, Position],
    found: Mapping[int, Witness],
    recorded: Sequence[Gap],
) -> list[Finding]:
    """`found`: by partition, what stands where its last landed record stood; `recorded`: gaps that the landing noticed
    lately."""
    from health import gaps
    from landing_stream.divergence import replaced

    said = []
    earliest, latest = log.earliest, log.latest
    deleted = {p: earliest[p] - at.next_offset for p, at in ledger.items() if earliest.get(p, 0) > at.next_offset}
    if deleted:
        message = (
            f"Kafka has deleted {counted(sum(deleted.values()), 'offset')} of {counted(len(deleted), 'partition')} that"
            " have not landed: they are lost here."
        )
        advice = (
            "Land them from a copy (`landfall replay STREAM FILE`), start `landfall land`, and let the topic keep"
            " records for longer."
        )
        said.append(error(topic, message, advice))
    if cut := replaced(log, ledger, found):
        where = [f"partition {p} {how_cut(latest[p], ledger[p])}" for p in cut]
        message = f"Kafka's log was cut beneath what has landed: {listed(where)}."
        advice = f"`landfall land` lands what is there, once, and records what was cut off. {gaps.CUT_ADVICE}"
        said.append(error(topic, message, advice))
    elif cut_lately := [gap for gap in recorded if gap.reason == "cut"]:
        said.append(error(topic, gaps.sentences(cut_lately), gaps.CUT_ADVICE))
    return said or [well(topic, "It has everything that is still to land.")]


def how_cut(end: int, ledger: Position) -> str:
    """What tells that a log which ends there is not the one that has landed."""
    if end < ledger.next_offset or ledger.last is None:
        return f"ends at offset {end}, and all below {ledger.next_offset} has landed"
    return f"has another record at offset {ledger.last.offset} than has landed"


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
        "whether each topic still has what has not landed, and its log is the one that landed, by the ledger",
        "kafka",
        positions,
        SECONDS + 5,
        ("kafka", "contracts", "postgres", "migrations"),
    ),
)
