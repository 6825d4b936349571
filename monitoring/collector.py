"""One scrape: every source is asked at once, and what answers in time is served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from database.connect import connect
from database.kept import KeptConnection
from health.checks import evaluate
from landfall.settings import Settings
from landing_stream.contract import Contract, load_contracts
from landing_stream.progress import lag
from landing_stream.topics import TopicOffsets, Topics
from monitoring.catalogue import family
from monitoring.landing import LandingFigures, next_offsets
from monitoring.quality import health_metrics, quality_metrics
from monitoring.refreshes import Refreshes, check_metrics, model_metrics
from monitoring.source import Source

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")
Offsets = dict[tuple[str, UUID], dict[int, int]]

DEADLINE_SECONDS = 4.0
"""Less than Prometheus waits (10 s by default, and by the sample configuration)."""
PACE = 20.0
STATEMENT_TIMEOUT_MS = 30_000


class LandfallCollector(Collector):
    """Asks Postgres (as transformer) and Kafka whenever it is scraped. One a process."""

    def __init__(self, settings: Settings) -> None:
        contracts = list(load_contracts().values())
        topics = Topics({**settings.kafka.client_config(), "socket.timeout.ms": 3_000})
        ledger, refreshes = LandingFigures(), Refreshes()

        def ask_postgres(connection: Connection) -> tuple[list[Metric], Offsets]:
            found = [*ledger.read(connection), *refreshes.read(connection), *model_metrics(connection)]
            return [*found, *check_metrics(connection)], next_offsets(connection)

        self._postgres = Source("postgres", Kept(settings, within_time(ask_postgres)))
        self._kafka = Source("kafka", lambda: ask_kafka(topics, contracts))

        def evaluated(connection: Connection) -> list[Metric]:
            return list(health_metrics(evaluate(settings, connection, topics)))

        self._quality = Source("quality", Kept(settings, within_time(lambda c: list(quality_metrics(c)))), pace=PACE)
        self._health = Source("health", Kept(settings, evaluated), pace=PACE)

    def describe(self) -> Iterable[Metric]:
        """Nothing: asking would read the servers when the exporter starts."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of the catalogue that can be told now."""
        sources = (self._postgres, self._kafka, self._quality, self._health)
        with ThreadPoolExecutor(len(sources)) as pool:
            answers = list(pool.map(lambda source: source.answer(DEADLINE_SECONDS), sources))
        postgres, kafka, quality, health = answers
        if postgres is not None:
            yield from postgres[0]
        if postgres is not None and kafka is not None:
            yield family("landfall_landing_lag_records", lags(kafka, postgres[1]))
        yield from quality or ()
        yield from health or ()
        up = {(source.name,): int(answer is not None) for source, answer in zip(sources, answers, strict=True)}
        yield family("landfall_up", up)
        took = {(source.name,): source.seconds for source in sources if source.seconds is not None}
        yield family("landfall_source_read_seconds", took)


class Kept:
    """A read over one connection that is kept between scrapes, and made anew after an error."""

    def __init__(self, settings: Settings, read: Callable[[Connection], Any]) -> None:
        self._read = read
        self._connection = KeptConnection(
            lambda: connect(settings.as_transformer, autocommit=True, application_name="landfall metrics")
        )

    def __call__(self) -> Any:
        """What `read` returns; raises what it raises."""
        try:
            return self._read(self._connection())
        except BaseException:
            self._connection.close()
            raise


def within_time(read: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """The read in a transaction whose statements have a time limit; a session's limit would stay with a pooler's
    process and cut off whoever has it next."""

    def limited(connection: Connection) -> T:
        with connection.transaction():
            connection.execute(f"set local statement_timeout = {STATEMENT_TIMEOUT_MS}")
            return read(connection)

    return limited


def ask_kafka(topics: Topics, contracts: Iterable[Contract]) -> dict[str, TopicOffsets]:
    """Each stream's topic. Raises KafkaUnavailable."""
    return {contract.stream: topics.offsets(contract.topic) for contract in contracts}


def lags(topics: dict[str, TopicOffsets], landed: Offsets) -> dict[tuple[str, ...], int]:
    """Records of each stream that have not landed; a topic that was made again has landed nothing yet."""
    return {(stream,): lag(topic, landed.get((stream, topic.topic_id), {})) for stream, topic in topics.items()}
