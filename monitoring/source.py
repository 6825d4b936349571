"""A server that is asked at each scrape, and may be away, slow or hanging without the scrape failing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from landfall.logs import safe_message

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Source(Generic[T]):
    """Reads in a thread of its own, one read at a time.

    `pace`: a read is not begun before `pace` times the length of the one before has passed. 20 lets a query that takes
    half a second on a large ledger cost a twentieth of a core. Until it is done, the answer before is served, unless
    that is older than two minutes. With 0, each scrape asks anew and waits for it.
    """

    LONGEST_PAUSE_SECONDS = 60.0
    PATIENCE_SECONDS = 0.05
    """Seconds that a scrape waits for what is likely to be answered at once."""

    def __init__(self, name: str, read: Callable[[], T], *, pace: float = 0.0) -> None:
        self.name = name
        self.seconds: float | None = None
        self._read, self._pace = read, pace
        self._answer: T | None = None
        self._ended = threading.Event()
        self._ended.set()
        self._ended_at = float("-inf")
        self._lock = threading.Lock()
        self._trouble = ""

    def answer(self, deadline_seconds: float) -> T | None:
        """What the source says; None where it does not answer within the deadline, or failed."""
        with self._lock:
            pause = min(self._pace * (self.seconds or 0.0), self.LONGEST_PAUSE_SECONDS)
            if self._ended.is_set() and time.monotonic() >= self._ended_at + pause:
                self._ended.clear()
                threading.Thread(target=self._run, name=f"metrics of {self.name}", daemon=True).start()
        before = self._answer if self._pace else None
        if before is not None and time.monotonic() < self._ended_at + 2 * self.LONGEST_PAUSE_SECONDS:
            return self._answer if self._ended.wait(self.PATIENCE_SECONDS) else before
        return self._answer if self._ended.wait(deadline_seconds) else None

    def _run(self) -> None:
        began = time.monotonic()
        try:
            self._answer, trouble = self._read(), ""
        except Exception as error:  # whatever it is, the other sources are served, and landfall_up tells
            self._answer, trouble = None, f"{type(error).__name__}: {safe_message(error)}"
        if trouble != self._trouble:
            logger.warning("%s: %s", self.name, trouble or "answers again")
            self._trouble = trouble
        self._ended_at = time.monotonic()
        self.seconds = self._ended_at - began
        self._ended.set()
