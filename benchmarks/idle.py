"""`landfall-bench idle`: what `landfall land` costs when nothing happens."""

from __future__ import annotations

import time

import click

from benchmarks.instruments.cpu import PARTS, cpu_seconds, difference
from benchmarks.instruments.landing import landing
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table


@click.command(name="idle")
@click.option("--seconds", default=30.0, show_default=True, help="How long it is measured.")
@click.option("--settle", default=30.0, show_default=True, help="Seconds of waiting before that.")
@measured
def command(seconds: float, settle: float, say: Say) -> Part:
    """CPU of `landfall land` on topics without events."""
    return measure(say, seconds, settle)


def measure(say: Say, seconds: float = 30.0, settle: float = 30.0) -> Part:
    """CPU, in per cent of one core, of the landing stream (driver, JVM, workers) and of the servers."""
    with temporary_servers() as settings, landing(settings) as running:
        running.wait_until_started()
        say(f"idle: {settle:.0f} s to settle, {seconds:.0f} s measured")
        time.sleep(settle)
        before, began = cpu_seconds(settings.home, running.process), time.monotonic()
        time.sleep(seconds)
        used = difference(before, cpu_seconds(settings.home, running.process))
        passed = time.monotonic() - began
    return summary({part: 100 * used[part] / passed for part in PARTS}, passed)


def summary(shares: dict[str, float], seconds: float) -> Part:
    """The table of shares."""
    stream = sum(shares[part] for part in PARTS[:3])
    table = Table(f"Idle topics, over {seconds:.0f} s (% of one core)", ["", "landfall land", *PARTS])
    table.rows.append(("CPU", stream, *shares.values()))
    table.notes.append(f"landfall land is {', '.join(PARTS[:3])} together.")
    return Part("idle", [table], {"landing_percent": stream, "percent": shares})
