"""The trial: rounds, each of which kills something at a random moment and sees the landing stream recover."""

from __future__ import annotations

import datetime as dt
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.kill_test.account import Account, reckon
from benchmarks.kill_test.copies import Copy
from benchmarks.kill_test.disasters import DISASTERS, Scene
from benchmarks.kill_test.feed import SHARES, Feed
from benchmarks.kill_test.reader import Reader
from cli.environment import shell_variables
from database.connect import connect
from landfall.settings import Settings
from landing_stream.topics import Topics
from warehouse.merging import merge, stretches

DRAIN_SECONDS = 900.0


@dataclass(frozen=True)
class Plan:
    """`kinds`: disaster to how often it is drawn, relative to the others. `rate`: events a second, all streams."""

    rounds: int
    seed: int
    kinds: Mapping[str, float]
    rate: float = 2_000.0
    seconds: float = float("inf")
    offsets_per_trigger: int = 10_000
    """Low, so that there are many loads to die in."""
    in_turn: bool = False
    """Each kind in its order rather than drawn."""


@dataclass
class Outcome:
    """What a trial showed; `problems` is empty when nothing was lost or doubled and all behaved."""

    rounds: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    reads: int = 0
    left_alone: int = 0
    merged: int = 0
    """Loads of the ledger that were merged into others between the rounds, while their rows stood and more landed."""
    accounts: list[Account] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(account.landed + account.quarantined for account in self.accounts)

    @property
    def problems(self) -> list[str]:
        return [f"{account.stream}: {problem}" for account in self.accounts for problem in account.problems]


def run(home: Path, plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Runs the plan on the servers in `home`, whose topics and tables are empty at the start.

    `say` is called with a line a round. Raises RuntimeError when a copy does not do what it must (start, survive, end
    with exit code 3), with the place of its log.
    """
    settings, began = Settings.of_home(home), time.monotonic()
    outcome, rng = Outcome(), random.Random(plan.seed)
    environ = {
        **os.environ,
        **shell_variables(settings),
        "LANDFALL_TRIGGER_SECONDS": "0.2",
        "LANDFALL_MAX_OFFSETS_PER_TRIGGER": str(plan.offsets_per_trigger),
    }
    scene = Scene(home, settings, environ, rng)
    feed = Feed(settings.kafka, plan.rate, plan.seed)
    reader = Reader(settings.as_transformer, SHARES, plan.seed)
    feed.start()
    reader.start()
    try:
        scene.start()
        for number in range(plan.rounds):
            if time.monotonic() - began > plan.seconds:
                break
            kind = _kind(plan, rng, number)
            started = time.monotonic()
            DISASTERS[kind](scene)
            outcome.rounds += 1
            outcome.kinds[kind] += 1
            outcome.merged += _merge(settings)
            say(
                f"round {outcome.rounds:>3} {kind:<16} {scene.moment:<34} {time.monotonic() - started:6.1f} s,"
                f" {feed.total:>9,} produced, {_loads(settings):>6,} loads"
            )
        feed.stop()
        scene.stop()
        drain(environ, home)
        seen = reader.stop()
    finally:
        scene.kill()
    outcome.starts, outcome.left_alone, outcome.reads = scene.starts, scene.left_alone, reader.reads
    with connect(settings.as_transformer, autocommit=True) as connection:
        outcome.accounts = reckon(connection, Topics(settings.kafka.client_config()), feed, seen)
    outcome.seconds = time.monotonic() - began
    return outcome


def _kind(plan: Plan, rng: random.Random, number: int) -> str:
    kinds: Sequence[str] = list(plan.kinds)
    if plan.in_turn:
        return kinds[number % len(kinds)]
    return rng.choices(kinds, list(plan.kinds.values()))[0]


def drain(environ: Mapping[str, str], home: Path) -> None:
    """Lands what waits. Raises RuntimeError when it does not."""
    copy = Copy(environ, home / "land.log", "--once")
    try:
        if (code := copy.wait(DRAIN_SECONDS)) != 0:
            raise RuntimeError(f"`landfall land --once` ended with {code}: see {home / 'land.log'}")
    finally:
        copy.kill()


def _merge(settings: Settings) -> int:
    with connect(settings.as_writer, autocommit=True, application_name="kill test: merging") as landing:
        found = [
            stretch for stream in SHARES for stretch in stretches(landing, stream, dt.datetime.min, dt.datetime.max)
        ]
        for stretch in found:
            merge(landing, stretch)
    return sum(stretch.loads - 1 for stretch in found)


def _loads(settings: Settings) -> int:
    try:
        with connect(settings.as_transformer) as connection:
            row = connection.execute("select sum(last_load_id) from landing.streams").fetchone()
    except psycopg.OperationalError:
        return 0
    return int(row[0]) if row else 0
