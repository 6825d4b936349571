"""`landfall-bench faults`: faults of every kind on the way from Kafka to the marts, and what came of them: nothing."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click


@click.command(name="faults")
@click.option("--minutes", default=30.0, show_default=True, help="How long faults strike, over all stages.")
@click.option("--seed", default=1, show_default=True, help="Draws the faults, their order, moments and lengths.")
@click.option("--rate", default=500.0, show_default=True, help="Events produced a second, all streams together.")
@click.option("--stage", "stages", multiple=True, metavar="STAGE", help="Only this stage; may be repeated.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of fault; may be repeated.")
@click.option("--report", type=click.Path(path_type=Path), help="Write what was found to this file, as Markdown.")
@click.option("--list", "only_list", is_flag=True, help="List stages and kinds, and end.")
@click.option("--keep", is_flag=True, help="Keep the state folders also when all went well.")
def command(
    minutes: float,
    seed: int,
    rate: float,
    stages: tuple[str, ...],
    kinds: tuple[str, ...],
    report: Path | None,
    only_list: bool,
    keep: bool,
) -> None:
    """Let faults strike while events flow, land and reach the marts; then count, and compare with a full refresh.

    A stage is a set of servers with the faults that can be made there. The order of faults, their moments and lengths
    are drawn from the seed; what a machine's speed decides is not repeated. Realistic events with numbers are
    produced, `landfall land` and `landfall refresh --watch` run, and a reader follows the loads. At the end of each
    stage every offset must be in its table or in quarantine once, the reader must have seen each row once, the ledger
    must add up, and every table of intermediate and marts must equal one full refresh.

    Exit code 0: no anomaly. The state folders are kept, and named, when there is one.
    """
    # Imported here for start-up time.
    from benchmarks.fault_lab.report import lines, write
    from benchmarks.fault_lab.stages import STAGES
    from benchmarks.fault_lab.trial import Plan, run
    from landfall.errors import UserError
    from landfall.stop_signals import interrupt_when_told

    known = {kind for stage in STAGES.values() for kind in stage.faults}
    if only_list:
        for name, stage in STAGES.items():
            click.echo(f"{name}: {stage.what}")
            for kind, fault in stage.faults.items():
                click.echo(f"  {kind:<32} {fault.what}")
        return
    if unknown := [*(set(stages) - set(STAGES)), *(set(kinds) - known)]:
        raise UserError(f"{unknown[0]} is neither a stage nor a kind of fault: --list names them.")
    interrupt_when_told()
    chosen = {name: stage for name, stage in STAGES.items() if not stages or name in stages}
    plan = Plan(60 * minutes, seed, chosen, kinds, rate)
    folder, clean = Path(tempfile.mkdtemp(prefix="landfall-faults-")), False
    try:
        outcome = run(folder, plan, click.echo)
        for line in lines(plan, outcome):
            click.echo(line)
        if report is not None:
            write(report, plan, outcome)
        clean = not outcome.anomalies
    finally:
        if clean and not keep:
            shutil.rmtree(folder)
        else:
            click.echo(f"The state is kept in {folder}")
    sys.exit(0 if clean else 1)
