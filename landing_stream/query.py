"""The Structured Streaming query of one stream: from the ledger's offsets, one load a micro-batch."""

from __future__ import annotations

import datetime as dt
import json
import logging
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from database.connect import connect
from database.kept import KeptConnection
from landfall.failures import FailedElsewhere, Kind, Passing
from landfall.kafka_settings import KafkaSettings
from landfall.login import Login
from landing_stream.contract import Contract
from landing_stream.histories import TopicIds, made_again, settle
from landing_stream.ledger import (
    Fenced,
    Load,
    Span,
    Writer,
    draw_load,
    finish_load_with_holes,
    prepare_partitions,
    start_writer,
)
from landing_stream.plan import planned_ends, shares, spans
from landing_stream.records import RecordReader
from landing_stream.slice import Share
from landing_stream.starting_offsets import starting_offsets
from landing_stream.tables import ensure_tables
from landing_stream.task import Report, Task, run_tasks
from landing_stream.topics import TopicOffsets, Topics

logger = logging.getLogger(__name__)

DOOR = "stream"

# Spark's source plans the spans of a batch; the tasks read them (landing_stream.records). Its client waits for a broker
# that has died, though another leads its partitions by then: so each try is short, and the next one's client is fresh.
_SOURCE_OPTIONS = {
    "kafka.isolation.level": "read_committed",
    "failOnDataLoss": "true",
    "kafka.default.api.timeout.ms": "6000",
    "kafka.request.timeout.ms": "5000",
    "fetchOffset.numRetries": "3",
    "fetchOffset.retryIntervalMs": "500",
}


class SliceFailed(FailedElsewhere):
    """A task could not land its slices; nothing of them was committed. The query starts again from the ledger."""


class Stopping(Passing):
    """The batch was not started, because the process is about to stop."""


@dataclass(frozen=True)
class LandingOptions:
    """How the queries run. `once`: drain what is there and end."""

    trigger_seconds: float
    max_offsets_per_trigger: int
    once: bool = False


class LandingQuery:
    """Lands one stream. `start` takes the stream over and may be called again after a failure."""

    def __init__(
        self,
        spark: SparkSession,
        contract: Contract,
        login: Login,
        kafka: KafkaSettings,
        checkpoints: Path,
        options: LandingOptions,
    ) -> None:
        self.contract = contract
        self.landed = self.quarantined = 0
        self._spark, self._login, self._kafka = spark, login, kafka
        self._checkpoints = checkpoints / contract.stream
        self._options = options
        self._topics = Topics(kafka.client_config())
        self._connect = KeptConnection(
            lambda: connect(login, autocommit=True, application_name="landfall land: ledger")
        )
        self._owner = uuid4()
        self._writer: Writer | None = None
        self._days: set[dt.date] = set()
        self._ends: dict[int, int] = {}
        # Held by the batch that runs, or by the one who stops: a query is never stopped inside a batch.
        self._gate = threading.Lock()
        self._failure: BaseException | None = None
        self._has_landed = self._apart = False

    def start(self) -> StreamingQuery:
        """Takes the stream's door and starts a query at the ledger's offsets.

        Raises Fenced when it starts again and another writer has taken the door, and what Kafka and Postgres raise.
        """
        self._failure, self._has_landed = None, False
        connection = self._connect()
        ensure_tables(connection, [self.contract])
        self._topics.describe(self.contract.topic)  # without it nobody takes the door
        writer = start_writer(connection, self.contract.stream, DOOR, self._owner, had=self._writer)
        self._writer = writer
        topic_ids, log = self._settle(connection, writer)
        starts = starting_offsets(connection, writer, topic_ids.ledger, log.earliest, log.latest)
        self._days.clear()  # the server may be another one by now, which was behind
        prepare_partitions(connection, self.contract.stream, self._days)
        self._ends = dict(starts)
        checkpoint = self._fresh_checkpoint(writer)
        query = self._reader(starts).writeStream.queryName(f"land {self.contract.stream}")
        query = query.option("checkpointLocation", str(checkpoint))
        if self._options.once:
            query = query.trigger(availableNow=True)
        else:
            query = query.trigger(processingTime=f"{round(self._options.trigger_seconds * 1000)} milliseconds")

        def land(_: DataFrame, batch_id: int) -> None:
            self._land_batch(batch_id, checkpoint, writer, topic_ids)

        logger.info(
            "stream %s: landing from the ledger's offsets",
            self.contract.stream,
            extra={"generation": writer.generation, "topic_id": str(topic_ids.ledger), "offsets": starts},
        )
        # One stream's backlog must not hold the others back: a pool each, fairly shared.
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", self.contract.stream)
        return query.foreachBatch(land).start()

    def stop_between_batches(self, query: StreamingQuery, timeout_seconds: float) -> None:
        """Waits for the running batch, then stops the query; no batch starts any more."""
        if self._gate.acquire(timeout=timeout_seconds):
            query.stop()

    def stop_to_start_again(self, query: StreamingQuery) -> None:
        """Waits for the running batch, then stops the query; the next one may start."""
        with self._gate:
            query.stop()

    def fails_with(self, error: BaseException) -> None:
        """The running query is about to fail, because of this."""
        self._failure = error

    def why_failed(self, error: BaseException) -> BaseException:
        """What the batch function raised, rather than what Spark made of it."""
        return self._failure or error

    def is_well(self, query: StreamingQuery) -> bool:
        """Whether the query that was started has landed a batch, or nothing waits to be landed."""
        return self._has_landed or query.status["message"] == "Waiting for data to arrive"

    def close(self) -> None:
        self._connect.close()

    def _settle(self, connection: psycopg.Connection, writer: Writer) -> tuple[TopicIds, TopicOffsets]:
        """The topic's ids, and how it is now."""
        topic, reader = self.contract.topic, RecordReader(self._kafka.client_config())
        try:
            made_again(connection, writer, topic, self._topics.describe(topic)[0])
            return settle(connection, writer, topic, reader, lambda: self._topics.offsets(topic))
        finally:
            reader.close()

    def _fresh_checkpoint(self, writer: Writer) -> Path:
        """An empty folder: with an old checkpoint Spark ignores startingOffsets.

        Older ones are of no use to anybody.
        """
        shutil.rmtree(self._checkpoints, ignore_errors=True)
        checkpoint = self._checkpoints / f"generation-{writer.generation}"
        checkpoint.mkdir(parents=True)
        return checkpoint

    def _reader(self, starts: dict[int, int]) -> DataFrame:
        topic = self.contract.topic
        offsets = {topic: {str(partition): offset for partition, offset in starts.items()}}
        reader = (
            self._spark.readStream.format("kafka")
            .options(**self._kafka.spark_options(), **_SOURCE_OPTIONS)
            .option("subscribe", topic)
            .option("startingOffsets", json.dumps(offsets))
            .option("maxOffsetsPerTrigger", self._options.max_offsets_per_trigger)
        )
        return reader.load()

    def _land_batch(self, batch_id: int, checkpoint: Path, writer: Writer, topic_ids: TopicIds) -> None:
        if not self._gate.acquire(blocking=False):
            raise Stopping
        try:
            self._land(batch_id, checkpoint, writer, topic_ids)
            self._has_landed, self._apart = True, False
        except BaseException as error:
            self._failure, self._apart = self._failure or error, True
            raise
        finally:
            self._gate.release()

    def _land(self, batch_id: int, checkpoint: Path, writer: Writer, topic_ids: TopicIds) -> None:
        began = time.monotonic()
        stream, connection = self.contract.stream, self._connect()
        ends = planned_ends(checkpoint, batch_id, self.contract.topic)
        planned = spans(self._ends, ends)
        if not planned:
            self._ends = ends
            return
        self._topics.check_same(self.contract.topic, topic_ids.kafka)
        prepare_partitions(connection, stream, self._days)
        load = draw_load(connection, writer)
        reports = self._run(self._tasks(writer, load, topic_ids, planned))
        _raise_failure(reports)
        self._topics.check_same(self.contract.topic, topic_ids.kafka)
        reported = {partition for report in reports for partition in report.partitions}
        left = [span for partition, span in planned.items() if partition not in reported]
        finish_load_with_holes(connection, writer, load, topic_ids.ledger, left)
        self._ends = ends
        landed = sum(report.landed for report in reports)
        quarantined = sum(report.quarantined for report in reports)
        self.landed += landed
        self.quarantined += quarantined
        logger.info(
            "stream %s: load %d landed %d, quarantined %d in %.2f s", stream, load.load_id, landed, quarantined,
            time.monotonic() - began,
            extra={"holes": sum(s.until_offset - s.from_offset for s in planned.values()) - landed - quarantined,
                   "slices": len(planned)},
        )  # fmt: skip

    def _tasks(self, writer: Writer, load: Load, topic_ids: TopicIds, planned: Mapping[int, Span]) -> list[list[Task]]:
        """What each Spark task is to land: its spans in one transaction, as a transaction costs more than a small
        slice. After a failure each span in one of its own, so that a partition that cannot be read holds up no other.
        """

        def task(*spans: Span) -> Task:
            share = Share(writer, load, topic_ids.ledger, spans)
            return Task(share, self.contract, topic_ids.kafka, self._login, self._kafka.client_config())

        together = shares(planned, self._spark.sparkContext.defaultParallelism)
        return [[*map(task, spans)] if self._apart else [task(*spans)] for spans in together]

    def _run(self, tasks: list[list[Task]]) -> list[Report]:
        rdd = self._spark.sparkContext.parallelize(tasks, len(tasks))
        return rdd.flatMap(run_tasks).collect()


def _raise_failure(reports: list[Report]) -> None:
    for report in reports:
        if report.fenced:
            raise Fenced(report.fenced)
    failures = [report.failure for report in reports if report.failure]
    if failures:
        # One task's passing trouble must not hide another's that needs a person.
        raise SliceFailed(max(failures, key=lambda failure: list(Kind).index(failure.kind)))
