"""The Spark session of the landing stream: one process, all streams."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from jvm.java import java_home
from landfall.errors import UserError

_SECRET = re.compile(r"LANDFALL_\w+_DSN|LANDFALL_\w+_URL|LANDFALL_\w+_PASSWORD|PGPASSWORD|DAGSTER_POSTGRES_URL")
_LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_LOG_CONFIGURATION = Path(__file__).with_name("log4j2.properties").as_uri()


def spark_session(jars: Iterable[Path], scratch: Path, master: str | None = None) -> SparkSession:
    """The Spark session: what spark-submit was told comes first, then `master`, then this machine on loopback.

    `scratch`: a folder for Spark's own files. `master`: as Spark writes it, `local[2]` or `spark://HOST:PORT`.
    Raises UserError where a cluster's driver would listen on the network without authentication.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    scratch.mkdir(parents=True, exist_ok=True)
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit has started its JVM, which knows what it was told
        SparkContext._ensure_initialized()
    else:
        os.environ["JAVA_HOME"] = str(java_home())
    conf = SparkConf()
    conf.setIfMissing("spark.master", master or f"local[{os.cpu_count() or 2}]")
    stays_here = _is_on_this_machine(str(conf.get("spark.master")))
    if stays_here:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name, value in {**_settings(jars, scratch), **(_LOOPBACK if stays_here else {})}.items():
        conf.setIfMissing(name, value)
    if str(conf.get("spark.master")).startswith("local"):
        # The executor is the driver itself. After two minutes in which both were suspended, as on a machine that slept,
        # Spark would take it for lost and hear it no more, and it would end ten minutes later.
        conf.setIfMissing("spark.storage.blockManagerHeartbeatTimeoutMs", "365d")
        # Spark makes the secret itself, and nobody else has it: any other user of the machine could tell the executor
        # to stop, and the landing ended. A cluster's secret is for who starts the cluster to give.
        conf.setIfMissing("spark.authenticate", "true")
    with _secrets_left_out():
        session = SparkSession.builder.config(conf=conf).getOrCreate()
    if not stays_here and session.sparkContext.getConf().get("spark.authenticate") is None:
        session.stop()
        raise UserError(
            "Spark's master is on another machine, and who reaches the driver could give it orders and read the logins"
            " that tasks bring: set spark.authenticate and spark.network.crypto.enabled to true and"
            " spark.authenticate.secret in spark-defaults.conf, as the cluster has them (or, on a network that nobody"
            " else is in, spark.authenticate to false)."
        )
    session.sparkContext.setLogLevel("OFF")
    # It would print a traceback whenever the JVM goes; the supervisor says that in a sentence.
    session.sparkContext._accumulatorServer.handle_error = lambda *_: None  # type: ignore[method-assign]
    return session


@contextmanager
def _secrets_left_out() -> Iterator[None]:
    """The JVM and Spark's Python workers inherit no login: a task brings those that it uses."""
    kept = {name: os.environ.pop(name) for name in [*os.environ] if _SECRET.fullmatch(name)}
    try:
        yield
    finally:
        os.environ.update(kept)


def _is_on_this_machine(master: str) -> bool:
    return master.startswith("local") or re.match(r"spark://(127\.0\.0\.1|localhost)[:,]", master) is not None


def _settings(jars: Iterable[Path], scratch: Path) -> dict[str, str]:
    java_options = " ".join(
        (
            "-Xss16m",  # deep plans and query.stop() overflowed the default stack
            # No record passes through this JVM: it plans and launches. The quick compiler and the plain collector
            # leave the cores to those who land; the optimizing one took 12 s of CPU after each start.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            # Spark takes them apart at blanks, of which a folder's name may have some.
            f'"-Dlog4j2.configurationFile={_LOG_CONFIGURATION}"',
            f'"-Djava.io.tmpdir={scratch}"',
            f'"-Dderby.system.home={scratch}"',
        )
    )
    return {
        "spark.app.name": "landfall land",
        # Not spark.jars: it is read after the first look at a local file, which is a jar's.
        "spark.driver.extraClassPath": ":".join(map(str, jars)),
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": java_options,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.scheduler.mode": "FAIR",
        "spark.task.maxFailures": "1",
        "spark.python.worker.reuse": "true",
        "spark.python.daemon.module": "landing_stream.daemon",
        # A batch's buffers stay with the process: giving them back and faulting them in again took a tenth of its time.
        "spark.executorEnv.MALLOC_MMAP_THRESHOLD_": str(1 << 30),
        "spark.executorEnv.MALLOC_TRIM_THRESHOLD_": str(1 << 30),
        # Two small files a batch are kept, not a hundred: the checkpoint is disposable, the ledger is in Postgres.
        "spark.sql.streaming.minBatchesToRetain": "2",
        # And written by this process: Hadoop would start a chmod or a readlink ten times a second, a fifth of a core.
        "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
        "spark.sql.streaming.checkpointFileManagerClass": "org.apache.spark.sql.execution.streaming.checkpointing"
        ".FileSystemBasedCheckpointFileManager",
        "spark.sql.streaming.checkpoint.fileChecksum.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "1",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        "spark.sql.streaming.kafka.useDeprecatedOffsetFetching": "false",
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.cleaner.periodicGC.interval": "15min",
    }
