"""Keeps the queries of all streams running: backs off and starts again, stops cleanly, ends at once when fenced."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from landfall.errors import EXIT_FENCED
from landfall.logs import safe_message
from landing_stream.ledger import Fenced
from landing_stream.query import LandingQuery

logger = logging.getLogger(__name__)

EXIT_OK, EXIT_FAILED = 0, 1

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0
# With --once somebody waits for the end: give up after about a minute of failures.
_TRIES_ONCE = 8
# A batch of 300,000 events takes 4 s; after this long it is not waited for, its slices commit or roll back by
# themselves.
_STOP_SECONDS = 30.0


class Supervisor:
    """Runs landing queries in one Spark session, a thread each.

    `run` blocks until `stop` is set, fenced, or drained with `once`.
    """

    def __init__(self, spark: SparkSession, queries: Sequence[LandingQuery], once: bool, stop: threading.Event) -> None:
        self._spark, self._queries, self._once = spark, queries, once
        self._stop = stop
        self._exit_code = EXIT_OK

    def run(self) -> int:
        """The exit code: 0 stopped or drained, 1 failed, 3 fenced by a newer writer."""
        threads = [
            threading.Thread(target=self._supervise, args=(query,), name=query.contract.stream, daemon=True)
            for query in self._queries
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # a join without a timeout would hold signals back
                thread.join(0.2)
        for query in self._queries:
            query.close()
        return self._exit_code

    def _supervise(self, landing: LandingQuery) -> None:
        stream, failures = landing.contract.stream, 0
        while not self._stop.is_set():
            landed_before = landing.landed + landing.quarantined
            try:
                self._follow(landing, landing.start())
                return
            except Exception as error:
                cause = landing.why_failed(error)
                if self._is_final(stream, cause):
                    return
                failures = 1 if landing.landed + landing.quarantined > landed_before else failures + 1
                if self._once and failures >= _TRIES_ONCE:
                    logger.error("stream %s: given up after %d failures: %s", stream, failures, safe_message(cause))
                    self._end(EXIT_FAILED)
                    return
                pause = min(_FIRST_PAUSE_SECONDS * 2 ** (failures - 1), _LONGEST_PAUSE_SECONDS)
                logger.warning(
                    "stream %s: stopped by %s: %s; starts again in %.1f s",
                    stream, type(cause).__name__, safe_message(cause), pause,
                )  # fmt: skip
                self._stop.wait(pause)

    def _follow(self, landing: LandingQuery, query: StreamingQuery) -> None:
        """Waits for the query's end; raises why it failed, if it did."""
        while not self._stop.is_set():
            if query.awaitTermination(1):
                return
        began = time.monotonic()
        landing.stop_between_batches(query, _STOP_SECONDS)
        logger.info(
            "stream %s: stopped between batches after %.1f s", landing.contract.stream, time.monotonic() - began
        )

    def _is_final(self, stream: str, cause: BaseException) -> bool:
        if self._stop.is_set():
            return True
        if isinstance(cause, Fenced):
            logger.error("%s; this one ends", cause)
            self._end(EXIT_FENCED)
            return True
        if not self._jvm_is_alive():
            logger.error(
                "stream %s: Spark's Java process has died; start `landfall land` again, nothing is lost", stream
            )
            self._end(EXIT_FAILED)
            return True
        return False

    def _jvm_is_alive(self) -> bool:
        process = getattr(
            self._spark.sparkContext._gateway, "proc", None
        )  # none under spark-submit, whose JVM is our parent
        return process is None or process.poll() is None

    def _end(self, exit_code: int) -> None:
        self._exit_code = max(self._exit_code, exit_code)
        self._stop.set()
