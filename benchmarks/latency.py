"""`landfall-bench latency`: from produced to committed, at a steady rate."""

from __future__ import annotations

import time
from dataclasses import dataclass

import click
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from benchmarks.instruments.cpu import PARTS, cpu_seconds, difference
from benchmarks.instruments.events import STREAM, ends, flowing
from benchmarks.instruments.figures import PERCENTILES, percentiles
from benchmarks.instruments.landing import landing
from benchmarks.instruments.output import Say, measured
from benchmarks.instruments.servers import temporary_servers
from benchmarks.instruments.tables import Part, Table
from database.connect import connect
from landfall.settings import Settings
from landing_stream.contract import load_contracts

# Every row of a slice commits with it. `readable`: when its load is finished, which is when the models may read it.
_DELAYS = """
select
    extract(epoch from s.committed_at - p.kafka_timestamp)::float8,
    extract(epoch from l.finished_at - p.kafka_timestamp)::float8
from landing.product_views as p
inner join landing.slices as s using (load_id, topic_id, kafka_partition)
inner join landing.loads as l using (stream, load_id)
where s.stream = %(stream)s
    and p.kafka_timestamp >= to_timestamp(%(begin)s) and p.kafka_timestamp < to_timestamp(%(end)s)
"""


@click.command(name="latency")
@click.option("--rate", default=2_000.0, show_default=True, help="Events a second.")
@click.option("--seconds", default=60.0, show_default=True, help="How long it is measured.")
@click.option("--warm-up", default=20.0, show_default=True, help="Seconds of events before that.")
@click.option(
    "--partitions", multiple=True, type=click.IntRange(min=6), help="Of the topic; given again, side by side. [6]"
)
@measured
def command(rate: float, seconds: float, warm_up: float, partitions: tuple[int, ...], say: Say) -> Part:
    """From produced to committed, at a steady rate.

    `landfall land` runs as a user would run it, for all contracts; product views are produced.

    Produced is Kafka's timestamp of a record, set by the producer on this machine; committed is when its slice was.
    Each number of partitions is measured on servers of its own.
    """
    if len(partitions) > 1:
        return side_by_side(rate, {number: trial(say, rate, seconds, warm_up, number) for number in partitions})
    return measure(say, rate, seconds, warm_up, *partitions)


@dataclass(frozen=True)
class Trial:
    """`delays`: see there. `cpu`: per cent of one core, by part. `trigger`: seconds from load to load."""

    delays: list[tuple[float, float]]
    cpu: dict[str, float]
    trigger: float


def measure(say: Say, rate: float = 2_000.0, seconds: float = 60.0, warm_up: float = 20.0, partitions: int = 6) -> Part:
    """Percentiles, in seconds, over the rows produced within the measured time."""
    found = trial(say, rate, seconds, warm_up, partitions)
    return summary(rate, found.trigger, found.delays, found.cpu)


def trial(say: Say, rate: float, seconds: float, warm_up: float, partitions: int) -> Trial:
    """One measurement, of a topic of so many partitions."""
    with temporary_servers() as settings:
        add_partitions(settings, partitions)
        return trial_on(settings, say, rate, seconds, warm_up)


def add_partitions(settings: Settings, partitions: int) -> None:
    """Gives the topic, which has six, so many in all."""
    topic = load_contracts()[STREAM].topic
    if len(ends(settings)) < partitions:
        admin = AdminClient(settings.kafka.client_config())
        for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result(timeout=30)


def trial_on(settings: Settings, say: Say, rate: float, seconds: float, warm_up: float) -> Trial:
    """One measurement on these servers."""
    with landing(settings) as running:
        running.wait_until_started()
        say(f"latency: {rate:,.0f} events/s, {len(ends(settings))} partitions, {warm_up:.0f} + {seconds:.0f} s")
        with flowing(settings, rate, seed=1):
            time.sleep(warm_up)
            before, begin = cpu_seconds(settings.home, running.process), time.time()
            time.sleep(seconds)
            cpu, end = difference(before, cpu_seconds(settings.home, running.process)), time.time()
        running.wait_for(
            "select not exists (select from landing.loads where state = 'open')"
            " and max(max_kafka_timestamp) >= to_timestamp(%(end)s) from landing.slices",
            60, end=end - 1,
        )  # fmt: skip
        found = delays(settings, begin, end)
    return Trial(found, {part: 100 * cpu[part] / (end - begin) for part in PARTS}, settings.trigger_seconds)


def delays(settings: Settings, begin: float, end: float) -> list[tuple[float, float]]:
    """(committed, readable) minus produced, in seconds, of each row produced within [begin, end) of epoch seconds."""
    with connect(settings.as_transformer, autocommit=True) as connection:
        return connection.execute(_DELAYS, {"stream": STREAM, "begin": begin, "end": end}).fetchall()


def side_by_side(rate: float, trials: dict[int, Trial]) -> Part:
    """The table of several numbers of partitions, with what they cost in times of the first."""
    table = Table(
        f"Latency at {rate:,.0f} events/s by the topic's partitions",
        ["", *(f"{number} partitions" for number in trials)],
    )
    committed = {number: percentiles([each for each, _ in found.delays]) for number, found in trials.items()}
    for name in PERCENTILES:
        table.rows.append((f"produced → committed, {name} (s)", *(each[name] for each in committed.values())))
    for part in PARTS:
        table.rows.append((f"CPU, {part} (% of one core)", *(found.cpu[part] for found in trials.values())))
    for name, parts in (("landfall land", PARTS[:3]), ("all", PARTS)):
        cpu = [sum(found.cpu[part] for part in parts) for found in trials.values()]
        table.rows.append((f"CPU, {name} (% of one core)", *cpu))
        table.rows.append((f"CPU, {name}, times the first", *(each / cpu[0] for each in cpu)))
    raw = {
        str(number): {"events": len(found.delays), "committed": committed[number], "cpu_percent": found.cpu}
        for number, found in trials.items()
    }
    return Part("latency", [table], raw)


def summary(rate: float, trigger: float, found: list[tuple[float, float]], cpu: dict[str, float]) -> Part:
    """The table of percentiles, with what it cost meanwhile (per cent of one core, by part)."""
    committed, readable = (percentiles(list(column)) for column in zip(*found, strict=True))
    title = f"Latency at {rate:,.0f} events/s, trigger {trigger:g} s, {len(found):,} events (seconds)"
    table = Table(title, ["", *PERCENTILES])
    table.rows.append(("produced → committed", *committed.values()))
    table.rows.append(("produced → load finished, readable by models", *readable.values()))
    shares = ", ".join(f"{part} {share:.0f}" for part, share in cpu.items())
    table.notes.append(f"CPU meanwhile, % of one core: {shares}; together {sum(cpu.values()):.0f}")
    raw = {"events": len(found), "committed": committed, "readable": readable, "cpu_percent": cpu}
    return Part("latency", [table], raw)
