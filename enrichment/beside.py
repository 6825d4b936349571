"""The enricher in a thread of its own, beside a landing that it must never hold up nor end."""

from __future__ import annotations

import threading

from enrichment.enricher import Enricher

STOP_SECONDS = 5.0
"""How long a step that is under way is waited for after `stop`; cut off, its transaction leaves nothing behind."""


class EnricherThread:
    """Enriches until `stop` is set, or until `finish` was called and everything landed by then is enriched."""

    def __init__(self, enricher: Enricher, stop: threading.Event) -> None:
        self._enricher, self._stop = enricher, stop
        self._landed = threading.Event()
        self._went_well = True
        self._thread = threading.Thread(target=self._run, name="enricher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> bool:
        """Wait until what has landed is enriched, or a moment when `stop` is set; False when Postgres stays away."""
        self._landed.set()
        while self._thread.is_alive() and not self._stop.is_set():  # a join without a timeout would hold signals back
            self._thread.join(0.2)
        self._thread.join(STOP_SECONDS)
        return self._went_well

    def _run(self) -> None:
        self._went_well = self._enricher.run(self._stop, self._landed)
