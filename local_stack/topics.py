"""Topics, made where they are missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from landfall.errors import UserError
from landfall.kafka_settings import PREFIX, KafkaSettings
from landfall.wording import counted

PARTITIONS = 6
"""Kafka partitions are the unit of scale: a Spark task lands those that are its share."""
COPIES = 3
"""Most copies of a topic, unless a setting says otherwise: one may be lost while another is restarted."""


def create_topics(kafka: KafkaSettings, topics: Iterable[str], partitions: int = PARTITIONS) -> list[str]:
    """Make those of `topics` that do not exist, with the copies that the settings or the cluster's brokers give.

    Returns their names. Raises UserError when Kafka does not answer or refuses, or cannot hold as many copies.
    """
    # Imported here for start-up time.
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    client = AdminClient({**kafka.client_config(), "log_level": 0})
    try:
        metadata = client.list_topics(timeout=20)
        missing = [name for name in topics if name not in metadata.topics]
        if not missing:
            return []
        copies, in_sync = replication(kafka, len(known_brokers(metadata)))
        config = {"min.insync.replicas": str(in_sync)}
        wanted = [
            NewTopic(name, num_partitions=partitions, replication_factor=copies, config=config) for name in missing
        ]
        made = []
        for name, future in client.create_topics(wanted, operation_timeout=30).items():
            try:
                future.result(timeout=40)
                made.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        return made
    except KafkaException as error:
        said = error.args[0]
        refused = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
        advice = " `landfall acls topics` prints the commands that let it." if said.code() in refused else ""
        words = said.str().rstrip(".")
        raise UserError(f"Kafka at {kafka.bootstrap_servers} does not make topics: {words}.{advice}") from error


def known_brokers(metadata: Any) -> set[int]:
    """Ids of the brokers that the cluster has: those that answer, and those that are down and hold copies of topics."""
    partitions = (partition for topic in metadata.topics.values() for partition in topic.partitions.values())
    return set(metadata.brokers).union(*(partition.replicas for partition in partitions))


def replication(kafka: KafkaSettings, brokers: int) -> tuple[int, int]:
    """(copies, min.insync.replicas) of a topic in a cluster of so many brokers. Raises UserError, by the setting."""
    copies = kafka.replication_factor or min(COPIES, brokers)
    if copies > brokers:
        raise UserError(
            f"{PREFIX}REPLICATION_FACTOR is {copies}, and Kafka at {kafka.bootstrap_servers} has"
            f" {counted(brokers, 'broker')}: set it to {brokers} at most."
        )
    in_sync = kafka.min_insync_replicas or max(1, copies - 1)
    if in_sync > copies:
        raise UserError(
            f"{PREFIX}MIN_INSYNC_REPLICAS is {in_sync} and a topic has {counted(copies, 'copy', 'copies')}: nobody"
            f" could write to it. Set it to {max(1, copies - 1)}."
        )
    return copies, in_sync
