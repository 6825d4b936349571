"""Topics of the contracts: there, safe against the loss of a broker, kept for as long as the landing may be away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from health.doctor.bounds import Bounds
from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.wording import counted, duration

if TYPE_CHECKING:
    from landing_stream.contract import Contract

SECONDS = 10.0
MAKE = "Run `landfall migrate --topics`, which makes it, or make it yourself, named so."
ALTER = "kafka-configs --alter --topic {topic} --add-config {name}={value}"

# How long the landing was away while records waited: a pause between two loads in which nothing came is no outage, and
# a record that its producer dates back has not waited.
OUTAGE = """
select coalesce(max(extract(epoch from least(l.landed_at - l.before, l.landed_at - s.first_record))), 0)::float8
from (
    select load_id, landed_at, lag(landed_at) over (order by load_id) as before
    from landing.loads
    where stream = %(stream)s and door = 'stream' and kind = 'events'
) as l
cross join lateral (
    select min(p.min_kafka_timestamp) as first_record
    from landing.slices as p
    where p.stream = %(stream)s and p.load_id = l.load_id
) as s
where l.before is not null and l.landed_at - l.before > interval '10 seconds'
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


def topics(deployment: Deployment) -> list[Finding]:
    """Each contract's topic: there, led, and copied."""
    client, names = admin(deployment), {contract.topic: contract.stream for contract in deployment.contracts}
    metadata = client.list_topics(timeout=SECONDS)
    found = {name: metadata.topics[name] for name in names if name in metadata.topics}
    settings, readable = configs(client, list(found)), may_read(client, list(found))
    findings = []
    for name in names:
        if name not in found:
            findings.append(missing(name, deployment))
        elif found[name].error is not None:
            findings.append(not_described(name, found[name].error.str()))
        elif not readable.get(name, True):
            findings.append(not_readable(name))
        elif isinstance(settings[name], Exception):
            findings.append(not_described(name, str(settings[name])))
        else:
            partitions = list(found[name].partitions.values())
            findings += judge_topic(name, partitions, int(settings[name]["min.insync.replicas"]), len(metadata.brokers))
    return findings


def missing(topic: str, deployment: Deployment) -> Finding:
    """A topic that is not there, or that this login may not see: a broker says the same of both."""
    kafka = deployment.settings.kafka
    if deployment.has_local_kafka:
        return error(
            topic, f"Kafka at {kafka.bootstrap_servers} has no such topic.", "Run `landfall up`, which makes it."
        )
    if kafka.sasl_username is None:
        return error(topic, f"Kafka at {kafka.bootstrap_servers} has no such topic.", MAKE)
    return error(
        topic,
        f"Kafka at {kafka.bootstrap_servers} shows no such topic to {kafka.sasl_username}.",
        f"{MAKE} Where it is there, let this login (LANDFALL_KAFKA_SASL_USERNAME) describe and read it.",
    )


def not_readable(topic: str) -> Finding:
    """A topic that this login sees and may not read."""
    message = "This login may see it, and not read it: nothing of it can land."
    return error(topic, message, "Let LANDFALL_KAFKA_SASL_USERNAME read it (an access rule READ on the topic).")


def not_described(topic: str, said: str) -> Finding:
    """A topic of which the cluster does not say how it is."""
    return warn(
        topic,
        f"Kafka does not say how it is set: {said}",
        "Let LANDFALL_KAFKA_SASL_USERNAME read it, describe it, and describe its settings (DescribeConfigs).",
    )


def admin(deployment: Deployment) -> Any:
    """A client that asks and changes nothing."""
    from confluent_kafka.admin import AdminClient

    return AdminClient({**deployment.settings.kafka.client_config(), "log_level": 0})


def configs(client: Any, names: Sequence[str]) -> dict[str, Any]:
    """By topic, its settings by name; the exception where they are not told."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    found: dict[str, Any] = {}
    futures = client.describe_configs(resources, request_timeout=SECONDS) if resources else {}
    for resource, future in futures.items():
        try:
            found[resource.name] = {name: entry.value for name, entry in future.result(timeout=SECONDS + 1).items()}
        except KafkaException as refused:
            found[resource.name] = RuntimeError(refused.args[0].str())
    return found


def may_read(client: Any, names: Sequence[str]) -> dict[str, bool]:
    """By topic, whether this login may read it; left out where the cluster does not tell."""
    from confluent_kafka import KafkaException, TopicCollection
    from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined]

    if not names:
        return {}
    asked = client.describe_topics(
        TopicCollection([*names]), include_authorized_operations=True, request_timeout=SECONDS
    )
    found = {}
    for name, future in asked.items():
        with suppress(KafkaException):
            if (operations := future.result(timeout=SECONDS + 1).authorized_operations) is not None:
                found[name] = AclOperation.READ in operations
    return found


def judge_topic(topic: str, partitions: Sequence[Any], in_sync: int, brokers: int) -> list[Finding]:
    """Leaders, copies, and how many of them a producer waits for (`in_sync`)."""
    copies = min((len(partition.replicas) for partition in partitions), default=0)
    said = (
        f"{counted(len(partitions), 'partition')}, {counted(copies, 'copy', 'copies')}, min.insync.replicas {in_sync}"
    )
    found = []
    if leaderless := [partition.id for partition in partitions if partition.leader < 0]:
        message = f"No broker leads partition {', '.join(map(str, leaderless))}: nothing of it can be read."
        found.append(error(topic, message, "Start the brokers that hold it."))
    elif behind := [partition.id for partition in partitions if len(partition.isrs) < len(partition.replicas)]:
        message = f"Copies of {counted(len(behind), 'partition')} are behind their leader or on a broker that is away."
        found.append(warn(topic, message, "Look at the brokers."))
    if in_sync > copies:
        message = f"{said}: no producer that waits for all (acks=all) can write."
        advice = f"`{ALTER.format(topic=topic, name='min.insync.replicas', value=max(copies - 1, 1))}`."
        found.append(error(topic, message, advice))
    elif copies == 1 and brokers > 1:
        message = f"{said}, on {brokers} brokers: what one broker loses is lost."
        found.append(warn(topic, message, "Give it three copies (`kafka-reassign-partitions`)."))
    elif copies > 1 and in_sync == 1:
        message = f"{said}: a broker that is lost can take acknowledged records along."
        found.append(warn(topic, message, f"`{ALTER.format(topic=topic, name='min.insync.replicas', value=2)}`."))
    elif 1 < copies == in_sync:
        message = f"{said}: producers stand still as soon as one broker is away."
        found.append(warn(topic, message, "Give it a copy more, or ask for one less."))
    return found or [well(topic, f"{said}.")]


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


def positions(deployment: Deployment) -> list[Finding]:
    """Does each topic still have what has not landed, and is it the one that the ledger knows?"""
    from landing_stream.progress import ledger_offsets
    from landing_stream.topics import KafkaRefuses, Topics

    asked = Topics(deployment.settings.kafka.client_config())
    findings = []
    with deployment.session() as connection:
        for contract in deployment.contracts:
            try:
                topic = asked.offsets(contract.topic)
            except KafkaRefuses:
                continue  # `topics` says so
            next_offsets = ledger_offsets(connection, contract.stream, topic.topic_id)
            findings += judge_positions(contract.topic, topic.earliest, topic.latest, next_offsets)
    return findings


def judge_positions(
    topic: str, earliest: Mapping[int, int], latest: Mapping[int, int], next_offsets: Mapping[int, int]
) -> list[Finding]:
    """By partition: the first offset that Kafka has, the one after its last, and the next that is to land."""
    found = []
    cut = {p: earliest[p] - offset for p, offset in next_offsets.items() if p in earliest and earliest[p] > offset}
    ahead = [p for p, offset in next_offsets.items() if p in latest and offset > latest[p]]
    if cut:
        message = (
            f"Kafka has deleted {counted(sum(cut.values()), 'offset')} of {counted(len(cut), 'partition')} that"
            " have not landed: they are lost here."
        )
        advice = (
            "Land them from a copy (`landfall replay STREAM FILE`), start `landfall land`, and let the topic keep"
            " records for longer."
        )
        found.append(error(topic, message, advice))
    if ahead:
        where = ", ".join(map(str, ahead))
        message = f"In partition {where} more has landed than Kafka has: it has lost what it acknowledged."
        advice = "Delete the topic and make it again; it is landed from its start then, and each event counted once."
        found.append(error(topic, message, advice))
    return found or [well(topic, "It has everything that is still to land.")]


CHECKS = (
    DoctorCheck(
        "kafka_topics",
        "each contract's topic: there, partitions, leaders, replication factor, min.insync.replicas",
        "kafka",
        topics,
        SECONDS + 2,
        ("kafka", "contracts"),
    ),
    DoctorCheck(
        "kafka_retention",
        "each topic's cleanup.policy, and its retention by time and by bytes against the landing's longest outage",
        "kafka",
        retention,
        SECONDS + 5,
        ("kafka", "contracts"),
    ),
    DoctorCheck(
        "kafka_positions",
        "whether each topic still has what has not landed, by the ledger",
        "kafka",
        positions,
        SECONDS + 5,
        ("kafka", "contracts", "postgres", "migrations"),
    ),
)
