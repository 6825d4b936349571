"""Keeps the queries of all streams running: starts again what failed, stops cleanly, ends at once when fenced.

A failure that passes is waited out, one that needs a person is told and tried again, a bug ends the process
(landfall/failures.py).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from database.recovery import Recovery
from landfall.errors import EXIT_FENCED
from landfall.failures import Kind, Passing
from landfall.heartbeat import Heartbeat
from landfall.settings import Settings
from landing_stream.application import Application, ApplicationOver, NoExecutor
from landing_stream.ledger import Fenced
from landing_stream.query import LandingQuery

logger = logging.getLogger(__name__)

EXIT_OK, EXIT_FAILED = 0, 1

# With --once somebody waits for the end: give up after about half a minute of failures.
_TRIES_ONCE = {Kind.PASSING: 8, Kind.PERSON: 4, Kind.BUG: 1}
# A batch of 300,000 events takes 4 s; after this long it is not waited for, its slices commit or roll back by
# themselves.
_STOP_SECONDS = 30.0

_SET_BACK_SECONDS = 2.0
"""A clock that is slewed loses less from one look to the next, a second later."""


class ClockSetBack(Passing):
    """The wall clock was set back. Spark's trigger waits until it is again what it was: an hour, where it was set back
    by an hour. A query that starts anew does not."""


class Supervisor:
    """Runs landing queries in one Spark session, a thread each.

    `run` blocks until `stop` is set, fenced, or drained with `once`.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        queries: Sequence[LandingQuery],
        once: bool,
        stop: threading.Event,
    ) -> None:
        self._settings, self._queries, self._once = settings, queries, once
        self._application = Application(spark)
        self._stop = stop
        self._exit_code = EXIT_OK
        self._bug: BaseException | None = None

    def run(self) -> int:
        """The exit code: 0 stopped or drained, 1 failed, 3 fenced by a newer writer. Raises what is a bug."""
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
        if self._bug is not None:
            raise self._bug
        return self._exit_code

    def _supervise(self, landing: LandingQuery) -> None:
        recovery = Recovery(self._settings, f"stream {landing.contract.stream}")
        heartbeat = Heartbeat(self._settings.home, f"land.{landing.contract.stream}")
        while not self._stop.is_set():
            heartbeat.beat()
            try:
                self._follow(landing, landing.start(), recovery, heartbeat)
                recovery.close()
                return
            except Exception as error:
                if self._is_over(landing, landing.why_failed(error), recovery):
                    return
                self._stop.wait(recovery.pause)
        recovery.close()

    def _follow(self, landing: LandingQuery, query: StreamingQuery, recovery: Recovery, heartbeat: Heartbeat) -> None:
        """Waits for the query's end; raises why it failed, if it did."""
        is_well, ahead = False, wall_clock() - time.monotonic()
        while not self._stop.is_set():
            heartbeat.beat()
            if query.awaitTermination(1):
                recovery.well()
                return
            before, ahead = ahead, wall_clock() - time.monotonic()
            if before - ahead > _SET_BACK_SECONDS:
                landing.stop_to_start_again(query)
                raise ClockSetBack(f"the clock was set back by {before - ahead:,.0f} s")
            self._check_application(landing)
            if not is_well and landing.is_well(query):
                is_well = True
                recovery.well()
        began = time.monotonic()
        landing.stop_between_batches(query, _STOP_SECONDS)
        logger.info(
            "stream %s: stopped between batches after %.1f s", landing.contract.stream, time.monotonic() - began
        )

    def _check_application(self, landing: LandingQuery) -> None:
        try:
            self._application.check()
        except NoExecutor as error:
            landing.fails_with(error)
            self._application.cancel_all()
            raise

    def _is_over(self, landing: LandingQuery, cause: BaseException, recovery: Recovery) -> bool:
        """Whether the stream is not tried again after this failure."""
        stream = landing.contract.stream
        if self._stop.is_set():
            recovery.close()
            return True
        if isinstance(cause, Fenced):
            logger.error("%s; this one ends", cause)
            self._end(EXIT_FENCED)
            return True
        if over := self._application_over():
            logger.error("stream %s: %s; start `landfall land` again, nothing is lost", stream, over)
            self._end(EXIT_FAILED)
            return True
        failure = recovery.failed(cause)
        if failure.kind is Kind.BUG:
            self._bug = cause
        elif self._once and recovery.failures >= _TRIES_ONCE[failure.kind]:
            logger.error("stream %s: given up after %d failures: %s", stream, recovery.failures, failure.sentence)
            recovery.close()
        else:
            return False
        self._end(EXIT_FAILED)
        return True

    def _application_over(self) -> str:
        """Why the application does not come back; empty while it lives."""
        try:
            self._application.check()
        except ApplicationOver as error:
            return str(error)
        except NoExecutor:
            pass
        return ""

    def _end(self, exit_code: int) -> None:
        self._exit_code = max(self._exit_code, exit_code)
        self._stop.set()


def wall_clock() -> float:
    """Seconds since 1970, by a clock that may be set."""
    return time.time()
