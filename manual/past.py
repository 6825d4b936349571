"""Days of events before a demo begins, so that its charts have lines and yesterday to compare with."""

import datetime as dt
import math
from dataclasses import dataclass, replace
from threading import Event

from cli.demo.production import SHARES
from landfall.settings import Settings
from simulator import producer
from simulator.people import People
from simulator.simulation import Options

DAYS = 8
"""A week ago is compared with too."""
QUIET_DAYS, QUIET_EVENTS_A_DAY = 56, 3_000
"""Before these, so that people have come back for weeks."""
EVENTS_AN_HOUR = 1_000
HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Spread(Options):
    """A count that is made at once, of events that happened over `seconds`."""

    seconds: float = 3600.0

    @property
    def pace(self) -> float:
        """Events a second of event time."""
        assert self.count is not None
        return self.count / self.seconds


def produce_past(settings: Settings, until: dt.datetime, stop: Event) -> int:
    """Produce the events of the days before `until`, hour by hour, and of quieter weeks before these, of the same
    people; returns how many. Set `stop` to end it early.

    The topics must be there. Raises UserError when Kafka does not answer.
    """
    begin = until.replace(minute=0, second=0, microsecond=0) - DAYS * 24 * HOUR
    people, hours = People(), DAYS * 24 + 1
    weeks = Options(
        count=QUIET_DAYS * QUIET_EVENTS_A_DAY, days=QUIET_DAYS, start=(begin - QUIET_DAYS * 24 * HOUR).timestamp()
    )
    produced = producer.run(settings, weeks, stop=stop, people=people).produced
    for hour in (begin + number * HOUR for number in range(hours)):
        if stop.is_set():
            break
        seconds = min(3600.0, (until - hour).total_seconds())
        options = Spread(
            count=max(1, int(EVENTS_AN_HOUR * busy(hour) * seconds / 3600)),
            seed=hour.hour,
            start=hour.timestamp(),
            shares=replace(SHARES, late=0.0),
            seconds=seconds,
        )
        produced += producer.run(settings, options, stop=stop, people=people).produced
    return produced


def busy(hour: dt.datetime) -> float:
    """How busy a shop is, 1 on average: most in the afternoon, least at night, more at the end of a week."""
    day = 1 + 0.7 * math.cos(2 * math.pi * (hour.hour - 15) / 24)
    return day * (1 + 0.04 * (hour.weekday() - 3))
