"""The trial: shuffled events in many refreshes, one full refresh of the same, and the same events landed in order."""

from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from benchmarks.convergence_trial.compare import Tables, differences, read_tables
from benchmarks.convergence_trial.events import in_order, records
from benchmarks.convergence_trial.hand import Hand
from cli.environment import shell_variables
from database.connect import connect
from enrichment.enricher import enrich
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from warehouse import dbt_session
from warehouse.dbt_arguments import pass_arguments, refresh_arguments
from warehouse.dbt_session import DbtSession
from warehouse.refresh import first_trouble
from warehouse.set_apart import Refresher, together

BLOCKED = "intermediate.int_product_events"
"""Where the killed refresh is held: by then some models have been refreshed and others have not."""
_BLOCK_SECONDS = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """`events` of each stream, in `refreshes` parts."""

    events: int = 100_000
    refreshes: int = 20
    seed: int = 1


@dataclass
class Outcome:
    """`problems`: one line each; none when all is well. `seconds`: by what was done."""

    problems: list[str] = field(default_factory=list)
    tables: int = 0
    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def run(shuffled: Settings, ordered: Settings, plan: Plan, say: Say) -> Outcome:
    """Two databases with landing tables and the models' relations, all empty."""
    now = dt.datetime.now(dt.UTC)
    _share_salt(shuffled, ordered)
    values = {stream: records(stream, plan.events, plan.seed, now.timestamp()) for stream in load_contracts()}
    say(f"convergence: {sum(map(len, values.values())):,} records, shuffled, in {plan.refreshes} refreshes")
    outcome = Outcome()
    incremental, by_content = _shuffled(shuffled, values, plan, now, say, outcome)
    outcome.tables, outcome.rows = len(incremental), sum(rows for rows, _ in incremental.values())
    say("convergence: one full refresh of the same landing")
    with connect(shuffled.as_transformer, autocommit=True) as reader:
        outcome.seconds["full refresh"] = _refresh(DbtSession(shuffled), refresh_arguments(full_refresh=True))
        outcome.problems += differences(read_tables(reader), incremental, "incremental against full refresh")
    say("convergence: the same records in order")
    for stream, contract in load_contracts().items():
        hand = Hand(ordered, contract)
        hand.land(in_order(stream, values[stream]), now)
        hand.close()
    enrich(ordered)
    outcome.seconds["first refresh, in order"] = _refresh(DbtSession(ordered), refresh_arguments())
    with connect(ordered.as_transformer, autocommit=True) as reader:
        found = read_tables(reader, with_positions=False)
    outcome.problems += differences(found, by_content, "shuffled against in order")
    return outcome


def _share_salt(one: Settings, other: Settings) -> None:
    """The secret behind salted keys: with two of them every address would have two keys."""
    with connect(one.as_transformer) as connection:
        salt = connection.execute("select salt from ops.pseudonym_salt").fetchone()
    with connect(other.as_transformer) as connection:
        connection.execute("update ops.pseudonym_salt set salt = %s", salt)


def _shuffled(
    settings: Settings, values: dict[str, list[bytes | None]], plan: Plan, now: dt.datetime, say: Say, outcome: Outcome
) -> tuple[Tables, Tables]:
    chance, session, spent = random.Random(plan.seed), DbtSession(settings), []
    refresher = Refresher(session)
    mixed = {stream: chance.sample(found, len(found)) for stream, found in values.items()}
    hands = {stream: Hand(settings, contract) for stream, contract in load_contracts().items()}
    # the refresh with nothing new and the killed one are two of them
    parts = plan.refreshes - 2
    for part in range(parts):
        for stream, hand in hands.items():
            hand.land(mixed[stream][part::parts], now)
        enrich(settings)
        if part == parts // 2:
            say("convergence: a refresh is killed half-way")
            _killed_refresh(settings)
        # as `landfall refresh --watch` does it, with the cold tables of a stream beside; each fourth as a dbt that is
        # typed by hand
        if part % 4 == 3:
            done = session.run(pass_arguments(hands))
        else:
            refresher.begin_cold_pass(sorted(hands)[part % len(hands)])
            done = refresher.hot_pass(hands, cold=part % 2 == 0)
            if beside := refresher.cold_pass_begun(wait=True):
                done = together(done, beside[1])
        spent.append(_well(done))
        say(f"convergence: refresh {part + 1} of {parts} took {spent[-1]:.1f} s")
    refresher.close()
    for hand in hands.values():
        hand.close()
    outcome.seconds["refresh, longest"] = max(spent)
    with connect(settings.as_transformer, autocommit=True) as reader:
        before = read_tables(reader)
        outcome.seconds["refresh, nothing new"] = _refresh(session, refresh_arguments())
        after = read_tables(reader)
        outcome.problems += differences(before, after, "a refresh with nothing new")
        return after, read_tables(reader, with_positions=False)


def _refresh(session: DbtSession, arguments: Sequence[str]) -> float:
    return _well(session.run(arguments))


def _well(outcome: dbt_session.Outcome) -> float:
    if not outcome.ok:
        raise RuntimeError(f"a refresh failed: {first_trouble(outcome)}")
    return outcome.seconds


def _killed_refresh(settings: Settings) -> None:
    """`landfall refresh` in a process of its own, killed while a model waits in the midst of its transaction."""
    with connect(settings.as_transformer) as blocker:
        blocker.execute(f"lock table {BLOCKED} in share mode")
        process = subprocess.Popen(
            [sys.executable, "-c", "from cli.main import main; main()", "refresh"],
            env={**os.environ, **shell_variables(settings)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for_lock(blocker)
        finally:
            process.kill()
            process.wait()
            blocker.rollback()


def _wait_for_lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    deadline = time.monotonic() + _BLOCK_SECONDS
    query = "select 1 from pg_locks where relation = %s::regclass and not granted"
    while connection.execute(query, (BLOCKED,)).fetchone() is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no refresh wanted to write {BLOCKED} within {_BLOCK_SECONDS:.0f} s")
        time.sleep(0.05)
