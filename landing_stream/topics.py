"""What Kafka says of a topic: its id, its partitions, its first and last offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from landfall.failures import NeedsPerson, Passing
from landfall.kafka_reach import ask as reach
from landfall.kafka_reach import refusal

T = TypeVar("T")

FIRST_SECONDS, REACH_SECONDS, SECOND_SECONDS = 3.0, 5.0, 10.0
"""For an answer to a client that is kept, which may still ask a broker that is gone; then for any broker to be found or
a reason to be heard; and for an answer to a fresh client."""


class KafkaUnavailable(Passing):
    """Kafka did not answer, or the topic does not exist (now)."""


class KafkaRefuses(KafkaUnavailable, NeedsPerson):
    """Kafka answers and refuses: the topic does not exist, or this login may not read it."""


class TopicReplaced(Passing):
    """The topic was deleted and made again under the same name: other records, from offset 0."""


@dataclass(frozen=True)
class TopicOffsets:
    """A topic as Kafka has it now: its id, and by partition the first offset that it still has (`earliest`) and the one
    that its next record will have (`latest`)."""

    topic_id: UUID
    earliest: Mapping[int, int]
    latest: Mapping[int, int]


class Topics:
    """Asks one Kafka cluster about its topics.

    Keeps a client with a background thread: make one a process and keep it. A client that gets no answer is thrown
    away: it goes on asking the broker that it took for the controller, for minutes after that one has died.
    """

    def __init__(self, client_config: Mapping[str, Any]) -> None:
        # Refresh metadata rarely by itself: each question here asks the broker anyway.
        self._config = {"topic.metadata.refresh.interval.ms": 300_000, "log_level": 0, **client_config}
        self._admin: AdminClient | None = None

    def describe(self, topic: str) -> tuple[UUID, list[int]]:
        """(topic id, partitions). Raises KafkaUnavailable."""

        def ask(admin: AdminClient, seconds: float) -> Any:
            futures = admin.describe_topics(TopicCollection([topic]), request_timeout=seconds)
            return futures[topic].result(timeout=seconds + 5)

        found = self._answer(topic, ask)
        return _uuid(found.topic_id), sorted(partition.id for partition in found.partitions)

    def offsets(self, topic: str) -> TopicOffsets:
        """The topic's id, its first offsets and its ends. Raises KafkaUnavailable."""
        topic_id, partitions = self.describe(topic)
        return TopicOffsets(topic_id, self.earliest(topic, partitions), self.latest(topic, partitions))

    def check_same(self, topic: str, topic_id: UUID) -> None:
        """Raises TopicReplaced when the topic is not the one of `topic_id`, KafkaUnavailable when it cannot be told."""
        now, _ = self.describe(topic)
        if now != topic_id:
            raise TopicReplaced(f"topic {topic} was deleted and made again (id {topic_id} before, {now} now)")

    def earliest(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Partition to its first offset that Kafka still has."""
        return self._offsets(topic, partitions, OffsetSpec.earliest())

    def latest(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Partition to the offset that its next record will have."""
        return self._offsets(topic, partitions, OffsetSpec.latest())

    def first_since(self, topic: str, since: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        """Partition to (offset, Kafka time) of its first record at or after the time `since`; times in ms since 1970.

        Partitions without such a record are left out. Raises KafkaUnavailable.
        """
        found = self._ask(topic, {partition: OffsetSpec.for_timestamp(moment) for partition, moment in since.items()})
        return {partition: (each.offset, each.timestamp) for partition, each in found.items() if each.offset >= 0}

    def _offsets(self, topic: str, partitions: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
        return {partition: each.offset for partition, each in self._ask(topic, dict.fromkeys(partitions, spec)).items()}

    def _ask(self, topic: str, specs: Mapping[int, OffsetSpec]) -> dict[int, Any]:
        wanted = {TopicPartition(topic, partition): spec for partition, spec in specs.items()}

        def ask(admin: AdminClient, seconds: float) -> dict[int, Any]:
            futures = admin.list_offsets(wanted, request_timeout=seconds)
            return {key.partition: future.result(timeout=seconds + 5) for key, future in futures.items()}

        return self._answer(topic, ask)

    def _answer(self, topic: str, ask: Callable[[AdminClient, float], T]) -> T:
        """Raises KafkaRefuses, or KafkaUnavailable when a fresh client gets no answer either."""
        if self._admin is not None:
            try:
                return ask(self._admin, FIRST_SECONDS)
            except (KafkaException, TimeoutError) as error:
                _check_not_refused(topic, error)
                self._admin = None
        self._check_reachable(topic)
        fresh = AdminClient(self._config)
        try:
            answer = ask(fresh, SECOND_SECONDS)
        except (KafkaException, TimeoutError) as error:
            _check_not_refused(topic, error)
            raise KafkaUnavailable(f"topic {topic}: {_words(error)}") from error
        self._admin = fresh
        return answer

    def _check_reachable(self, topic: str) -> None:
        """Raises with the reason, where there is one: an admin client only tells that time has run out."""
        try:
            metadata, said = reach(self._config, REACH_SECONDS)
        except TimeoutError as silent:
            raise KafkaUnavailable(f"topic {topic}: {silent}") from silent
        if metadata is None:
            refused = refusal(self._config, said)
            raise (KafkaUnavailable if refused.passes else KafkaRefuses)(
                f"topic {topic}: {refused.why}. {refused.advice}"
            )


def _uuid(kafka_uuid: Any) -> UUID:
    mask = 0xFFFF_FFFF_FFFF_FFFF
    high, low = kafka_uuid.get_most_significant_bits() & mask, kafka_uuid.get_least_significant_bits() & mask
    return UUID(int=high << 64 | low)


_RIGHTS = "let LANDFALL_KAFKA_SASL_USERNAME read it: `landfall acls` prints the commands"
_REFUSALS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "`landfall migrate --topics` makes it",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _RIGHTS,
    KafkaError.SASL_AUTHENTICATION_FAILED: "look at LANDFALL_KAFKA_SASL_USERNAME and its password",
}


def _check_not_refused(topic: str, error: BaseException) -> None:
    """Raises KafkaRefuses where Kafka has answered, and this is no question of who answers."""
    said = error.args[0] if isinstance(error, KafkaException) and error.args else None
    if isinstance(said, KafkaError) and said.code() in _REFUSALS:
        raise KafkaRefuses(f"topic {topic}: {said.str()}; {_REFUSALS[said.code()]}") from error


def _words(error: BaseException) -> str:
    said = error.args[0] if isinstance(error, KafkaException) and error.args else None
    return said.str() if isinstance(said, KafkaError) else str(error) or type(error).__name__
