"""Does each topic keep its records for longer than the landing may be away?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from health.doctor.bounds import Bounds
from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.doctor.kafka_topics import ALTER, SECONDS, admin, configs, not_described
from health.findings import Finding
from landfall.wording import duration

if TYPE_CHECKING:
    from landing_stream.contract import Contract

# How long the landing was away while records waited: a pause between two loads in which nothing came is no outage, and
# a record that its producer dates back has not waited. Merged loads remember it (warehouse/merging.py).
OUTAGE = """
select
    coalesce(
        extract(
            epoch from max(
                case
                    when l.loads > 1 then l.longest_wait
                    when l.landed_at - l.before > interval '10 seconds'
                        then least(l.landed_at - l.before, l.landed_at - s.first_record)
                end
            )
        ),
        0
    )::float8
from (
    select load_id, landed_at, loads, longest_wait, lag(landed_at) over (order by load_id) as before
    from landing.loads
    where stream = %(stream)s and door = 'stream' and kind = 'events'
) as l
cross join lateral (
    select min(p.min_kafka_timestamp) as first_record
    from landing.slices as p
    where p.stream = %(stream)s and p.load_id = l.load_id
) as s
"""
# Bytes of a partition's busiest day, by the ledger's records and by what a row takes in Postgres.
BUSIEST_DAY = """
select max(b.records) * max(r.bytes)::float8
from (
    select sum(until_offset - from_offset) as records
    from landing.slices
    where stream = %(stream)s and committed_at > clock_timestamp() - interval '7 days'
    group by kafka_partition, date_trunc('day', committed_at)
) as b
cross join (
    select sum(pg_relation_size(c.oid)) / nullif(sum(greatest(c.reltuples, 0)), 0) as bytes
    from pg_class as c inner join pg_inherits as i on i.inhrelid = c.oid
    where i.inhparent = to_regclass(%(table)s)
) as r
"""


@dataclass(frozen=True)
class Keeping:
    """How long a topic keeps records, and what asks it to. Seconds; None: for ever, or not known."""

    policy: str
    seconds: float | None
    bytes: int | None
    longest_outage: float = 0.0
    bytes_a_day: float | None = None
    reaches_back: float | None = None
    """Age of the first record that is left, where others were deleted."""


def retention(deployment: Deployment) -> list[Finding]:
    """Does each topic keep its records for longer than the landing may be away?"""
    client, contracts = admin(deployment), deployment.contracts
    there = set(client.list_topics(timeout=SECONDS).topics)
    settings = configs(client, [contract.topic for contract in contracts if contract.topic in there])
    known = history(deployment, [contract for contract in contracts if contract.topic in settings])
    first = {name: reach(deployment, name) for name, values in settings.items() if not isinstance(values, Exception)}
    findings = []
    for contract in contracts:
        values = settings.get(contract.topic)
        if values is None:
            continue  # `topics` says so
        if isinstance(values, Exception):
            findings.append(not_described(contract.topic, str(values)))
            continue
        outage, bytes_a_day = known.get(contract.stream, (0.0, None))
        keeping = Keeping(
            values["cleanup.policy"],
            None if int(values["retention.ms"]) < 0 else int(values["retention.ms"]) / 1_000,
            None if int(values["retention.bytes"]) < 0 else int(values["retention.bytes"]),
            outage,
            bytes_a_day,
            first[contract.topic],
        )
        findings += judge_retention(contract.topic, keeping, deployment.bounds)
    return findings


def history(deployment: Deployment, contracts: Sequence[Contract]) -> dict[str, tuple[float, float | None]]:
    """By stream, the longest outage in seconds and the bytes of a partition's busiest day, by the ledger; nothing where
    there is no ledger to ask."""
    import psycopg

    found: dict[str, tuple[float, float | None]] = {}
    if not (deployment.settings_or_none and deployment.settings.dsns):
        return found
    try:
        with deployment.session() as connection:
            for contract in contracts:
                named = {"stream": contract.stream, "table": f'landing."{contract.stream}"'}
                outage = connection.execute(OUTAGE, named).fetchone()
                busiest = connection.execute(BUSIEST_DAY, named).fetchone()
                found[contract.stream] = (outage[0] if outage else 0.0, busiest[0] if busiest else None)
    except psycopg.Error:
        pass  # the checks of Postgres say why
    return found


def reach(deployment: Deployment, topic: str) -> float | None:
    """Seconds since the first record that the topic still has, where earlier ones were deleted; by the partition whose
    log is the shortest."""
    from landing_stream.topics import Topics

    asked = Topics(deployment.settings.kafka.client_config())
    _, partitions = asked.describe(topic)
    cut = [partition for partition, offset in asked.earliest(topic, partitions).items() if offset > 0]
    first = asked.first_since(topic, dict.fromkeys(cut, 0)) if cut else {}
    ages = [deployment.now() - milliseconds / 1_000 for _, milliseconds in first.values() if milliseconds > 0]
    return min((age for age in ages if age >= 0), default=None)  # a time of the future is no age


def judge_retention(topic: str, keeping: Keeping, bounds: Bounds) -> list[Finding]:
    """How long an outage may be before Kafka deletes what has not landed."""
    return list(wrong_keeping(topic, keeping, bounds)) or [well(topic, f"{kept_in_words(keeping)}.")]


def wrong_keeping(topic: str, keeping: Keeping, bounds: Bounds) -> Iterator[Finding]:
    """What is wrong with how long a topic keeps its records."""
    wanted = max(bounds.retention_hours_warn * 3_600, bounds.retention_times_warn * keeping.longest_outage)
    kept, outage = kept_in_words(keeping), keeping.longest_outage
    by_time = ALTER.format(topic=topic, name="retention.ms", value=max(int(wanted), 3 * 86_400) * 1_000)
    away = f"; the landing was away for {duration(outage)} at most" if outage >= 60 else ""
    if "compact" in keeping.policy:
        message = f"cleanup.policy is {keeping.policy}: Kafka deletes a record when another one of its key comes."
        alter = ALTER.format(topic=topic, name="cleanup.policy", value="delete")
        yield error(topic, message, f"A topic of events is `delete`: `{alter}`.")
    if keeping.seconds is not None and keeping.seconds < wanted:
        wrong = error if keeping.seconds <= outage else warn
        lost = "what comes in a longer outage is deleted before it lands"
        yield wrong(topic, f"{kept}: {lost}{away}.", f"Let it keep records for longer: `{by_time}`.")
    if keeping.bytes is not None and (held := seconds_held(keeping)) is not None and held < wanted:
        wrong = error if held <= outage else warn
        size = ALTER.format(topic=topic, name="retention.bytes", value=round(keeping.bytes * wanted / held))
        message = f"{kept}, which its busiest day fills in {duration(held)}{away}."
        yield wrong(topic, message, f"Let a partition grow larger: `{size}`, as far as the brokers' disks go.")
    elif keeping.reaches_back is not None and keeping.reaches_back < min(wanted, keeping.seconds or wanted):
        message = f"{kept}, and yet its first record is {duration(keeping.reaches_back)} old: earlier ones are deleted."
        yield warn(topic, message, "Look at its retention.bytes, and at who deletes records (`kafka-delete-records`).")


def seconds_held(keeping: Keeping) -> float | None:
    """How long the records of the busiest day stay until a partition is full; None where that is not known."""
    if keeping.bytes is None or not keeping.bytes_a_day:
        return None
    return keeping.bytes / keeping.bytes_a_day * timedelta(days=1).total_seconds()


def kept_in_words(keeping: Keeping) -> str:
    """`Records are kept for 72 h, at most 2,048 MiB a partition`."""
    time = "for ever" if keeping.seconds is None else f"for {duration(keeping.seconds)}"
    return f"Records are kept {time}" + (
        "" if keeping.bytes is None else f", at most {keeping.bytes / 2**20:,.0f} MiB a partition"
    )


CHECKS = (
    DoctorCheck(
        "kafka_retention",
        "each topic's cleanup.policy, and its retention by time and by bytes against the landing's longest outage",
        "kafka",
        retention,
        SECONDS + 5,
        ("kafka", "contracts"),
    ),
)
