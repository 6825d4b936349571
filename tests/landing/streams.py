"""A stream under test: produces records, lands them with the product's own query, and reads what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer
from psycopg import sql
from psycopg.rows import dict_row
from pyspark.sql import SparkSession

from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import Contract
from landing_stream.query import LandingOptions, LandingQuery
from landing_stream.supervisor import Supervisor
from landing_stream.tables import ensure_tables
from tests.conftest import Connection

Row = dict[str, Any]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 180) -> None:
    """Look again and again until the condition holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


class Stream:
    """A contract with its topic and its database."""

    def __init__(self, spark: SparkSession, settings: Settings, contract: Contract, folder: Path) -> None:
        self.spark, self.settings, self.contract = spark, settings, contract
        self.producer = self.make_producer()
        self.checkpoints = folder / "checkpoints"
        self.exit_code: int | None = None
        self._connection: Connection | None = None
        ensure_tables(self.db, [contract])

    @property
    def db(self) -> Connection:
        """A connection as landing_writer; made anew after Postgres was away."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.settings.as_writer, autocommit=True)
        return self._connection

    def make_producer(self, **config: str) -> Producer:
        """A producer for this stream's Kafka, quiet about a broker that is away."""
        return Producer(
            {**self.settings.kafka.client_config(), "message.max.bytes": 2_000_000, "log_level": 0, **config}
        )

    def produce(self, *values: bytes | None, partition: int = 0, key: bytes | None = None, timestamp: int = 0) -> None:
        """Produces records, in this order, and waits until Kafka has them. `timestamp`: milliseconds, 0 for now."""
        self.send(((value, partition) for value in values), key=key, timestamp=timestamp)

    def number(self, first: int, last: int, *, partitions: int = 1) -> None:
        """Produces the events `first` to `last`, their number in `id`, in turn over the partitions."""
        numbers = range(first, last + 1)
        self.send((b'{"id":"%d","v":"x"}' % number, number % partitions) for number in numbers)

    def send(
        self,
        records: Iterable[tuple[bytes | None, int]],
        *,
        key: bytes | None = None,
        timestamp: int = 0,
        producer: Producer | None = None,
    ) -> None:
        """Produces (value, partition)s and waits until Kafka has them all."""
        client, refused = producer or self.producer, []
        for value, partition in records:
            client.produce(
                self.contract.topic, value, key, partition, timestamp=timestamp,
                on_delivery=lambda error, _: refused.append(error) if error else None,
            )  # fmt: skip
        assert client.flush(60) == 0
        assert refused == []

    def query(self, *, once: bool = True, max_offsets: int = 300_000) -> LandingQuery:
        """The product's query of this stream."""
        options = LandingOptions(trigger_seconds=0.1, max_offsets_per_trigger=max_offsets, once=once)
        return LandingQuery(
            self.spark, self.contract, self.settings.as_writer, self.settings.kafka, self.checkpoints, options
        )

    def land(self, *, max_offsets: int = 300_000) -> LandingQuery:
        """Lands what is in the topic, as `landfall land --once` does; raises why it failed."""
        landing = self.query(max_offsets=max_offsets)
        try:
            landing.start().awaitTermination()
        except Exception as error:
            raise landing.why_failed(error) from error
        finally:
            landing.close()
        return landing

    @contextmanager
    def landing(self, *, max_offsets: int = 300_000) -> Iterator[None]:
        """Lands in the background, as `landfall land` does, until the block ends; then `exit_code` is its exit code."""
        stop = threading.Event()
        supervisor = Supervisor(
            self.spark, self.settings, [self.query(once=False, max_offsets=max_offsets)], False, stop
        )

        def run() -> None:
            self.exit_code = supervisor.run()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
        assert not thread.is_alive(), "the landing stream did not stop"

    def grow(self, *names: str) -> None:
        """Adds fields to the contract."""
        known = self.contract.fields
        self.contract = replace(self.contract, fields=(*known, *(replace(known[0], name=name) for name in names)))

    def rows(self) -> list[Row]:
        """The landing table, by position."""
        return self.select("select * from landing.things order by kafka_timestamp, kafka_partition, kafka_offset")

    def select(self, query: str) -> list[Row]:
        """Rows of a query."""
        with self.db.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(sql.SQL(query)).fetchall()

    def one(self, query: str) -> Any:
        """The single value of a query."""
        [row] = self.select(query)
        [value] = row.values()
        return value

    def numbers(self) -> list[int]:
        """The numbers of the events that landed."""
        return sorted(int(row["id"]) for row in self.select("select id from landing.things"))

    def landed(self, count: int) -> None:
        """Waits until so many rows have landed, though Postgres may be away meanwhile."""

        def enough() -> bool:
            with suppress(psycopg.OperationalError):
                return bool(self.one("select count(*) from landing.things") >= count)
            return False

        wait_until(enough, f"{count} rows landed")

    def quarantine(self) -> list[Row]:
        """Quarantine, by position."""
        return self.select("select * from landing.quarantine order by kafka_partition, kafka_offset, load_id")

    def slices(self) -> list[Row]:
        """The accounts of all slices, by position."""
        return self.select("select * from landing.slices order by kafka_partition, from_offset")

    def ledger(self) -> dict[int, int]:
        """Partition to next offset, over all topic ids."""
        return {row["kafka_partition"]: row["next_offset"] for row in self.select("select * from landing.offsets")}

    def horizon(self) -> int:
        return int(self.one("select hi from landing.horizons where stream = 'things'"))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
