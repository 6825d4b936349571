"""The simulator beside the rest of the demo."""

import secrets
import threading

from cli.demo.background import Background
from landfall.errors import UserError
from landfall.settings import Settings
from simulator import producer
from simulator.mixture import Shares
from simulator.people import People
from simulator.simulation import Options
from simulator.summary import Summary

SHARES = Shares(late=0.02, duplicates=0.02, malformed=0.01)
FLUSH_SECONDS = 2.0
"""What is in flight at a stop is acknowledged in milliseconds, or Kafka is away."""
PAST_EVENTS_A_DAY = 3_000
"""Of all streams: some 300 visits to the shop."""


def produce_past(settings: Settings, days: float, people: People, stop: threading.Event) -> int:
    """Produce events of the days until now, of people who come back later; how many Kafka has acknowledged.

    Raises UserError when Kafka did not take a message.
    """
    count = max(1, int(days * PAST_EVENTS_A_DAY))
    options = Options(count=count, days=days, seed=secrets.randbelow(2**31))
    return checked(producer.run(settings, options, stop=stop, people=people)).produced


def checked(summary: Summary) -> Summary:
    """The same. Raises UserError when Kafka did not take a message."""
    if summary.failed:
        raise UserError(f"Kafka did not take {summary.failed:,} messages ({summary.trouble}).")
    return summary


class Production:
    """Events of all streams, `rate` a second together, for `duration` seconds or until stopped; `people`: who may come.

    Each demo draws its own seed: the events of the last one again would all be duplicates.
    """

    def __init__(self, settings: Settings, rate: float, duration: float | None, people: People) -> None:
        options = Options(rate=rate, duration=duration, seed=secrets.randbelow(2**31), shares=SHARES)
        self._stop = threading.Event()
        self._run: Background[Summary] = Background(
            lambda: producer.run(settings, options, stop=self._stop, people=people)
        )

    @property
    def done(self) -> bool:
        """Whether the duration is over and Kafka has acknowledged everything."""
        return self._run.done

    def check(self) -> None:
        """Raise UserError when Kafka did not take a message."""
        if self._run.done:
            self.summary()

    def summary(self) -> Summary:
        """What was produced, once done. Raises UserError when Kafka did not take a message."""
        return checked(self._run.result())

    def stop(self) -> None:
        """Produce no more; see `wait`."""
        self._stop.set()

    def wait(self) -> None:
        """Wait a little for what is in flight after a stop."""
        self._run.wait(FLUSH_SECONDS)
