"""`landfall-bench crowds`: what one event costs in a world with kiosks, crawlers and placeholders."""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import click

from benchmarks.convergence_trial.hand import Hand
from benchmarks.instruments.cpu import POSTGRES, cpu_seconds
from benchmarks.instruments.figures import median
from benchmarks.instruments.history import STREAM, events_of_day
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from benchmarks.refresh import checkpoint, vacuum, wal_bytes, well
from enrichment.enricher import enrich
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession
from warehouse.set_apart import Refresher

ORDINARY = 100_000
"""Events of the other people, of a day."""
KIOSK_EVENTS, KIOSK_LOGINS = 20_000, 300
SHARED_LOGIN_DEVICES, PLACEHOLDER_DEVICES, CRAWLER_HITS = 5_000, 10_000, 50_000
MOST_DEVICES = 50
"""The bound of a login; one that has as many, for each round."""
HOURS = 720
"""Before now, over which a crowd's events are spread, the kiosk's in visits of a third of an hour."""
_CRAWLER = "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"


@click.command(name="crowds")
@click.option("--size", default=1.0, show_default=True, help="Times the crowds' usual size.")
@click.option("--rounds", default=9, show_default=True, help="Refreshes for each row, in turns.")
@measured
def command(size: float, rounds: int, say: Say) -> Part:
    """One new event of an ordinary visitor, of a kiosk, of a login on thousands of devices, of a crawler, of a
    placeholder: a refresh must cost what changed, and not what stands behind the event.

    All tables of the product views, hot and cold, without dbt."""
    return measure(say, size, rounds)


@dataclass(frozen=True)
class Cost:
    """Of one refresh with one new event. `cpu`: seconds in Postgres; `wal`: bytes."""

    seconds: float
    cpu: float
    wal: float


Fields = Mapping[str, str | int]
Event = Callable[[int], Fields]
"""The fields of the new event of a round, from 0, that make it one of a crowd."""


def measure(say: Say, size: float = 1.0, rounds: int = 9) -> Part:
    """Seconds, CPU and WAL of a refresh with one event, by whose event it is."""
    with temporary_servers(models=True) as settings:
        world = World(settings, size, rounds)
        say(f"crowds: {ORDINARY:,} events of a day, and {world.crowd:,} of crowds land")
        session = DbtSession(settings)
        world.land_all()
        outcome = well(session.run(pass_arguments([STREAM])))
        say(f"crowds: caught up in {outcome.seconds:.1f} s")
        vacuum(settings)
        checkpoint(settings)
        refresher = Refresher(session)
        found: dict[str, list[Cost]] = {name: [] for name in world.events}
        for turn in range(-1, rounds):  # the first one warms
            for name, event in world.events.items():
                world.land([event(max(turn, 0))] if turn >= 0 else [{}])
                cpu, wal = cpu_seconds(settings.home)[POSTGRES], wal_bytes(settings)
                outcome = well(refresher.hot_pass([STREAM], cold=True))
                cost = Cost(
                    outcome.seconds, cpu_seconds(settings.home)[POSTGRES] - cpu, wal_bytes(settings) - wal
                )  # fmt: skip
                if turn >= 0:
                    found[name].append(cost)
            say(f"crowds: round {turn + 1} of {rounds}")
        refresher.close()
    return summary(size, rounds, found)


class World:
    """Ordinary people, and crowds that look like one."""

    def __init__(self, settings: Settings, size: float, rounds: int) -> None:
        self._settings, self._rounds, self._now, self._number = settings, rounds, time.time(), 0
        self._chance = random.Random(1)
        self._hand = Hand(settings, load_contracts()[STREAM])
        self._crowd = list(self._crowds(size))
        self.crowd = len(self._crowd)
        shared, kiosk = {"user_id_db": "777001"}, {"device_id": "kiosk"}
        self.events: dict[str, Event] = {
            "a visitor of two events": lambda turn: {"device_id": f"ordinary-{turn}"},
            f"a device of {int(KIOSK_EVENTS * size):,} events and {int(KIOSK_LOGINS * size):,} logins": lambda _: kiosk,
            "the same, of one of its logins": lambda turn: {**kiosk, "user_id_db": _kiosk_login(turn)},
            f"a login on {int(SHARED_LOGIN_DEVICES * size):,} devices": lambda turn: {
                **shared, "device_id": f"shared-{turn}"
            },
            "the same, on one more device": lambda turn: {**shared, "device_id": f"shared-new-{turn}"},
            f"a login on its {MOST_DEVICES + 1}st device": lambda turn: {
                "user_id_db": _full_login(turn), "device_id": f"full-{turn}-{MOST_DEVICES}"
            },
            f"the same, on its {MOST_DEVICES + 2}nd": lambda turn: {
                "user_id_db": _full_login(turn), "device_id": f"full-{turn}-{MOST_DEVICES + 1}"
            },
            f"a placeholder on {int(PLACEHOLDER_DEVICES * size):,} devices": lambda turn: {
                "user_id_db": "0", "device_id": f"placeholder-new-{turn}"
            },
            f"the next of {int(CRAWLER_HITS * size):,} hits of a crawler": lambda turn: {
                "user_agent": _CRAWLER, "device_id": f"crawler-new-{turn}"
            },
        }  # fmt: skip

    def land_all(self) -> None:
        """What is there before the first round."""
        self._hand.land(events_of_day(ORDINARY, 1, self._now), self._moment)
        self._hand.land([self._record({"time_stamp": self._some_time(), **each}) for each in self._crowd], self._moment)
        enrich(self._settings)

    def land(self, events: Sequence[Fields]) -> None:
        """New events, of now."""
        self._hand.land([self._record(event) for event in events], self._moment)
        enrich(self._settings)

    @property
    def _moment(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._now, dt.UTC)

    def _some_time(self) -> int:
        return int(self._now - self._chance.randrange(1, HOURS) * 3_600 + self._chance.random() * 1_200)

    def _record(self, fields: Fields) -> bytes:
        self._number += 1
        event = {
            "_id": f"{self._number:024x}",
            "time_stamp": int(self._now),
            "ip": "203.0.113.7",
            "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "device_id": f"alone-{self._number}",
            "store_id": "14",
            "user_id_db": "",
            "email_address": "",
            "current_url": "https://www.lumera-jewels.nl/",
            "referrer_url": "",
            "collection": "view_home_page",
            "id": f"{self._number:032x}",
        }
        return json.dumps({**event, **fields}).encode()

    def _crowds(self, size: float) -> Iterator[Fields]:
        """The events of each crowd, one after another."""
        for turn in range(self._rounds):
            yield {"device_id": f"ordinary-{turn}"}
            yield {"device_id": f"ordinary-{turn}"}
            yield from (
                {"user_id_db": _full_login(turn), "device_id": f"full-{turn}-{number}"}
                for number in range(MOST_DEVICES)
            )
        logins = max(1, int(KIOSK_LOGINS * size))
        yield from (
            {"device_id": "kiosk", "user_id_db": _kiosk_login(number % logins) if number % 4 == 0 else ""}
            for number in range(int(KIOSK_EVENTS * size))
        )
        for number in range(int(SHARED_LOGIN_DEVICES * size)):
            yield {"user_id_db": "777001", "device_id": f"shared-{number}"}
        for number in range(int(PLACEHOLDER_DEVICES * size)):
            yield {"user_id_db": "0", "device_id": f"placeholder-{number}"}
        for number in range(int(CRAWLER_HITS * size)):
            yield {"user_agent": _CRAWLER, "device_id": f"crawler-{number}"}


def _kiosk_login(number: int) -> str:
    return str(880_000 + number)


def _full_login(turn: int) -> str:
    return str(990_000 + turn)


def summary(size: float, rounds: int, found: dict[str, list[Cost]]) -> Part:
    """Medians, and the ratio to the first row."""
    table = Table(
        f"A refresh with one new event, all tables of the product views (median of {rounds})",
        ["whose event", "seconds", "CPU in Postgres, s", "CPU, times the first row", "WAL, kB"],
    )
    first = median([cost.cpu for cost in next(iter(found.values()))])
    for name, costs in found.items():
        cpu = median([cost.cpu for cost in costs])
        table.rows.append(
            (
                name,
                median([cost.seconds for cost in costs]),
                cpu,
                cpu / first,
                median([cost.wal for cost in costs]) / 1e3,
            )
        )
    return Part("crowds", [table], {"size": size, "costs": {name: list(map(asdict, of)) for name, of in found.items()}})
