"""The report of a trial, as a document."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.fault_lab.trial import Outcome, Plan
from benchmarks.instruments.machine import machine

MODEL = """\
Numbered events, as the simulator makes them (two days of them, some late), flow into Kafka; one in 400 cannot be
landed. `landfall land` lands them, and `landfall refresh --watch` follows. Faults strike one after another: in each
round every kind once, in an order, at moments and for lengths that the seed draws. After each it is waited for what
was struck to go on by itself. A reader follows the horizons of the loads meanwhile, as models do.

At the end of a stage, once all is drained:

- every offset of Kafka is one row, landed, or quarantined for the reason for which it was made; every number of a good
  event stands in one row;
- slices tile the offsets and say what is in the tables, and the ledger stands at the topics' ends; no load is open, no
  gap recorded; `ops.reconciliation` leaves nothing unexplained;
- the reader has seen each row once;
- each table and view of `intermediate` and `marts` has the rows that one full refresh of the same landing gives it
  (md5 over all rows).

Whatever does not hold is an anomaly, and so is a part that ended by itself, a command that failed, and what did not go
on within minutes.
"""


MENDED = (
    "`landfall retention`, in the midst of events: it looked through all events of 90 days once for each address of a"
    " page, as its condition read the clock for each row. With 5,475 addresses and 235,000 events it was not done after"
    " five minutes, and the models that fill these tables waited for it.",
    "The landing's clock a day back: Spark's trigger waited for the wall clock to come to where it had been, so nothing"
    " landed for as long, and nothing was said.",
)
"""What earlier trials found, and what has been mended since."""


def write(path: Path, plan: Plan, outcome: Outcome) -> None:
    """The report as Markdown."""
    path.write_text("\n".join(["# Fault lab", "", *lines(plan, outcome)]) + "\n", encoding="utf-8")


def lines(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """The report, line by line."""
    yield f"`{command(plan)}`"
    yield ""
    yield (
        f"{len(outcome.struck)} faults of {len(outcome.counts)} kinds in {outcome.seconds / 60:.1f} minutes,"
        f" {outcome.rows:,} rows landed or quarantined, {outcome.reads:,} reads beside, {outcome.lost_commits} commits"
        f" whose answer was lost, {outcome.tables} tables of {outcome.mart_rows:,} rows compared with a full refresh:"
        f" **{len(outcome.anomalies)} anomalies**."
    )
    yield ""
    yield f"Machine: {machine()}."
    yield from ["", "## The model", "", MODEL]
    yield from _faults(plan, outcome)
    yield from _rows(outcome)
    yield from ["## Anomalies", ""]
    yield from [f"- {anomaly}" for anomaly in outcome.anomalies] or ["None."]
    yield from ["", "## What failed before it was mended", ""]
    yield from (f"- {sentence}" for sentence in MENDED)
    if outcome.left_out:
        yield from ["", "## Left out", ""]
        yield from (f"- {kind}: {why}" for kind, why in outcome.left_out.items())


def command(plan: Plan) -> str:
    """What repeats the schedule."""
    parts = ["landfall-bench", "faults", "--seed", str(plan.seed), "--minutes", f"{plan.seconds / 60:g}"]
    parts += ["--rate", f"{plan.rate:g}"]
    parts += [part for name in plan.stages for part in ("--stage", name)]
    parts += [part for kind in plan.kinds for part in ("--kind", kind)]
    return shlex.join(parts)


def _faults(plan: Plan, outcome: Outcome) -> Iterator[str]:
    yield from ["## Faults", ""]
    yield "Seconds: from the end of a fault, or from its moment where it is one, until what was struck went on."
    yield ""
    yield "| stage | fault | what it is | count | p50 s | p95 s | max s |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for name, stage in plan.stages.items():
        for kind, fault in stage.faults.items():
            seconds = [each.seconds for each in outcome.struck if (each.stage, each.kind) == (name, kind)]
            if seconds:
                yield f"| {name} | {kind} | {fault.what} | {len(seconds)} | {_figures(seconds)} |"
    yield f"| all | | | {len(outcome.struck)} | {_figures([each.seconds for each in outcome.struck])} |"
    yield ""


def _figures(seconds: list[float]) -> str:
    """p50, p95 and maximum; what never went on is told among the anomalies."""
    known = [value for value in seconds if value == value]
    if not known:
        return "| | "
    return " | ".join(f"{value:.1f}" for value in (*np.percentile(known, [50, 95]), max(known)))


def _rows(outcome: Outcome) -> Iterator[str]:
    yield from ["## Rows", ""]
    names = (
        "produced",
        "landed",
        "quarantined",
        "lost",
        "doubled",
        "reader_missed",
        "reader_doubled",
        "loads",
        "sealed",
    )
    yield "| stream | " + " | ".join(name.replace("_", " ") for name in names) + " |"
    yield "|---|" + "---:|" * len(names)
    streams = sorted({account.stream for account in outcome.accounts})
    for stream in streams:
        accounts = [account for account in outcome.accounts if account.stream == stream]
        sums = (sum(getattr(account, name) for account in accounts) for name in names)
        yield f"| {stream} | " + " | ".join(f"{value:,}" for value in sums) + " |"
    yield ""
