"""`landfall-bench sustained`: a steady rate for long, with all that runs beside: lag, freshness, memory, disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psutil

from benchmarks.freshness import Progress, cold_relations, installed, memory_of, watched
from benchmarks.instruments.cpu import cpu_seconds, descendants, members
from benchmarks.instruments.events import flowing
from benchmarks.instruments.figures import PERCENTILES, percentile
from benchmarks.instruments.machine import folder_bytes
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landfall.settings import Settings
from landing_stream.topics import Topics
from reports.style import ALARM, ALL, HUMAN, INK, MONEY, QUIET, render
from simulator.simulation import STREAMS
from warehouse.dbt_manifest import read_manifest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLE_SECONDS = 10.0
CATCH_UP_SECONDS = 900.0
POINTS = 10
"""Moments of a slice that stand for its records, between its first and its last one."""
_LAGS = """
select
    (select coalesce(sum(next_offset), 0) from landing.offsets)::bigint,
    (
        select coalesce(sum(s.landed + s.quarantined), 0)
        from landing.slices as s
        inner join (
            select source, min(position) as position
            from ops.model_progress
            where relation <> all(%(cold)s)
            group by source
        ) as p on p.source = s.stream and s.load_id > p.position
    )::bigint,
    pg_current_wal_insert_lsn() - '0/0'::pg_lsn,
    pg_database_size(current_database())
"""
_SLICES = """
select
    stream,
    load_id,
    landed,
    extract(epoch from min_kafka_timestamp)::float8,
    extract(epoch from max_kafka_timestamp)::float8
from landing.slices
where landed > 0 and max_kafka_timestamp >= to_timestamp(%(begin)s) and max_kafka_timestamp < to_timestamp(%(end)s)
"""


@click.command(name="sustained")
@click.option("--rate", default=10_000.0, show_default=True, help="Events a second, over all streams.")
@click.option("--minutes", default=60.0, show_default=True, help="How long it is measured.")
@click.option("--warm-up", default=120.0, show_default=True, help="Seconds of events before that.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), metavar="PNG", help="Draw it too.")
@measured
def command(rate: float, minutes: float, warm_up: float, picture: Path | None, say: Say) -> Part:
    """Events of all three streams at a steady rate, with `landfall land`, `landfall refresh --watch` and `dagster dev`.

    What is behind, how fresh the hot tables are, what each process keeps in memory, what grows on the disk."""
    return measure(say, rate, minutes, warm_up, picture)


@dataclass(frozen=True)
class Sample:
    """At `at` (seconds from the start): events in Kafka that have not landed, events landed that are not in every hot
    table, bytes of memory by command, bytes of WAL written so far and of the database."""

    at: float
    not_landed: int
    not_visible: int
    memory: Mapping[str, int]
    wal: int
    database: int


@dataclass
class Found:
    """`delays`: by minute, (seconds from produced to visible, records) of moments of slices. `cpu`: seconds by part."""

    samples: list[Sample] = field(default_factory=list)
    delays: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    kafka: tuple[int, int] = (0, 0)
    dagster: tuple[int, int] = (0, 0)


def measure(
    say: Say, rate: float = 10_000.0, minutes: float = 60.0, warm_up: float = 120.0, picture: Path | None = None
) -> Part:
    """Samples each ten seconds, and percentiles by minute; `picture` is a file that is written, a PNG."""
    seconds, found = 60 * minutes, Found()
    with temporary_servers(models=True) as settings, installed(settings) as (_, groups):
        groups |= {name: of[0] for name, of in members(settings.home).items()}
        say(f"sustained: {rate:,.0f} events/s for {warm_up:.0f} + {seconds:.0f} s")
        with watched(settings) as (hot, _):
            with flowing(settings, rate, seed=1, streams=STREAMS):
                time.sleep(warm_up)
                begin, cpu = time.time(), cpu_of(settings, groups)
                sizes = folder_bytes(settings.home / "kafka"), folder_bytes(settings.home / "dagster")
                with sampled(settings, groups, begin, found, say):
                    time.sleep(seconds)
                end = time.time()
                found.cpu = {name: after - cpu[name] for name, after in cpu_of(settings, groups).items()}
                found.kafka, found.dagster = zip(
                    sizes, (folder_bytes(settings.home / "kafka"), folder_bytes(settings.home / "dagster")), strict=True
                )  # fmt: skip
            wait_until_visible(settings, hot)
        found.delays = delays(settings, hot, begin, end)
    if picture is not None:
        picture.write_bytes(draw(found, rate))
    return summary(rate, seconds, found)


def cpu_of(settings: Settings, groups: Mapping[str, psutil.Process]) -> dict[str, float]:
    """CPU seconds so far: of the servers, of each command with all below it, and of this process, which produces."""
    found = cpu_seconds(settings.home)
    for name, process in groups.items():
        if name not in found:
            times = [each.cpu_times() for each in (process, *descendants(process)) if each.is_running()]
            found[name] = sum(each.user + each.system for each in times)
    return {**found, "the producer, and this bench": time.process_time()}


@contextmanager
def sampled(
    settings: Settings, groups: dict[str, psutil.Process], begin: float, found: Found, say: Say
) -> Iterator[None]:
    """Notes a sample each ten seconds while the block runs."""
    stop = threading.Event()
    topics = Topics(settings.kafka.client_config())
    cold = cold_relations(read_manifest())

    def note() -> None:
        with connect(settings.as_transformer, autocommit=True) as connection:
            while not stop.wait(SAMPLE_SECONDS):
                produced = sum(sum(topics.offsets(stream).latest.values()) for stream in STREAMS)
                row = connection.execute(_LAGS, {"cold": cold}).fetchone()
                assert row is not None
                landed, behind, wal, database = map(int, row)
                found.samples.append(
                    Sample(time.time() - begin, max(0, produced - landed), behind, memory_of(groups), wal, database)
                )
                if len(found.samples) % 30 == 0:
                    say(f"sustained: {produced:,} produced, {produced - landed:,} not landed, {behind:,} not visible")

    thread = threading.Thread(target=note, name="samples")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_until_visible(settings: Settings, progress: Progress) -> None:
    """Until everything that has landed is in every hot table. Raises RuntimeError when that takes too long."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while True:
        with connect(settings.as_transformer, autocommit=True) as connection:
            newest = dict(
                connection.execute("select stream, max(load_id) from landing.slices group by stream").fetchall()
            )
        if all(progress.loads.get(stream, [0])[-1] >= load_id for stream, load_id in newest.items()):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the models did not catch up within {CATCH_UP_SECONDS:.0f} s")
        time.sleep(1)


def delays(settings: Settings, progress: Progress, begin: float, end: float) -> dict[int, list[tuple[float, float]]]:
    """By minute in which they were produced: seconds until visible, with the records that they stand for."""
    found: dict[int, list[tuple[float, float]]] = {}
    with connect(settings.as_transformer, autocommit=True) as connection:
        for stream, load_id, landed, first, last in connection.execute(_SLICES, {"begin": begin, "end": end}):
            visible = progress.visible_at(stream, load_id)
            minute = found.setdefault(int((last - begin) // 60), [])
            for point in range(POINTS):
                minute.append((visible - first - (last - first) * (point + 0.5) / POINTS, landed / POINTS))
    return dict(sorted(found.items()))


def weighted(values: Sequence[tuple[float, float]], percent: float) -> float:
    """Percentile of values that stand for different numbers of records."""
    ordered = sorted(values)
    wanted, seen = sum(weight for _, weight in ordered) * percent / 100, 0.0
    for value, weight in ordered:
        seen += weight
        if seen >= wanted:
            return value
    return ordered[-1][0]


def summary(rate: float, seconds: float, found: Found) -> Part:
    """The tables of freshness and lag, of memory and CPU, and of the disk."""
    minutes = list(found.delays.values())
    fresh = Table(
        f"Produced → visible in every hot mart, {rate:,.0f} events/s, {seconds / 60:.0f} minutes (seconds)",
        ["", *PERCENTILES],
    )
    sixth = max(1, len(minutes) // 6)
    parts = {"all": minutes, "the first sixth": minutes[:sixth], "the last sixth": minutes[-sixth:]}
    for name, of_minutes in parts.items():
        values = [each for of_minute in of_minutes for each in of_minute]
        fresh.rows.append((name, *(weighted(values, percent) for percent in PERCENTILES.values())))
    first, last = found.samples[0], found.samples[-1]
    for name, at in (("not landed", "not_landed"), ("landed and not visible", "not_visible")):
        values_of = sorted(float(getattr(sample, at)) for sample in found.samples)
        fresh.notes.append(
            f"Events {name}: median {percentile(values_of, 50):,.0f}, at most {values_of[-1]:,.0f}, at the end"
            f" {getattr(last, at):,}"
        )
    use = Table("CPU, and memory with all below (MiB)", ["", "cores", "start", "end"])
    for name, cpu in found.cpu.items():
        memory = (round(sample.memory[name] / 2**20) if name in sample.memory else None for sample in (first, last))
        use.rows.append((name, cpu / seconds, *memory))
    disk = Table("On the disk (GB)", ["", "start", "end"])
    disk.rows.append(("the database", first.database / 1e9, last.database / 1e9))
    disk.rows.append(("WAL written since the start", 0.0, (last.wal - first.wal) / 1e9))
    disk.rows.append(("Kafka", found.kafka[0] / 1e9, found.kafka[1] / 1e9))
    disk.rows.append(("Dagster's folder", found.dagster[0] / 1e9, found.dagster[1] / 1e9))
    raw = {"samples": list(map(asdict, found.samples)), "cpu": found.cpu, "delays": found.delays}
    return Part("sustained", [fresh, use, disk], raw)


def draw(found: Found, rate: float) -> bytes:
    """Four charts over the minutes: freshness, what is behind, memory, disk."""
    # Imported here for start-up time.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), facecolor="white", layout="constrained")
    figure.suptitle(f"{rate:,.0f} events/s, with all that runs beside", fontsize=15, fontweight="bold", color=INK)
    charts: Sequence[tuple[str, Callable[[Axes], None]]] = (
        ("Produced → visible in every hot mart, seconds", lambda axes: _freshness(axes, found)),
        ("Events behind", lambda axes: _behind(axes, found)),
        ("Memory, MiB", lambda axes: _memory(axes, found)),
        ("Disk, GB", lambda axes: _disk(axes, found)),
    )
    for place, (title, chart) in enumerate(charts, 1):
        axes = figure.add_subplot(2, 2, place)
        chart(axes)
        axes.set_title(title, loc="left", fontsize=11, color=INK)
        axes.set_xlabel("minutes", color=QUIET)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    return render(figure, 110)


def _freshness(axes: Axes, found: Found) -> None:
    for percent, colour in ((50, ALL), (95, HUMAN), (99, ALARM)):
        axes.plot(
            [minute + 0.5 for minute in found.delays],
            [weighted(values, percent) for values in found.delays.values()],
            color=colour,
            label=f"p{percent}",
        )


def _behind(axes: Axes, found: Found) -> None:
    minutes = [sample.at / 60 for sample in found.samples]
    axes.plot(minutes, [sample.not_visible for sample in found.samples], color=HUMAN, label="landed, not visible")
    axes.plot(minutes, [sample.not_landed for sample in found.samples], color=ALL, label="produced, not landed")


def _memory(axes: Axes, found: Found) -> None:
    minutes = [sample.at / 60 for sample in found.samples]
    for name, colour in zip(found.samples[0].memory, (HUMAN, MONEY, ALARM, INK, ALL), strict=False):
        axes.plot(minutes, [sample.memory[name] / 2**20 for sample in found.samples], color=colour, label=name)


def _disk(axes: Axes, found: Found) -> None:
    minutes, first = [sample.at / 60 for sample in found.samples], found.samples[0]
    axes.plot(minutes, [sample.database / 1e9 for sample in found.samples], color=HUMAN, label="the database")
    axes.plot(minutes, [(sample.wal - first.wal) / 1e9 for sample in found.samples], color=MONEY, label="WAL written")
