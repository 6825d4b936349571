"""`landfall-bench costs`: what an event costs in each model, and in each table and index on the disk."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from graphlib import TopologicalSorter

import click
import psutil

from benchmarks.convergence_trial.events import records
from benchmarks.convergence_trial.hand import Hand
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from benchmarks.refresh import well
from database.connect import connect
from database.locks import Connection
from enrichment.enricher import enrich
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession
from warehouse.pass_plan import plan_pass
from warehouse.scripts import REFRESH

STREAMS = ("product_views", "web_logs", "job_tracking")
FIRST = 1_000
"""Events of each stream that are refreshed by dbt before, which then has built what Postgres runs."""
LONGEST = 60
"""Characters of an index' columns that are shown."""

# With what is stored beside a table (TOAST), and landing's partitions under their parent's name.
SIZES = """
select
    coalesce(parent.relname, table_.relname),
    case when index_.oid is null then '' else regexp_replace(pg_get_indexdef(index_.oid), '^.* USING ', '') end,
    sum(coalesce(pg_relation_size(index_.oid), pg_table_size(table_.oid)))::bigint
from pg_class as table_
left join pg_inherits as i on i.inhrelid = table_.oid
left join pg_class as parent on parent.oid = i.inhparent
cross join lateral (
    select null::oid as oid union all select x.indexrelid from pg_index as x where x.indrelid = table_.oid
) as index_
where
    table_.relkind = 'r'
    and (
        table_.relnamespace = 'intermediate'::regnamespace
        or parent.relnamespace = 'landing'::regnamespace and parent.relname = any(%s)
    )
group by 1, 2
"""
READERS = (
    "select split_part(relation, '.', 2), array(select jsonb_object_keys(reads) order by 1) from ops.model_scripts"
)


@dataclass(frozen=True)
class ModelCost:
    """CPU seconds of the Postgres backend that refreshed a model, and the rows that it wrote."""

    model: str
    cpu: float
    rows: int


@dataclass(frozen=True)
class Size:
    """Bytes of a table, or of one of its indexes (`index`: method and columns, empty for the table)."""

    table: str
    index: str
    size: int


@click.command(name="costs")
@click.option("--events", default=150_000, show_default=True, help="Events of each stream.")
@measured
def command(events: int, say: Say) -> Part:
    """CPU seconds per million events by model, and bytes per event by table and index.

    One day of events of each stream, landed at once, then each model on its own, one after another."""
    return measure(say, events)


def measure(say: Say, events: int = 150_000) -> Part:
    """Refresh each model once with `events` new ones of each stream, and weigh what is then on the disk."""
    with temporary_servers(models=True) as settings:
        session = DbtSession(settings)
        land(settings, FIRST, seed=1)
        well(session.run(pass_arguments(STREAMS)))
        say(f"costs: {events:,} events of each of {len(STREAMS)} streams land")
        land(settings, events, seed=2)
        above = plan_pass(session.manifest, STREAMS, hot=True, cold=True).by_script
        with connect(settings.as_transformer, autocommit=True) as connection:
            models = refresh_one_by_one(
                connection, list(TopologicalSorter(above).static_order()), session.project_md5, say
            )
            sizes = [Size(*row) for row in connection.execute(SIZES, (list(STREAMS),)).fetchall()]
            streams = {name: list(of) for name, of in connection.execute(READERS).fetchall()}
    return summary(events, models, sizes, {**streams, **{stream: [stream] for stream in STREAMS}})


def land(settings: Settings, events: int, seed: int) -> None:
    """This many events of each stream in one load, enriched."""
    now = time.time()
    for stream in STREAMS:
        hand = Hand(settings, load_contracts()[stream], first_offset=seed * 1_000_000_000)
        hand.land(records(stream, events, seed, now), dt.datetime.fromtimestamp(now, dt.UTC))
        hand.close()
    enrich(settings)


def refresh_one_by_one(connection: Connection, relations: Sequence[str], project: str, say: Say) -> list[ModelCost]:
    """Each relation by its script, in this order, in one backend without parallel workers."""
    backend, invocation = psutil.Process(connection.info.backend_pid), str(uuid.uuid4())
    connection.execute("set max_parallel_workers_per_gather = 0")
    connection.execute("set max_parallel_maintenance_workers = 0")
    connection.execute("select ops.capture_horizon(%s)", (invocation,))
    found = []
    for relation in relations:
        before = backend.cpu_times()
        row = connection.execute(REFRESH, (relation, invocation, project)).fetchone()
        after = backend.cpu_times()
        cpu = after.user + after.system - before.user - before.system
        found.append(ModelCost(relation.partition(".")[2], cpu, (row and row[0]) or 0))
        say(f"costs: {found[-1].model} {cpu:.2f} s, {found[-1].rows:,} rows")
    return found


def summary(
    events: int, models: Sequence[ModelCost], sizes: Sequence[Size], streams: Mapping[str, Sequence[str]]
) -> Part:
    """The tables of models and of sizes, the greatest first. `streams`: those that a table is of; events are as many of
    each."""
    cpu = Table(
        f"CPU of the models, {events:,} events of each stream, one model after another",
        ["model", "streams", "CPU s per million events", "rows written"],
    )
    for cost in sorted(models, key=lambda cost: -cost.cpu):
        cpu.rows.append((cost.model, ", ".join(streams[cost.model]), cost.cpu / events * 1e6, cost.rows))
    disk = Table(f"On the disk, {events + FIRST:,} events of each stream", ["table or index", "bytes per event"])
    weights: dict[str, int] = {}
    for size in sizes:
        weights[size.table] = weights.get(size.table, 0) + size.size
    for name in sorted(weights, key=lambda name: -weights[name]):
        disk.rows.append((f"{name}, with its indexes", weights[name] / (events + FIRST)))
        of_table = sorted((size for size in sizes if size.table == name), key=lambda size: -size.size)
        disk.rows.extend(
            (f"· {size.index[:LONGEST] if size.index else 'the table'}", size.size / (events + FIRST))
            for size in of_table
        )
    for stream in STREAMS:
        of_stream = [cost.cpu for cost in models if stream in streams[cost.model]]
        beneath = [weights[name] for name in weights if name != stream and stream in streams.get(name, ())]
        cpu.notes.append(f"{stream}: {sum(of_stream) / events * 1e6:.1f} s per million events together")
        disk.notes.append(
            f"{stream}: landing {weights.get(stream, 0) / (events + FIRST):.0f}, beneath the marts"
            f" {sum(beneath) / (events + FIRST):.0f} bytes per event"
        )
    raw = {"events": events, "models": [asdict(cost) for cost in models], "sizes": [asdict(size) for size in sizes]}
    return Part("costs", [cpu, disk], raw)
