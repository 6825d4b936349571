"""How a part that keeps going takes its failures: what it says, what it notes for others to see, how long it waits."""

from __future__ import annotations

import logging
import time

import psycopg

from database.connect import connect
from landfall.backoff import Backoff
from landfall.failures import Failure, Kind, classify
from landfall.logs import safe_message
from landfall.settings import Settings

logger = logging.getLogger(__name__)

SLOW_FIRST_SECONDS, SLOW_LONGEST_SECONDS = 2.0, 30.0
"""Between tries while a person is asked for: soon enough for the one who has mended it and waits."""
SECONDS_UNTIL_NOTED = 300.0
"""From when on what should pass, and lasts, is told as well. A server that restarts takes less."""
STALE = "interval '10 minutes'"
"""A row of an earlier process, which was killed, says nothing of when this trouble began."""

NOTED = f"""
insert into ops.troubles as t (part, kind, sentence, advice) values (%s, %s, %s, %s)
on conflict (part) do update set
    kind = excluded.kind, sentence = excluded.sentence, advice = excluded.advice,
    since = case when t.last_tried_at < clock_timestamp() - {STALE} then clock_timestamp() else t.since end,
    last_tried_at = excluded.last_tried_at
"""


class Recovery:
    """The failures of one part, for its one thread.

    `failed` after each, then wait for `pause` seconds and try again, unless it is a bug; `well` once a try has
    succeeded. Troubles stand in ops.troubles, written as transformer whatever the part's own login may do: that may be
    what is wrong.
    """

    def __init__(self, settings: Settings, part: str, *, first: float = 0.5, longest: float = 10.0) -> None:
        """`part`: its name in the log and in ops.troubles. `first`, `longest`: seconds between tries of what passes."""
        self.part = part
        self.pause = 0.0
        """Seconds to wait before the next try."""
        self.failures = 0
        """In a row."""
        self._login = settings.as_transformer
        self._soon = Backoff(first, longest)
        self._slow = Backoff(SLOW_FIRST_SECONDS, SLOW_LONGEST_SECONDS)
        self._since = 0.0
        self._told = ""
        self._may_be_noted = True  # by an earlier process, which was killed

    def failed(self, error: BaseException) -> Failure:
        """Take note of a failure: a bug is for the caller to raise, the others are to be tried again after `pause`."""
        failure = classify(error)
        if not self.failures:
            self._since = time.monotonic()
        self.failures += 1
        self.pause = (self._soon if failure.kind is Kind.PASSING else self._slow).next()
        lasts = time.monotonic() - self._since >= SECONDS_UNTIL_NOTED
        if failure.kind is Kind.PASSING:
            logger.warning(
                "%s: stopped by %s: %s; starts again in %.1f s", self.part, failure.what, failure.sentence, self.pause
            )
        if failure.kind is not Kind.PASSING or lasts:
            self._tell(failure)
        return failure

    def well(self) -> None:
        """A try has succeeded."""
        if self._told:
            logger.info("%s: goes on", self.part)
        self.failures, self._told = 0, ""
        self._soon.reset()
        self._slow.reset()
        if self._may_be_noted:
            self._may_be_noted = not self._write("delete from ops.troubles where part = %s", self.part)

    def close(self) -> None:
        """The part ends because it is told to: nobody is held up any more."""
        if self._told:
            self.well()

    def _tell(self, failure: Failure) -> None:
        """Once in the log, however often it comes; in ops.troubles each time, with the time of the try."""
        if self._told != failure.what:
            how = (
                "It ends." if failure.kind is Kind.BUG else "It is tried again by itself, which is not said each time."
            )
            said = " ".join(filter(None, (sentence(failure.sentence), failure.advice, how)))
            logger.error("%s: held up by %s: %s", self.part, failure.what, said)
            self._told = failure.what
        self._may_be_noted = True
        self._write(NOTED, self.part, failure.kind.value, failure.sentence, failure.advice)

    def _write(self, statement: str, *values: str) -> bool:
        """Whether it was written: Postgres may be what is wrong, and then says so itself."""
        try:
            with connect(self._login, application_name="landfall troubles") as connection:
                connection.execute(statement.encode(), values)
        except psycopg.Error as error:
            logger.debug("%s: not noted in ops.troubles: %s", self.part, safe_message(error))
            return False
        return True


def sentence(text: str) -> str:
    """The text with a full stop at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
