"""Topics, made where they are missing."""

from collections.abc import Iterable

from landfall.errors import UserError
from landfall.kafka_settings import KafkaSettings

PARTITIONS = 6
"""Kafka partitions are the unit of scale: one Spark task each."""


def create_topics(kafka: KafkaSettings, topics: Iterable[str], partitions: int = PARTITIONS) -> list[str]:
    """Make those of `topics` that do not exist, with the cluster's replication; returns their names.

    Raises UserError when Kafka does not answer or refuses.
    """
    # Imported here for start-up time.
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    client = AdminClient({**kafka.client_config(), "log_level": 0})
    try:
        existing = set(client.list_topics(timeout=20).topics)
        wanted = [NewTopic(name, num_partitions=partitions) for name in topics if name not in existing]
        made = []
        for name, future in (client.create_topics(wanted, operation_timeout=30) if wanted else {}).items():
            try:
                future.result(timeout=40)
                made.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        return made
    except KafkaException as error:
        raise UserError(f"Kafka at {kafka.bootstrap_servers} does not make topics: {error.args[0].str()}.") from error
