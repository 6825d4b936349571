"""Observes the servers again and again, in a thread of its own: one that is away may take many seconds to say so."""

import threading

import psycopg

from cli.demo.observer import Baseline, Observer, View
from landfall.errors import UserError
from landing_stream.topics import KafkaUnavailable

SECONDS = 1.0


class Watcher:
    """The newest view, None before the first, and what was wrong with the last observation, empty when nothing was."""

    def __init__(self, observer: Observer, baselines: list[Baseline]) -> None:
        self.view: View | None = None
        self.trouble = ""
        self._observer, self._baselines = observer, baselines
        self._stop = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Observe no more; an observation that is under way is not waited for."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.view = self._observer.observe(self._baselines)
                self.trouble = ""
            except psycopg.OperationalError as error:
                self.trouble = f"Postgres does not answer: {' '.join(str(error).split())}"
            except KafkaUnavailable as error:
                self.trouble = f"Kafka does not answer: {error}"
            except UserError as error:
                self.trouble = error.message
            except Exception as error:
                self.trouble = f"{type(error).__name__}: {error}"
            self._stop.wait(SECONDS)
