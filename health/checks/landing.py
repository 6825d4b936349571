"""Whether the landing keeps up with Kafka: lag in records and seconds, a standstill, gaps in the offsets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from health import gaps
from health.check import Check, every_stream
from health.context import Context
from health.findings import Finding, graded
from health.limits import Limits
from landfall.wording import at_utc, counted, duration
from landing_stream.contract import Contract
from landing_stream.progress import ledger_offsets, waiting
from landing_stream.topics import KafkaUnavailable, Topics

FIRST_KAFKA_MS = 1_293_840_000_000
"""2011, the year of Kafka's first release: a record's time before that is none."""
LAND = "Is `landfall land` running? Its log says what holds it up."

# By partition, the newest Kafka time that landed; of partitions that were quiet for the newest loads, when these began.
NEWEST_LANDED = """
with newest as (
    select last_load_id - %(newest)s as load_id from landing.streams where stream = %(stream)s
),

by_partition as (
    select kafka_partition, max(least(max_kafka_timestamp, committed_at)) as newest
    from landing.slices
    where stream = %(stream)s and load_id > (select load_id from newest)
        and topic_id in (
            select %(topic_id)s
            union all
            select topic_id from landing.histories where stream = %(stream)s and kafka_topic_id = %(topic_id)s
        )
    group by 1
),

began as (
    select min(landed_at) as landed_at
    from landing.loads
    where stream = %(stream)s and load_id > (select load_id from newest)
)

select o.kafka_partition, coalesce(p.newest, (select landed_at from began))
from landing.positions as o
left join by_partition as p using (kafka_partition)
where o.stream = %(stream)s and o.kafka_topic_id = %(topic_id)s
"""
LAST_COMMIT = """
select
    (
        select max(p.committed_at) from landing.slices as p
        where p.stream = s.stream and p.load_id > s.last_load_id - %(newest)s
    ),
    s.created_at
from landing.streams as s
where s.stream = %(stream)s
"""


@dataclass(frozen=True)
class Backlog:
    """What waits in Kafka for one stream."""

    records: int
    seconds: float
    """How long the oldest of them has waited."""


def landing_keeps_up(context: Context) -> list[Finding]:
    """Lag, standstill and gaps of every stream; where Kafka does not answer, one finding for it."""
    findings = []
    away = ""
    for stream, contract in context.contracts.items():
        if away:
            findings.append(kafka_away(contract, away))
        elif context.topics is not None:
            ((last_commit, created_at),) = context.rows(LAST_COMMIT, stream=stream) or [(None, context.now)]
            idle = None if last_commit is None else context.seconds_since(last_commit)
            try:
                backlog = read_backlog(
                    context, contract, context.topics, context.seconds_since(last_commit or created_at)
                )
            except KafkaUnavailable as error:
                away = str(error)  # each question would wait for its 10 seconds
                findings.append(kafka_away(contract, away))
            else:
                findings.append(judge_lag(stream, backlog, context.limits))
                findings.append(judge_standstill(stream, backlog, idle, context.limits))
        findings.append(read_gaps(context, stream))
    return findings


def read_backlog(context: Context, contract: Contract, topics: Topics, idle_seconds: float) -> Backlog:
    """What waits, by the topic's ends against the ledger. `idle_seconds`: since the last commit.

    Raises KafkaUnavailable.
    """
    topic = topics.offsets(contract.topic)
    left = waiting(topic, ledger_offsets(context.connection, contract.stream, topic.topic_id))
    if not left:
        return Backlog(0, 0.0)
    since = first_to_wait(newest_landed(context, contract.stream, topic.topic_id), left)
    found = topics.first_since(contract.topic, since)
    return Backlog(
        sum(map(len, left.values())),
        max(waited(context, found.get(partition), span.start, idle_seconds) for partition, span in left.items()),
    )


def waited(context: Context, first: tuple[int, int] | None, next_offset: int, idle_seconds: float) -> float:
    """Seconds that the oldest waiting record of a partition has waited, by `first`: (offset, ms) of the first record
    newer than all that landed. Where Kafka's times are not in order that is none, or one that landed: at most as long
    as nothing landed at all. So is a time that is no clock's: a producer may write any, of the year 292278994 too."""
    if first is None or first[0] < next_offset or not FIRST_KAFKA_MS <= first[1] <= context.now.timestamp() * 1_000:
        return idle_seconds
    return context.seconds_since(datetime.fromtimestamp(first[1] / 1_000, UTC))


def newest_landed(context: Context, stream: str, topic_id: UUID) -> dict[int, datetime]:
    """Partition to the newest Kafka time of what landed of it."""
    rows = context.rows(NEWEST_LANDED, stream=stream, topic_id=topic_id)
    return {partition: newest for partition, newest in rows if newest is not None}


def first_to_wait(newest: Mapping[int, datetime], partitions: Iterable[int]) -> dict[int, int]:
    """Partition to the Kafka time, in ms, from which on its records have not landed; 0 where none ever did."""
    return {p: int(newest[p].timestamp() * 1_000) + 1 if p in newest else 0 for p in partitions}


def kafka_away(contract: Contract, why: str) -> Finding:
    """Nothing can be said of the lag."""
    return Finding(
        check="landing_lag",
        subject=contract.stream,
        asset=("landing", contract.stream),
        severity="error",
        message=f"Kafka does not answer, so nobody knows what waits there: {why}.",
        advice="Look at the broker and at LANDFALL_KAFKA_BOOTSTRAP_SERVERS; the landing goes on by itself afterwards.",
        unit="records",
    )


def judge_lag(stream: str, backlog: Backlog, limits: Limits) -> Finding:
    """How much waits in Kafka, and for how long."""
    severity = graded(backlog.seconds, limits.landing_lag_warn_seconds, limits.landing_lag_error_seconds)
    message = "Every record of the topic has landed."
    if backlog.records:
        message = f"{counted(backlog.records, 'record')} in Kafka, the oldest for {duration(backlog.seconds)}."
    return Finding(
        check="landing_lag",
        subject=stream,
        asset=("landing", stream),
        severity=severity,
        message=message,
        advice="" if severity == "ok" else f"{LAND} Where it runs, more events come than it lands: give it more cores.",
        value=backlog.records,
        unit="records",
    )


def judge_standstill(stream: str, backlog: Backlog, idle_seconds: float | None, limits: Limits) -> Finding:
    """Whether nothing lands although records wait. `idle_seconds`: since the last commit; None: there never was one."""
    patience = limits.landing_stopped_seconds
    stopped = backlog.seconds >= patience and (idle_seconds is None or idle_seconds >= patience)
    since = "ever" if idle_seconds is None else f"for {duration(idle_seconds)}"
    return Finding(
        check="landing_stopped",
        subject=stream,
        asset=("landing", stream),
        severity="error" if stopped else "ok",
        message=(
            f"Nothing has landed {since}, and {counted(backlog.records, 'record')} wait in Kafka."
            if stopped
            else "Nothing waits for long."
        ),
        advice=f"{LAND} Start it again: it goes on where the ledger stands." if stopped else "",
        value=None if idle_seconds is None else round(idle_seconds, 1),
        unit="seconds",
    )


def read_gaps(context: Context, stream: str) -> Finding:
    """Offsets that Kafka deleted before they could land, or that were cut off its log."""
    found = gaps.read(context.connection, stream)
    since = context.now - timedelta(hours=context.limits.gap_alert_hours)
    fresh = [gap for gap in found if gap.detected_at > since]
    message = "No offset was lost."
    if fresh:
        message = gaps.sentences(fresh)
    elif found:
        ever, last = counted(gaps.offsets(found), "offset"), at_utc(found[-1].detected_at)
        message = f"No offset was lost lately; ever: {ever}, last noticed {last}."
    advice = [
        "Land them from a copy if the producer has one (`landfall replay`), and let the topic keep its records for"
        " longer than the landing can be away. The spans stand in landing.gaps."
        if any(gap.reason == "deleted" for gap in fresh)
        else "",
        gaps.CUT_ADVICE if any(gap.reason == "cut" for gap in fresh) else "",
    ]
    return Finding(
        check="gaps",
        subject=stream,
        asset=("landing", stream),
        severity="error" if fresh else "ok",
        message=message,
        advice=" ".join(filter(None, advice)),
        value=len(found),
        unit="spans",
    )


CHECKS = (
    Check("landing_lag", "Do records land soon after they came to Kafka?", every_stream, landing_keeps_up, "landing"),
    Check("landing_stopped", "Does anything land while records wait?", every_stream, landing_keeps_up, "landing"),
    Check("gaps", "Did Kafka lose records before they could land?", every_stream, landing_keeps_up, "landing"),
)
