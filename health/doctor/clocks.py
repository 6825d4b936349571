"""Clocks of the servers against this machine's. Lags and ages are differences of two of them."""

from __future__ import annotations

from health.doctor.bounds import Bounds
from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.wording import duration

NTP = "Let both machines follow a time server (`timedatectl set-ntp true`, or chrony)."


def postgres_clock(deployment: Deployment) -> list[Finding]:
    """Postgres' clock, by which loads are dated."""
    with deployment.session() as connection:
        before = deployment.now()
        row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
        after = deployment.now()
    assert row is not None
    # The answer was made somewhere between the two readings.
    return [judge_clock("Postgres", row[0] - (before + after) / 2, (after - before) / 2, deployment.bounds)]


def judge_clock(whose: str, ahead: float, unsure: float, bounds: Bounds) -> Finding:
    """`ahead`: seconds that a clock is before this machine's, known to `unsure` seconds more or less."""
    apart = max(abs(ahead) - unsure, 0.0)
    message = (
        f"The clock of {whose} is {in_seconds(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this machine's."
    )
    if apart >= bounds.clock_seconds_error:
        return error(whose, message, NTP)
    if apart >= bounds.clock_seconds_warn:
        return warn(whose, message, NTP)
    return well(whose, f"Its clock and this machine's are less than {bounds.clock_seconds_warn:g} s apart.")


def kafka_clock(deployment: Deployment) -> list[Finding]:
    """By the newest record of each topic: a broker tells no time of its own, and asking must write nothing."""
    from confluent_kafka import KafkaException, TopicPartition
    from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

    from health.doctor.kafka_topics import admin, configs

    local = [well("Kafka", "It runs on this machine, with its clock.")] if deployment.has_local_kafka else []
    client, names = admin(deployment), [contract.topic for contract in deployment.contracts]
    metadata = client.list_topics(timeout=8).topics
    settings = configs(client, [name for name in names if name in metadata])
    found = []
    for name, values in settings.items():
        partitions = [TopicPartition(name, number) for number in metadata[name].partitions]
        asked = client.list_offsets(dict.fromkeys(partitions, OffsetSpec.max_timestamp()), request_timeout=8)
        try:
            newest = max((future.result(timeout=9).timestamp for future in asked.values()), default=-1)
        except KafkaException:
            continue  # `kafka_topics` says why
        by_broker = not isinstance(values, Exception) and values["message.timestamp.type"] == "LogAppendTime"
        if newest > 0:
            found.append(judge_newest(name, newest / 1_000 - deployment.now(), by_broker, deployment.bounds))
    wrong = [each for each in found if each.severity != "ok"]
    return wrong or local or found or [well("Kafka", "No record tells a time yet.")]


def judge_newest(topic: str, ahead: float, by_broker: bool, bounds: Bounds) -> Finding:
    """`ahead`: seconds that the newest record's time is after this machine's clock. The broker wrote it, or a producer.

    A record of the past says nothing: it may be old.
    """
    whose = "the broker's clock" if by_broker else "the clock of a producer, or a time that it made up"
    if ahead < bounds.clock_seconds_warn:
        return well(topic, f"Its newest record is not of the future, by {whose}.")
    message = f"Its newest record is {duration(ahead)} ahead of this machine's clock, by {whose}."
    advice = NTP if by_broker else f"{NTP} Until then its lag and age look better than they are."
    return (error if by_broker and ahead >= bounds.clock_seconds_error else warn)(topic, message, advice)


def in_seconds(seconds: float) -> str:
    """`1.4 s`, `3 h 20 min`."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


CHECKS = (
    DoctorCheck(
        "postgres_clock", "Postgres' clock against this machine's", "postgres", postgres_clock, 10.0, ("postgres",)
    ),
    DoctorCheck(
        "kafka_clock",
        "the newest record's time, a broker's or a producer's, against this machine's clock",
        "kafka",
        kafka_clock,
        15.0,
        ("kafka", "contracts"),
    ),
)
