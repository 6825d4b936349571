"""`landfall-bench freshness`: from produced, and from landed, to visible in every hot mart, with Dagster beside."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Literal

import click
import psutil

from benchmarks.instruments.cpu import descendants, resident_bytes
from benchmarks.instruments.events import flowing
from benchmarks.instruments.figures import PERCENTILES, percentiles
from benchmarks.instruments.landing import Landing, landing
from benchmarks.instruments.landing import command as running_command
from benchmarks.instruments.machine import folder_bytes
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from cli.children import Children
from cli.dagster_server import start_dagster
from database.connect import connect
from landfall.settings import Settings
from orchestration.manifest import Manifest, layer
from simulator.simulation import STREAMS
from warehouse.dbt_manifest import read_manifest

Mode = Literal["warm", "sensor"]
MODES: tuple[Mode, ...] = ("warm", "sensor")
POLL_SECONDS = 0.1
CATCH_UP_SECONDS = 120.0
SLOWEST_PARTITION_SECONDS = 5.0
"""How much later than the newest record of a stream one of another partition may land."""
# An event of a load is readable when the load is finished, and visible when every model has read the load.
_POSITIONS = """
select source, min(position) filter (where relation <> all(%(cold)s)), min(position)
from ops.model_progress
group by source
"""
_EVENTS = """
select p.load_id, extract(epoch from p.kafka_timestamp)::float8, extract(epoch from l.finished_at)::float8
from landing.{stream} as p
inner join landing.loads as l on l.stream = '{stream}' and l.load_id = p.load_id
where p.kafka_timestamp >= to_timestamp(%(begin)s) and p.kafka_timestamp < to_timestamp(%(end)s)
"""


@click.command(name="freshness")
@click.option("--rate", default=1_000.0, show_default=True, help="Events a second, over all streams.")
@click.option("--seconds", default=600.0, show_default=True, help="How long each is measured.")
@click.option("--warm-up", default=60.0, show_default=True, help="Seconds of events before that.")
@click.option("--mode", "modes", multiple=True, type=click.Choice(MODES), help="Only this one. Default: both.")
@measured
def command(rate: float, seconds: float, warm_up: float, modes: Sequence[Mode], say: Say) -> Iterator[Part]:
    """From produced, and from landed, to visible in every hot mart of the stream, at a steady rate.

    Hot are all but the tables of tag `cold` (sessions, funnels, visitors, data quality), which may be half a minute
    behind; how far is shown too.

    \b
    warm     `landfall land` and `landfall refresh --watch`, with `dagster dev` beside
    sensor   `landfall land` and `dagster dev` alone: its sensor starts the refreshes

    Also what each process keeps in memory, and by how much Dagster's folder grows."""
    for mode in modes or MODES:
        yield measure(say, mode, rate, seconds, warm_up)


@dataclass
class Progress:
    """By stream: when (epoch seconds) all of some tables had read up to a load. Both lists ascend."""

    loads: dict[str, list[int]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def note(self, stream: str, load_id: int, at: float) -> None:
        """What was seen at a poll."""
        loads = self.loads.setdefault(stream, [])
        if not loads or load_id > loads[-1]:
            loads.append(load_id)
            self.times.setdefault(stream, []).append(at)

    def visible_at(self, stream: str, load_id: int) -> float:
        """When the load was in all of them. Raises IndexError when it never was."""
        return self.times[stream][bisect.bisect_left(self.loads[stream], load_id)]


def measure(say: Say, mode: Mode, rate: float = 1_000.0, seconds: float = 600.0, warm_up: float = 60.0) -> Part:
    """Percentiles in seconds over the events produced within the measured time, memory and disk."""
    with temporary_servers(models=True) as settings, installed(settings, watch=mode == "warm") as (running, groups):
        say(f"freshness, {mode}: {rate:,.0f} events/s for {warm_up:.0f} + {seconds:.0f} s")
        with watched(settings) as (hot, every), flowing(settings, rate, seed=1, streams=STREAMS):
            time.sleep(warm_up)
            begin, memory, disk = time.time(), memory_of(groups), folder_bytes(settings.home / "dagster")
            time.sleep(seconds)
            end, memory_after, disk_after = time.time(), memory_of(groups), folder_bytes(settings.home / "dagster")
            wait_for(running, every, settings, end)
        found = delays(settings, (hot, every), begin, end)
    return summary(mode, rate, seconds, found, (memory, memory_after), disk_after - disk)


@contextmanager
def installed(settings: Settings, *, watch: bool = True) -> Iterator[tuple[Landing, dict[str, psutil.Process]]]:
    """What runs in a real installation, started: the landing, and by their commands it, Dagster, and whoever refreshes
    the models warm.
    """
    with ExitStack() as stack:
        running = stack.enter_context(landing(settings))
        groups: dict[str, psutil.Process] = {"landfall land": running.process}
        if watch:
            groups["landfall refresh --watch"] = stack.enter_context(running_command(settings, "refresh", "--watch"))
        children = Children(settings.home / "serve")
        stack.callback(children.stop)
        server = start_dagster(settings, children)
        groups["dagster dev"] = psutil.Process(server.child.process.pid)
        running.wait_until_started()
        server.wait()
        yield running, groups


@contextmanager
def watched(settings: Settings) -> Iterator[tuple[Progress, Progress]]:
    """Looks ten times a second how far the hot tables of each stream are, and how far all are."""
    hot, every, stop = Progress(), Progress(), threading.Event()
    cold = cold_relations(read_manifest())

    def poll() -> None:
        with connect(settings.as_transformer, autocommit=True) as connection:
            while not stop.wait(POLL_SECONDS):
                for stream, of_hot, of_every in connection.execute(_POSITIONS, {"cold": cold}):
                    now = time.time()
                    hot.note(stream, of_hot, now)
                    every.note(stream, of_every, now)

    thread = threading.Thread(target=poll, name="progress")
    thread.start()
    try:
        yield hot, every
    finally:
        stop.set()
        thread.join()


def cold_relations(manifest: Manifest) -> list[str]:
    """`schema.table` of the tables that are not in every pass."""
    return [f"{layer(node)}.{node['alias']}" for node in manifest["nodes"].values() if "cold" in node.get("tags", ())]


def wait_for(running: Landing, progress: Progress, settings: Settings, end: float) -> None:
    """Until everything produced before `end` is in every model, while events go on."""
    running.wait_for(
        "select bool_and(newest >= to_timestamp(%(end)s)) from"
        " (select max(max_kafka_timestamp) as newest from landing.slices group by stream) as s",
        CATCH_UP_SECONDS, end=end + SLOWEST_PARTITION_SECONDS,
    )  # fmt: skip
    with connect(settings.as_transformer, autocommit=True) as connection:
        loads = dict(connection.execute("select stream, hi from landing.horizons").fetchall())
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while any(progress.loads.get(stream, [0])[-1] < load_id for stream, load_id in loads.items()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the models did not catch up within {CATCH_UP_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def delays(
    settings: Settings, seen: tuple[Progress, Progress], begin: float, end: float
) -> dict[str, list[tuple[float, float, float]]]:
    """By stream: visible in the hot tables minus produced, the same minus landed, and visible in all tables minus
    landed, in seconds, of each event that landed as a row. `seen`: of the hot tables, and of all."""
    hot, every = seen
    found = {}
    with connect(settings.as_transformer, autocommit=True) as connection:
        for stream in STREAMS:
            rows = connection.execute(_EVENTS.format(stream=stream).encode(), {"begin": begin, "end": end}).fetchall()
            loads = {row[0] for row in rows}
            visible = {
                load_id: (hot.visible_at(stream, load_id), every.visible_at(stream, load_id)) for load_id in loads
            }
            found[stream] = [
                (visible[load_id][0] - produced, visible[load_id][0] - finished, visible[load_id][1] - finished)
                for load_id, produced, finished in rows
            ]
    return found


def memory_of(groups: dict[str, psutil.Process]) -> dict[str, int]:
    """Bytes (PSS) of each command with everything below it."""
    return {name: resident_bytes([process, *descendants(process)]) for name, process in groups.items()}


def summary(
    mode: Mode,
    rate: float,
    seconds: float,
    found: dict[str, list[tuple[float, float, float]]],
    memory: tuple[dict[str, int], dict[str, int]],
    grown: int,
) -> Part:
    """The tables of percentiles and of memory."""
    together = [delay for delays_of_stream in found.values() for delay in delays_of_stream]
    table = Table(
        f"Visible in every hot mart, {mode}, {rate:,.0f} events/s, {len(together):,} events (seconds)",
        ["", *PERCENTILES],
    )
    raw: dict[str, object] = {"events": len(together), "dagster_folder_grew_bytes": grown}
    for index, name in enumerate(("produced → visible", "landed → visible", "landed → visible in the cold tables too")):
        for stream, values in (*found.items(), ("all", together)):
            shown = percentiles([value[index] for value in values])
            table.rows.append((f"{name}, {stream}", *shown.values()))
            raw[f"{name}, {stream}"] = shown
    table.notes.append(f"Dagster's folder grew by {grown / 1e6:.1f} MB in {seconds:.0f} s.")
    before, after = memory
    processes = Table("Memory of each command with all below it (MiB)", ["", "start", "end"])
    for name in before:
        processes.rows.append((name, round(before[name] / 2**20), round(after[name] / 2**20)))
    return Part(f"freshness, {mode}", [table, processes], {**raw, "memory_start": before, "memory_end": after})
