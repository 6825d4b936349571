"""`landfall-bench convergence`: however events arrive, the tables must come out the same."""

from __future__ import annotations

import sys

import click


@click.command(name="convergence")
@click.option("--events", default=100_000, show_default=True, help="Events of each stream.")
@click.option("--refreshes", default=20, show_default=True, help="Incremental refreshes, at least 4.")
@click.option("--seed", default=1, show_default=True, help="Draws the events and their order.")
def command(events: int, refreshes: int, seed: int) -> None:
    """Land simulated events shuffled, late and repeated, refresh after each part, and compare.

    5 % of the events come up to three days late, 2 % come twice, 0.5 % are broken, and all are shuffled. One refresh
    has nothing new, one is killed half-way and repeated. Every table of intermediate and marts must then equal, row for
    row, one full refresh of the same landing; and, positions and landing times apart, the tables of another
    database in which the same events landed in order and were refreshed once.

    Exit code 0: all tables are equal.
    """
    # Imported here for start-up time.
    from benchmarks.convergence_trial.trial import Plan, run
    from benchmarks.instruments.output import say
    from benchmarks.instruments.servers import temporary_servers

    with temporary_servers(models=True) as shuffled, temporary_servers(models=True) as ordered:
        outcome = run(shuffled, ordered, Plan(events, refreshes, seed), say)
    for problem in outcome.problems:
        click.echo(problem)
    times = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in outcome.seconds.items())
    differ = len(outcome.problems)
    click.echo(f"{outcome.tables} tables and views, {outcome.rows:,} rows, seed {seed}: {differ} differ; {times}")
    sys.exit(1 if outcome.problems else 0)
