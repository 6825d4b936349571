"""`landfall-bench memory`: memory while a large backlog lands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import click

from benchmarks.instruments.cpu import DRIVER, JVM, WORKERS, resident_bytes
from benchmarks.instruments.events import STREAM, produce
from benchmarks.instruments.landing import Landing, landing
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landfall.settings import Settings

PARTS = (DRIVER, JVM, WORKERS)
MARKS = (10, 25, 50, 75, 100)
"""Per cent of the backlog at which memory is shown."""
_SLOWEST = 2_000
"""Events/s below which it is given up."""


@dataclass(frozen=True)
class Sample:
    """Memory at a moment: bytes by part. `landed`: events so far."""

    seconds: float
    landed: int
    resident: dict[str, int]


@click.command(name="memory")
@click.option("--events", default=5_000_000, show_default=True, help="The backlog; takes 2.5 kB of disk an event.")
@measured
def command(events: int, say: Say) -> Part:
    """Memory of `landfall land` while a large backlog lands.

    It lands in bounded batches; memory is read every second."""
    return measure(say, events)


def measure(say: Say, events: int = 5_000_000) -> Part:
    """Memory of driver, JVM and Python workers at parts of the way."""
    with temporary_servers() as settings:
        say(f"memory: {events:,} events are produced")
        produce(settings, events, seed=1)
        with landing(settings) as running:
            found = list(samples(running, events))
        batch = settings.max_offsets_per_trigger
    return summary(found, events, batch)


def samples(running: Landing, events: int) -> Iterator[Sample]:
    """A sample a second until all has landed. Raises RuntimeError when it takes far too long."""
    began = time.monotonic()
    while True:
        landed = landed_so_far(running.settings)
        resident = {part: resident_bytes(processes) for part, processes in running.members().items()}
        yield Sample(time.monotonic() - began, landed, resident)
        if landed >= events:
            return
        if running.process.poll() is not None or time.monotonic() - began > 120 + events / _SLOWEST:
            raise RuntimeError(f"landfall land did not finish: {landed:,} of {events:,} events landed")
        time.sleep(1)


def landed_so_far(settings: Settings) -> int:
    """Events accounted for."""
    with connect(settings.as_transformer, autocommit=True) as connection:
        row = connection.execute(
            "select coalesce(sum(landed + quarantined), 0) from landing.slices where stream = %s", (STREAM,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def summary(found: Sequence[Sample], events: int, batch: int) -> Part:
    """The table of memory at MARKS and at its highest."""
    title = f"Memory while {events:,} events land, batches of {batch:,} (MiB)"
    table = Table(title, ["landed", *PARTS, "together"])
    for percent in MARKS:
        sample = at(found, events * percent / 100)
        table.rows.append((f"{percent} %", *(mebibytes(sample, part) for part in PARTS), mebibytes(sample, *PARTS)))
    highest = [max(mebibytes(sample, part) for sample in found) for part in PARTS]
    table.rows.append(("highest", *highest, max(mebibytes(sample, *PARTS) for sample in found)))
    table.notes.append("Pages that forked workers share are counted once (PSS).")
    return Part("memory", [table], {"events": events, "samples": [asdict(sample) for sample in found]})


def at(found: Sequence[Sample], landed: float) -> Sample:
    """The first sample with so many events landed."""
    return next(sample for sample in found if sample.landed >= landed)


def mebibytes(sample: Sample, *parts: str) -> int:
    """Memory of these parts together, in MiB."""
    return round(sum(sample.resident.get(part, 0) for part in parts) / 2**20)
