"""Spark's own ways: its JDBC sink, and a sink that drops everything, which is the floor of Spark's Kafka source.

Set up as well as we know how: the optimizing compiler and the parallel collector (the landing stream does without, as
no record passes its JVM), larger fetches, large batches of rewritten inserts.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyspark import SparkConf
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import StringType, StructField, StructType

from benchmarks.instruments.events import STREAM
from jvm.jars import jdbc_jars, spark_jars
from jvm.java import java_home
from landfall.settings import Settings
from landing_stream.contract import Contract, load_contracts

JDBC_TABLE = "benchmark.product_views"
ROWS_PER_BATCH = 10_000
_FETCH = {
    "kafka.isolation.level": "read_committed",
    "kafka.max.poll.records": "5000",
    "kafka.max.partition.fetch.bytes": str(8 << 20),
    "kafka.fetch.max.bytes": str(64 << 20),
}

Write = Callable[[DataFrame, Contract, Settings], None]


class SparkSink:
    """A streaming query from Kafka into one of Spark's own sinks; drains what there is and ends."""

    def __init__(self, settings: Settings, scratch: Path, write: Write) -> None:
        self._settings, self._scratch, self._write = settings, scratch, write
        self._contract = load_contracts()[STREAM]
        self._spark = session(scratch)

    def drain(self, starts: Mapping[int, int]) -> None:
        """Reads from these offsets, by partition, to the ends that the topic has now."""
        checkpoint = self._scratch / "checkpoint"
        shutil.rmtree(checkpoint, ignore_errors=True)
        offsets = {self._contract.topic: {str(partition): offset for partition, offset in starts.items()}}
        source = (
            self._spark.readStream.format("kafka")
            .options(**self._settings.kafka.spark_options(), **_FETCH)
            .option("subscribe", self._contract.topic)
            .option("startingOffsets", json.dumps(offsets))
            .option("maxOffsetsPerTrigger", self._settings.max_offsets_per_trigger)
            .load()
        )
        query = (
            source.writeStream.foreachBatch(lambda batch, _: self._write(batch, self._contract, self._settings))
            .option("checkpointLocation", str(checkpoint))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()


def session(scratch: Path) -> SparkSession:
    """A Spark session with the Kafka source and the JDBC driver."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["JAVA_HOME"] = str(java_home())
    settings = {
        "spark.master": f"local[{os.cpu_count() or 2}]",
        "spark.jars": ",".join(map(str, [*spark_jars(), *jdbc_jars()])),
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": f"-Xss16m -XX:+UseParallelGC -Djava.io.tmpdir={scratch}",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
    }
    conf = SparkConf().setAll(list(settings.items()))
    spark = SparkSession.builder.config(conf=conf).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def write_nothing(batch: DataFrame, contract: Contract, settings: Settings) -> None:
    """Every record is fetched and dropped."""
    batch.write.format("noop").mode("append").save()


def jdbc(*, rewrite: bool) -> Write:
    """Spark's JDBC append. `rewrite`: the driver joins inserts of one row into inserts of many."""

    def write(batch: DataFrame, contract: Contract, settings: Settings) -> None:
        dsn = urlsplit(settings.as_writer.dsn)
        switch = str(rewrite).lower()
        properties = {
            "driver": "org.postgresql.Driver",
            "user": unquote(dsn.username or ""),
            "password": unquote(dsn.password or ""),
            "batchsize": str(ROWS_PER_BATCH),
        }
        url = f"jdbc:postgresql://{dsn.hostname}:{dsn.port}{dsn.path}?reWriteBatchedInserts={switch}"
        as_columns(batch, contract).write.mode("append").jdbc(url, JDBC_TABLE, properties=properties)

    return write


def as_columns(batch: DataFrame, contract: Contract) -> DataFrame:
    """A record's place in Kafka, and the contract's fields as texts."""
    schema = StructType([StructField(name, StringType()) for name in contract.field_names])
    parsed = batch.select(
        f.col("partition").alias("kafka_partition"),
        f.col("offset").alias("kafka_offset"),
        f.col("timestamp").alias("kafka_timestamp"),
        f.col("key").alias("kafka_key"),
        f.from_json(f.col("value").cast("string"), schema).alias("event"),
    )
    return parsed.select("kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_key", "event.*")
