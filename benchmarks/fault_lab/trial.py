"""The trial: stage by stage, fault after fault, and at the end of each stage the reckoning."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.convergence_trial.compare import differences, read_tables
from benchmarks.fault_lab.events import NUMBER_FIELDS, Events
from benchmarks.fault_lab.lab import Fault, Lab
from benchmarks.fault_lab.left_out import LeftOut
from benchmarks.fault_lab.stages import Stage
from benchmarks.kill_test.account import Account, reckon
from benchmarks.kill_test.feed import SHARES, Feed
from benchmarks.kill_test.reader import Reader
from benchmarks.kill_test.trial import drain
from database.connect import connect
from enrichment.enricher import enrich
from landfall.errors import UserError
from landing_stream.topics import Topics
from warehouse.dbt_arguments import refresh_arguments
from warehouse.dbt_session import DbtSession
from warehouse.refresh import first_trouble

UNEXPLAINED = "select count(*) from ops.reconciliation where unexplained_offsets <> 0 or unexplained_rows <> 0"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """`kinds`: only these faults, by default all. `rate`: events a second, all streams."""

    seconds: float
    seed: int
    stages: Mapping[str, Stage]
    kinds: Sequence[str] = ()
    rate: float = 500.0


@dataclass(frozen=True)
class Struck:
    """A fault that was made; `seconds` from its end, or from its moment, until what was struck went on."""

    stage: str
    kind: str
    seconds: float


@dataclass
class Outcome:
    """What a trial showed; `anomalies`, a sentence each, is empty when nothing came of the faults."""

    struck: list[Struck] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Kind to why it could not be made."""
    anomalies: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    tables: int = 0
    mart_rows: int = 0
    reads: int = 0
    lost_commits: int = 0
    seconds: float = 0.0

    @property
    def counts(self) -> Counter[str]:
        """Kind to how often it struck."""
        return Counter(each.kind for each in self.struck)

    @property
    def rows(self) -> int:
        """Landed and quarantined."""
        return sum(account.landed + account.quarantined for account in self.accounts)


def run(folder: Path, plan: Plan, say: Say) -> Outcome:
    """Runs the stages in folders beneath `folder`; each gets time by how many kinds it has."""
    outcome, began, rng = Outcome(), time.monotonic(), random.Random(plan.seed)
    chosen = {name: _chosen(stage, plan.kinds) for name, stage in plan.stages.items()}
    kinds = sum(map(len, chosen.values()))
    for name, stage in plan.stages.items():
        if chosen[name]:
            say(f"{name}: {stage.what}")
            share = plan.seconds * len(chosen[name]) / kinds
            try:
                _run_stage(folder / name, name, chosen[name], plan, share, rng, say, outcome)
            except (RuntimeError, UserError) as error:  # the next stage has servers of its own
                outcome.anomalies.append(f"{name}, given up: {error}")
    outcome.seconds = time.monotonic() - began
    return outcome


def _chosen(stage: Stage, kinds: Sequence[str]) -> dict[str, Fault]:
    return {kind: fault for kind, fault in stage.faults.items() if not kinds or kind in kinds}


def _run_stage(
    home: Path, name: str, faults: Mapping[str, Fault], plan: Plan, seconds: float, rng: random.Random, say: Say,
    outcome: Outcome,
) -> None:  # fmt: skip
    with plan.stages[name].make(home, rng) as lab:
        feed = Feed(lab.settings.kafka, plan.rate, plan.seed, Events(plan.seed, time.time()), NUMBER_FIELDS)
        reader = Reader(lab.settings.as_transformer, SHARES, plan.seed)
        feed.start()
        reader.start()
        try:
            lab.start()
            lab.landing()
            lab.refreshed()
            deadline = time.monotonic() + seconds
            for number, kind in enumerate(_in_turn(faults, rng)):
                if time.monotonic() > deadline:
                    break
                _strike(lab, name, kind, faults[kind], outcome)
                became = _last(outcome, kind)
                say(f"{name} {number + 1:>3} {kind:<30} {became:<22} {lab.moment}, {feed.total:,} produced")
            feed.stop()
            lab.stop()
            drain(lab.environs.land, home)
            seen = reader.stop()
            outcome.reads += reader.reads
            outcome.lost_commits += sum(link.lost_commits for link in lab.links.values())
            lab.refreshed()
            lab.stop_watch()
        finally:
            lab.kill()
        say(f"{name}: counting, and comparing every table with one full refresh")
        _reckon(lab, name, feed, seen, outcome)


def _in_turn(faults: Mapping[str, Fault], rng: random.Random) -> Iterator[str]:
    """Each kind once in a random order, and again in another one, for ever."""
    while True:
        yield from rng.sample(list(faults), len(faults))


def _strike(lab: Lab, stage: str, kind: str, fault: Fault, outcome: Outcome) -> None:
    lab.moment = ""
    try:
        fault.strike(lab)
        if lab.went_on_at < lab.over_at:
            lab.recovered()
        outcome.struck.append(Struck(stage, kind, lab.went_on_at - lab.over_at))
    except LeftOut as error:
        outcome.left_out[kind] = str(error)
    except (RuntimeError, UserError) as error:
        outcome.struck.append(Struck(stage, kind, float("nan")))
        outcome.anomalies.append(f"{stage}, {kind} ({lab.moment}): {error}")
        lab.revive()


def _last(outcome: Outcome, kind: str) -> str:
    if kind in outcome.left_out:
        return "left out"
    seconds = outcome.struck[-1].seconds
    return f"went on after {seconds:.1f} s" if seconds == seconds else "ANOMALY"


def _reckon(lab: Lab, name: str, feed: Feed, seen: Mapping[str, object], outcome: Outcome) -> None:
    """Every offset, the reader, the ledger's sums, and the models against a full refresh."""
    with connect(lab.settings.as_transformer, autocommit=True) as connection:
        accounts = reckon(connection, Topics(lab.settings.kafka.client_config()), feed, seen)  # type: ignore[arg-type]
        outcome.accounts += accounts
        for account in accounts:
            outcome.anomalies += [f"{name}, {account.stream}: {problem}" for problem in account.problems]
        enrich(lab.settings)
        session = DbtSession(lab.settings)
        _refresh(session, outcome, name, full=False)
        row = connection.execute(UNEXPLAINED).fetchone()
        if row != (0,):
            outcome.anomalies.append(f"{name}: {row and row[0]} rows of ops.reconciliation have what nobody explains")
        followed = read_tables(connection)
        _refresh(session, outcome, name, full=True)
        outcome.anomalies += differences(read_tables(connection), followed, f"{name}, models against a full refresh")
        outcome.tables += len(followed)
        outcome.mart_rows += sum(rows for rows, _ in followed.values())


def _refresh(session: DbtSession, outcome: Outcome, name: str, *, full: bool) -> None:
    done = session.run(refresh_arguments(full_refresh=full))
    if not done.ok:
        outcome.anomalies.append(f"{name}: the {'full' if full else 'last'} refresh failed: {first_trouble(done)}")
