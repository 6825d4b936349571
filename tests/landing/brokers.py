"""Three brokers on loopback, each of which may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from landfall.kafka_settings import KafkaSettings
from landfall.processes import free_port
from local_stack import kafka
from local_stack.topics import create_topics
from tests.landing.streams import wait_until

REPLICATED = {
    "default.replication.factor=1": "default.replication.factor=3\nmin.insync.replicas=2",
    "offsets.topic.replication.factor=1": "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=1": "transaction.state.log.replication.factor=3",
    "share.coordinator.state.topic.replication.factor=1": "share.coordinator.state.topic.replication.factor=3",
}


@dataclass(frozen=True)
class Node:
    """One broker, which is a controller as well, with a configuration of its own."""

    broker: kafka.Kafka
    config: str

    def launch(self) -> None:
        """Start it, and return at once."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(kafka, "CONFIG", self.config)
            self.broker.make()
            self.broker.launch()

    def kill(self) -> None:
        """As a machine that fails."""
        process = self.broker.broker()
        assert process is not None
        process.kill()
        process.wait(30)


@dataclass(frozen=True)
class Brokers:
    """Three brokers: each topic is on all of them, and what two have is acknowledged."""

    nodes: tuple[Node, ...]

    @property
    def settings(self) -> KafkaSettings:
        """All three are named."""
        return KafkaSettings(bootstrap_servers=",".join(node.broker.address for node in self.nodes))

    def make_topic(self, name: str, partitions: int) -> str:
        """A topic on all brokers."""
        self._wait_until(lambda found: len(found.brokers) == len(self.nodes), "all brokers are there")
        create_topics(self.settings, [name], partitions)
        return name

    def wait_until_whole(self, topic: str) -> None:
        """Until each partition is on all brokers again."""

        def whole(found: Any) -> bool:
            return all(len(each.isrs) == len(self.nodes) for each in found.topics[topic].partitions.values())

        self._wait_until(whole, "each partition is on all brokers again")

    def copies(self, topic: str) -> tuple[set[int], str]:
        """How many copies the topic's partitions have, and its min.insync.replicas."""
        client = AdminClient({**self.settings.client_config(), "log_level": 0})
        partitions = client.list_topics(topic, timeout=10).topics[topic].partitions.values()
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        config = client.describe_configs([resource])[resource].result(timeout=10)
        return {len(each.replicas) for each in partitions}, str(config["min.insync.replicas"].value)

    def _wait_until(self, as_wanted: Callable[[Any], bool], what: str) -> None:
        client = AdminClient({**self.settings.client_config(), "log_level": 0})

        def answers_so() -> bool:
            with suppress(KafkaException):
                return as_wanted(client.list_topics(timeout=10))
            return False

        wait_until(answers_so, what)


@contextmanager
def three_brokers(folder: Path) -> Iterator[Brokers]:
    """They run in `folder` for the time of the block."""
    ports: list[int] = []
    while len(ports) < 6:
        ports.append(free_port(None, taken=tuple(ports)))
    voters = ",".join(f"{number}@127.0.0.1:{ports[2 * number - 1]}" for number in (1, 2, 3))
    nodes = []
    for number in (1, 2, 3):
        broker = kafka.Kafka(folder / f"kafka-{number}")
        config = kafka.CONFIG.replace("node.id=1", f"node.id={number}").replace("1@127.0.0.1:{controller}", voters)
        for alone, replicated in REPLICATED.items():
            assert alone in config
            config = config.replace(alone, replicated)
        broker.folder.mkdir()
        (broker.folder / "ports").write_text(f"{ports[2 * number - 2]} {ports[2 * number - 1]}\n", encoding="ascii")
        nodes.append(Node(broker, config))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kafka, "cluster_id", lambda: "bGFuZGZhbGxfdGVzdGluZw")
        try:
            for node in nodes:
                node.launch()
            yield Brokers(tuple(nodes))
        finally:
            for node in nodes:  # stopped in turn, the last ones would wait for a quorum that is gone
                if node.broker.broker() is not None:
                    node.kill()
