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
TRIES, TRY_SECONDS = 4, 15.0
"""To make topics, while a broker dies: the others say after some seconds that it is gone."""


def create_topics(kafka: KafkaSettings, topics: Iterable[str], partitions: int = PARTITIONS) -> list[str]:
    """Make those of `topics` that do not exist, with the copies that the settings or the cluster's brokers give.

    Returns their names. Raises UserError when Kafka does not answer or refuses, or cannot hold as many copies.
    """
    # Imported here for start-up time.
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        metadata = AdminClient(_config(kafka)).list_topics(timeout=20)
        missing = [name for name in topics if name not in metadata.topics]
        if missing:
            copies, in_sync = replication(kafka, len(known_brokers(metadata)))
            _create(kafka, missing, partitions, copies, in_sync)
        return missing
    except KafkaException as error:
        said = error.args[0]
        refused = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
        advice = " `landfall acls topics` prints the commands that let it." if said.code() in refused else ""
        words = said.str().rstrip(".")
        raise UserError(f"Kafka at {kafka.bootstrap_servers} does not make topics: {words}.{advice}") from error


def _create(kafka: KafkaSettings, names: Iterable[str], partitions: int, copies: int, in_sync: int) -> None:
    """Raises KafkaException. A topic that somebody has made meanwhile is as good."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    config = {"min.insync.replicas": str(in_sync)}
    waiting = {name: NewTopic(name, partitions, replication_factor=copies, config=config) for name in names}
    for left in reversed(range(TRIES)):
        # A client goes on asking the broker that it took for the controller, also when that one is gone: each try has
        # one of its own.
        client = AdminClient(_config(kafka))
        asked = client.create_topics([*waiting.values()], operation_timeout=10, request_timeout=TRY_SECONDS)
        for name, future in asked.items():
            try:
                future.result()
            except KafkaException as error:
                code = error.args[0].code()
                if left and code in (KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._TRANSPORT):
                    continue
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
            del waiting[name]
        if not waiting:
            return


def _config(kafka: KafkaSettings) -> dict[str, Any]:
    return {**kafka.client_config(), "log_level": 0}


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
