"""`landfall-bench kills`: the landing stream is killed at random moments, and every record must be there once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmarks.kill_test.trial import Outcome

KINDS = {
    "driver": 6,
    "jvm": 4,
    "worker": 5,
    "daemon": 2,
    "everything": 3,
    "copy": 3,
    "frozen": 2,
    "backend": 1,
    "postgres": 1,
    "postgres-restart": 0.5,
    "kafka": 0.5,
    "kafka-restart": 0.5,
}
"""What is killed, and how often relative to the others: mostly processes of the landing stream itself."""


@click.command(name="kills")
@click.option("--rounds", default=110, show_default=True, help="How many disasters.")
@click.option("--seed", default=1, show_default=True, help="Draws the disasters and their moments.")
@click.option("--minutes", type=float, help="Begin no round after so many minutes.")
@click.option("--rate", default=2_000.0, show_default=True, help="Events produced a second, all streams together.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only this disaster; may be repeated."
)
@click.option("--keep", is_flag=True, help="Keep the state folder also when all went well.")
def command(rounds: int, seed: int, minutes: float | None, rate: float, kinds: tuple[str, ...], keep: bool) -> None:
    """Kill parts of the landing stream at random moments while events flow, then count.

    Each round kills the driver, the JVM, a Python worker, the daemon that forks them, or all at once; starts a second
    copy, or freezes one and thaws it after the takeover; kills a Postgres backend, Postgres or Kafka. A reader follows
    the loads meanwhile, and finished loads are merged in the ledger after each round. At the end every offset must be
    in its table or in quarantine once, each slice must say what is there, and the reader must have seen each row once.

    Exit code 0: nothing lost, nothing doubled. The state folder is kept, and named, when anything is wrong.
    """
    # Imported here for start-up time.
    from benchmarks.kill_test.trial import Plan, run
    from cli.prepare import up
    from landfall.stop_signals import interrupt_when_told
    from local_stack.stack import down

    interrupt_when_told()
    chosen = {kind: KINDS[kind] for kind in kinds} or KINDS
    plan = Plan(rounds, seed, chosen, rate, seconds=60 * minutes if minutes is not None else float("inf"))
    folder = Path(tempfile.mkdtemp(prefix="landfall-kills-"))
    home, clean = folder / "home", False
    try:
        up(home, models=False)
        outcome = run(home, plan, click.echo)
        for line in summary(outcome, seed):
            click.echo(line)
        clean = not outcome.problems
    finally:
        if (home / "landfall-state.json").exists():
            down(home)
        if clean and not keep:
            shutil.rmtree(folder)
        else:
            click.echo(f"The state is kept in {home}")
    sys.exit(0 if clean else 1)


def summary(outcome: Outcome, seed: int) -> Iterable[str]:
    """The result, a line each."""
    yield ""
    kinds = ", ".join(f"{kind} {count}" for kind, count in outcome.kinds.most_common())
    yield f"{outcome.rounds} rounds in {outcome.seconds / 60:.1f} minutes, seed {seed}: {kinds}"
    yield f"{outcome.starts} copies started, {outcome.reads} reads, {outcome.left_alone} processes outlived their copy"
    yield f"{outcome.merged:,} loads of the ledger were merged into others between the rounds"
    names = (
        "produced", "landed", "quarantined", "lost", "doubled", "reader_missed", "reader_doubled", "loads", "sealed",
        "sealed_half_way",
    )  # fmt: skip
    yield " ".join([f"{'stream':<14}", *(f"{name.replace('_', ' '):>15}" for name in names)])
    for account in outcome.accounts:
        yield " ".join([f"{account.stream:<14}", *(f"{getattr(account, name):>15,}" for name in names)])
    totals = [sum(getattr(account, name) for account in outcome.accounts) for name in names]
    yield " ".join([f"{'all':<14}", *(f"{total:>15,}" for total in totals)])
    for problem in outcome.problems:
        yield f"WRONG: {problem}"
    yield f"{outcome.rows:,} rows: " + ("not exactly once" if outcome.problems else "each exactly once")
