"""This process' Spark application: whether it still lives, and whether its cluster gives it where to run."""

from __future__ import annotations

import threading
import time

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from landfall.failures import Passing

SECONDS_WITHOUT_EXECUTOR = 30.0
"""A worker starts an executor in a few seconds, also one that takes the place of another."""


class NoExecutor(Passing):
    """The cluster gives the application no executor: nothing can land."""


class ApplicationOver(RuntimeError):
    """The application does not come back; another process begins a new one. The message says what has happened."""


class Application:
    """The Spark application of a session, for threads."""

    def __init__(self, spark: SparkSession) -> None:
        self._context = spark.sparkContext
        self._is_local = str(self._context.master).startswith("local")
        self._lock = threading.Lock()
        self._seen_at = time.monotonic()

    def check(self) -> None:
        """Raises ApplicationOver, or NoExecutor once there has been none for half a minute."""
        process = getattr(self._context._gateway, "proc", None)  # none under spark-submit, whose JVM is our parent
        if process is not None and process.poll() is not None:
            raise ApplicationOver("Spark's Java process has died")
        try:
            spark = self._context._jsc.sc()
            if spark.isStopped():
                raise ApplicationOver("Spark's application has ended, by its master or by somebody on its page")
            if not self._is_local:
                self._check_executors(len(spark.statusTracker().getExecutorInfos()) - 1)  # the driver is one of them
        except (Py4JError, AttributeError, OSError) as error:  # the context of a session that stopped has no _jsc
            raise ApplicationOver("Spark's application has ended") from error

    def cancel_all(self) -> None:
        """Ends the jobs of all streams, which wait for an executor."""
        self._context.cancelAllJobs()

    def _check_executors(self, executors: int) -> None:
        with self._lock:
            now = time.monotonic()
            if executors:
                self._seen_at = now
            elif now - self._seen_at >= SECONDS_WITHOUT_EXECUTOR:
                raise NoExecutor(
                    f"{self._context.master} has given no executor for {now - self._seen_at:.0f} s; its page shows"
                    " whether a worker is alive and has cores to spare"
                )
