"""Three brokers on loopback, each of which may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from landfall.kafka_settings import KafkaSettings
from local_stack.kafka_cluster import KafkaCluster
from local_stack.topics import create_topics
from tests.landing.streams import wait_until


@dataclass(frozen=True)
class Brokers:
    """The cluster of `landfall up --brokers 3`: each topic is on all of them, and what two have is acknowledged."""

    cluster: KafkaCluster

    @property
    def settings(self) -> KafkaSettings:
        """All three are named."""
        return self.cluster.settings

    def kill(self, number: int) -> None:
        """As a machine that fails; they are numbered from 1."""
        process = self.cluster.nodes[number - 1].broker()
        assert process is not None
        process.kill()
        process.wait(60)

    def launch(self, number: int) -> None:
        """Start it again, and return at once."""
        self.cluster.nodes[number - 1].launch()

    def make_topic(self, name: str, partitions: int) -> str:
        """A topic on all brokers."""
        create_topics(self.settings, [name], partitions)
        return name

    def wait_until_whole(self, topic: str) -> None:
        """Until each partition is on all brokers again."""

        def whole(found: Any) -> bool:
            return all(len(each.isrs) == self.cluster.brokers for each in found.topics[topic].partitions.values())

        self._wait_until(whole, "each partition is on all brokers again")

    def copies(self, topic: str) -> tuple[set[int], str]:
        """How many copies the topic's partitions have, and its min.insync.replicas."""
        client = AdminClient({**self.settings.client_config(), "log_level": 0})
        partitions = client.list_topics(topic, timeout=60).topics[topic].partitions.values()
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        config = client.describe_configs([resource])[resource].result(timeout=60)
        return {len(each.replicas) for each in partitions}, str(config["min.insync.replicas"].value)

    def _wait_until(self, as_wanted: Callable[[Any], bool], what: str) -> None:
        client = AdminClient({**self.settings.client_config(), "log_level": 0})

        def answers_so() -> bool:
            with suppress(KafkaException):
                return as_wanted(client.list_topics(timeout=60))
            return False

        wait_until(answers_so, what)


@contextmanager
def three_brokers(folder: Path) -> Iterator[Brokers]:
    """They run in `folder` for the time of the block."""
    cluster = KafkaCluster(folder / "kafka", 3)
    cluster.make()
    try:
        cluster.start()
        yield Brokers(cluster)
    finally:
        cluster.stop()
