"""Kafka: each way not to be let in, each topic that is missing, deletes too early or was cut."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from health.doctor.bounds import Bounds
from health.doctor.deployment import Deployment
from health.doctor.kafka_retention import Keeping, judge_retention
from health.findings import Finding
from landfall.failures import Kind, classify
from landfall.kafka_settings import KafkaSettings
from landfall.settings import Settings
from landing_stream.topics import KafkaUnavailable, Topics
from tests.conftest import Connection
from tests.doctor.conftest import found, look, only, severities
from tests.doctor.secured import PASSWORD, SecuredKafka, secured_kafka

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A broker of its own that asks for TLS and a login."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def topic_of(kafka_admin: AdminClient) -> Iterator[Callable[..., str]]:
    """topic_of({"retention.ms": 1}) -> the name of a topic with these settings, deleted after the test."""
    names: list[str] = []

    def make(config: dict[str, str], partitions: int = 1) -> str:
        name = f"doctor-{uuid4().hex[:12]}"
        wanted = NewTopic(name, num_partitions=partitions, config=config)
        kafka_admin.create_topics([wanted])[name].result(timeout=30)
        names.append(name)
        return name

    yield make
    for future in kafka_admin.delete_topics(names).values() if names else ():
        future.exception(timeout=30)


def produce(settings: Settings, topic: str, count: int, at_ms: int = 0) -> None:
    """Records into partition 0, of this time (0: now)."""
    producer = Producer(settings.kafka.client_config())
    for number in range(count):
        producer.produce(topic, str(number), partition=0, timestamp=at_ms)
    assert producer.flush(30) == 0


def at_kafka(deployment: Deployment, kafka: KafkaSettings) -> Deployment:
    """The deployment with another cluster."""
    return deployment.with_settings(replace(deployment.settings, kafka_or_none=kafka))


def refusal(deployment: Deployment, kafka: KafkaSettings) -> Finding:
    """What is said of a cluster that cannot be used so."""
    (finding,) = look(at_kafka(deployment, kafka), "kafka")["kafka"].findings
    assert finding.severity == "error", finding
    assert f"Kafka at {kafka.bootstrap_servers} does not answer: " in finding.message
    assert PASSWORD not in finding.message + finding.advice
    return finding


def test_the_local_broker_and_its_topics_are_well(settings: Settings) -> None:
    local = Deployment(settings.home, settings)
    names = ("kafka", "kafka_brokers", "kafka_topics", "kafka_retention", "kafka_clock")
    seen = look(local, *names)
    assert {name: each.findings for name, each in seen.items() if not each.is_well} == {}
    topics = {finding.subject: finding.message for finding in seen["kafka_topics"].findings}
    assert topics["web_logs"] == "6 partitions, 1 copy, min.insync.replicas 1."
    kept = {finding.subject: finding.message for finding in seen["kafka_retention"].findings}
    assert kept["web_logs"] == "Records are kept for 3 days, at most 2,048 MiB a partition."


def test_a_topic_that_is_missing(
    with_topics: Callable[..., Deployment], settings: Settings, kafka_admin: AdminClient
) -> None:
    there = with_topics(web_logs="nobody-made-it")
    finding = only(there, "kafka_topics")
    where = settings.kafka.bootstrap_servers
    assert (finding.subject, finding.severity) == ("nobody-made-it", "error")
    assert finding.message == f"Kafka at {where} has no such topic."
    assert finding.advice == "Run `landfall up`, which makes it."
    own = KafkaSettings(where.replace("127.0.0.1", "localhost"))
    elsewhere = only(at_kafka(there, own), "kafka_topics")
    assert elsewhere.advice.startswith("Run `landfall migrate --topics`")
    assert "nobody-made-it" not in kafka_admin.list_topics(timeout=10).topics


def test_a_topic_that_keeps_records_for_an_hour(
    with_topics: Callable[..., Deployment], topic_of: Callable[..., str], landing: Connection
) -> None:
    topic = topic_of({"retention.ms": str(HOUR_MS)})
    there = with_topics(web_logs=topic)
    warned = only(there, "kafka_retention")
    assert (warned.subject, warned.severity) == (topic, "warn")
    assert warned.message == (
        "Records are kept for 60 min, at most 2,048 MiB a partition: what comes in a longer outage is deleted before it"
        " lands."
    )
    assert warned.advice == (
        f"Let it keep records for longer: `kafka-configs --bootstrap-server HOST:PORT --alter --topic {topic}"
        " --add-config retention.ms=259200000`."
    )
    an_outage(landing, hours=5, waited_hours=4)
    lost = only(there, "kafka_retention")
    assert lost.severity == "error"
    assert "the landing was away for 4 h at most" in lost.message


def test_a_pause_without_events_is_no_outage(
    with_topics: Callable[..., Deployment], topic_of: Callable[..., str], landing: Connection
) -> None:
    there = with_topics(web_logs=topic_of({"retention.ms": str(48 * HOUR_MS)}))
    an_outage(landing, hours=200, waited_hours=0)
    assert only(there, "kafka_retention").severity == "ok"


def an_outage(landing: Connection, hours: int, waited_hours: int) -> None:
    """Two loads of web_logs with so much time between, the first record of the second having waited so long."""
    landing.execute("insert into landing.writers (stream, door) values ('web_logs', 'stream')")
    landing.execute(
        "insert into landing.loads (stream, load_id, door, generation, state, landed_at)"
        f" values ('web_logs', 1, 'stream', 0, 'finished', now() - interval '{hours} hours'),"
        " ('web_logs', 2, 'stream', 0, 'finished', now())".encode()
    )
    landing.execute("update landing.streams set last_load_id = 2 where stream = 'web_logs'")
    landing.execute(
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        " quarantined, holes, min_kafka_timestamp) values ('web_logs', 2, gen_random_uuid(), 0, 0, 10, 10, 0, 0,"
        f" now() - interval '{waited_hours} hours')".encode()
    )


def test_a_topic_that_compacts(with_topics: Callable[..., Deployment], topic_of: Callable[..., str]) -> None:
    topic = topic_of({"cleanup.policy": "compact"})
    finding = only(with_topics(web_logs=topic), "kafka_retention")
    assert finding.severity == "error"
    assert finding.message == ("cleanup.policy is compact: Kafka deletes a record when another one of its key comes.")
    assert (
        f"`kafka-configs --bootstrap-server HOST:PORT --alter --topic {topic} --add-config cleanup.policy=delete`"
        in finding.advice
    )


def test_a_topic_that_a_busy_day_fills() -> None:
    bounds, day = Bounds(), 86_400.0
    small = Keeping("delete", 3 * day, 100 * 2**20, 0.0, bytes_a_day=1_000 * 2**20)
    (finding,) = judge_retention("web_logs", small, bounds)
    assert finding.severity == "warn"
    assert finding.message == (
        "Records are kept for 3 days, at most 100 MiB a partition, which its busiest day fills in 2 h 24 min."
    )
    assert "retention.bytes=1048576000`" in finding.advice
    (lost,) = judge_retention("web_logs", replace(small, longest_outage=4 * 3_600.0), bounds)
    assert lost.severity == "error"


def test_the_busiest_day_is_read_from_the_ledger(
    with_topics: Callable[..., Deployment], topic_of: Callable[..., str], landing: Connection
) -> None:
    there = with_topics(web_logs=topic_of({"retention.bytes": "20000"}))
    an_outage(landing, hours=0, waited_hours=0)
    assert only(there, "kafka_retention").severity == "ok"
    landing.execute("create table landing.web_logs_20260328 (like landing.web_logs including all)")
    landing.execute(
        "alter table landing.web_logs attach partition landing.web_logs_20260328 for values from ('2026-03-28') to"
        " ('2026-03-29')"
    )
    landing.execute(
        "insert into landing.web_logs (load_id, topic_id, kafka_partition, kafka_offset, landed_at, action)"
        " select 1, gen_random_uuid(), 0, n, '2026-03-28', repeat('x', 1000) from generate_series(1, 100) as n"
    )
    landing.execute("analyze landing.web_logs_20260328")
    landing.execute("update landing.slices set until_offset = 1000, landed = 1000")
    finding = only(there, "kafka_retention")
    assert (finding.severity, "which its busiest day fills in " in finding.message) == ("warn", True), finding


def test_a_log_that_was_cut_above_what_has_landed_and_one_that_lost_records(
    with_topics: Callable[..., Deployment],
    topic_of: Callable[..., str],
    landing: Connection,
    settings: Settings,
    kafka_admin: AdminClient,
) -> None:
    topic = topic_of({})
    there = with_topics(web_logs=topic)
    produce(settings, topic, 10)
    topic_id, _ = Topics(settings.kafka.client_config()).describe(topic)
    row = "insert into landing.offsets values ('web_logs', %s, 0, 0, 3)"
    landing.execute(row, (topic_id,))
    assert only(there, "kafka_positions").severity == "ok"
    for future in kafka_admin.delete_records([TopicPartition(topic, 0, 7)]).values():
        future.result(timeout=30)
    cut = only(there, "kafka_positions")
    assert cut.severity == "error"
    assert cut.message == "Kafka has deleted 4 offsets of 1 partition that have not landed: they are lost here."
    short = only(there, "kafka_retention")
    assert (short.severity, "and yet its first record is" in short.message) == ("warn", True), short
    landing.execute("update landing.offsets set next_offset = 30 where topic_id = %s", (topic_id,))
    ahead = only(there, "kafka_positions")
    assert ahead.message == (
        "Kafka's log was cut beneath what has landed: partition 0 ends at offset 10, and all below 30 has landed."
    )
    assert ahead.advice.startswith("`landfall land` lands what is there, once")
    landing.execute(
        "update landing.offsets set next_offset = 10, last_offset = 9, last_digest = 4711 where topic_id = %s",
        (topic_id,),
    )
    grown = only(there, "kafka_positions")
    assert grown.message == (
        "Kafka's log was cut beneath what has landed: partition 0 has another record at offset 9 than has landed."
    )
    landing.execute("update landing.offsets set last_offset = null where topic_id = %s", (topic_id,))
    landing.execute("insert into landing.gaps values ('web_logs', %s, 0, 3, 10, default, 'cut')", (topic_id,))
    recorded = only(there, "kafka_positions")
    assert recorded.severity == "error"
    assert "partition 0 offsets 3 to 9 of the old log had landed and stay" in recorded.message


def test_more_copies_wanted_than_there_are(
    with_topics: Callable[..., Deployment], topic_of: Callable[..., str]
) -> None:
    finding = only(with_topics(web_logs=topic_of({"min.insync.replicas": "2"})), "kafka_topics")
    assert finding.severity == "error"
    assert finding.message == (
        "1 partition, 1 copy, min.insync.replicas 2: no producer that waits for all (acks=all) can write."
    )


def test_records_of_the_future(
    with_topics: Callable[..., Deployment], topic_of: Callable[..., str], settings: Settings
) -> None:
    topic, by_broker = topic_of({}), topic_of({"message.timestamp.type": "LogAppendTime"})
    produce(settings, topic, 1, int((time.time() + 600) * 1_000))
    produce(settings, by_broker, 1)
    there = with_topics(web_logs=topic, job_tracking=by_broker)
    finding = only(there, "kafka_clock")
    assert (finding.subject, finding.severity) == (topic, "warn")
    assert finding.message == (
        "Its newest record is 10 min ahead of this machine's clock, by the clock of a producer, or a time that it made"
        " up."
    )
    behind = found(replace(there, now=lambda: time.time() - 90), "kafka_clock")
    assert severities(behind) == {topic: "warn", by_broker: "error"}
    assert "by the broker's clock" in behind[by_broker].message


def test_a_cluster_that_lets_in(
    secured: SecuredKafka, deployment: Deployment, with_topics: Callable[..., Deployment]
) -> None:
    name = f"doctor-{uuid4().hex[:12]}"
    secured.make_topic(name, (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS))
    there = at_kafka(with_topics(web_logs=name), secured.settings)
    assert {
        each.check.name for each in look(there, "kafka_topics", "kafka_brokers").values() if not each.is_well
    } == set()


def test_each_way_not_to_be_let_in_has_its_sentence(secured: SecuredKafka, deployment: Deployment) -> None:
    wrong = refusal(deployment, secured.but(sasl_password="wrong"))
    assert wrong.message.endswith("it does not take this login.")
    assert "LANDFALL_KAFKA_SASL_USERNAME and LANDFALL_KAFKA_SASL_PASSWORD" in wrong.advice
    other = refusal(deployment, secured.but(sasl_mechanism="SCRAM-SHA-512"))
    assert other.message.endswith("it does not offer the mechanism that is set.")
    assert "LANDFALL_KAFKA_SASL_MECHANISM" in other.advice
    authority = refusal(deployment, secured.but(ssl_ca_location=str(secured.certificates.other_authority)))
    assert "its certificate is not of an authority that is trusted here" in authority.message
    assert "LANDFALL_KAFKA_SSL_CA_LOCATION" in authority.advice
    host = refusal(deployment, secured.but(bootstrap_servers=f"127.0.0.1:{secured.port}"))
    assert host.message.endswith("its certificate is for another host than 127.0.0.1.")
    assert "LANDFALL_KAFKA_BOOTSTRAP_SERVERS" in host.advice
    plain = refusal(deployment, KafkaSettings(f"localhost:{secured.port}"))
    assert "it ends the connection at the first word" in plain.message
    assert "LANDFALL_KAFKA_SECURITY_PROTOCOL" in plain.advice
    no_tls = refusal(deployment, secured.but(bootstrap_servers=f"127.0.0.1:{secured.plain_port}"))
    assert no_tls.message.endswith("it speaks no TLS at this port.")
    nowhere = refusal(deployment, secured.but(bootstrap_servers="no-such-host.invalid:9093"))
    assert nowhere.message.endswith("there is no host of this name.")
    nobody = refusal(deployment, KafkaSettings("127.0.0.1:1"))
    assert nobody.message.endswith("nobody listens there.")
    assert nobody.advice == "Start the broker, or set LANDFALL_KAFKA_BOOTSTRAP_SERVERS to where it listens."


def test_the_landing_says_it_in_the_same_words_and_asks_for_a_person_where_waiting_is_no_help(
    secured: SecuredKafka,
) -> None:
    other_authority = str(secured.certificates.other_authority)
    for settings, says, kind in (
        (secured.but(sasl_password="wrong"), "it does not take this login. Look at LANDFALL_KAFKA_SASL", Kind.PERSON),
        (secured.but(ssl_ca_location=other_authority), "Set LANDFALL_KAFKA_SSL_CA_LOCATION", Kind.PERSON),
        (secured.but(bootstrap_servers=f"127.0.0.1:{secured.port}"), "certificate is for another host", Kind.PERSON),
        (KafkaSettings("127.0.0.1:1"), "nobody listens there", Kind.PASSING),
    ):
        with pytest.raises(
            KafkaUnavailable, match=re.escape(f"topic things: Kafka at {settings.bootstrap_servers}")
        ) as no:
            Topics(settings.client_config()).describe("things")
        assert says in str(no.value)
        assert PASSWORD not in str(no.value)
        assert classify(no.value).kind is kind


def test_a_login_without_rights_to_a_topic(secured: SecuredKafka, with_topics: Callable[..., Deployment]) -> None:
    hidden, read, seen = (f"doctor-{uuid4().hex[:12]}" for _ in range(3))
    secured.make_topic(hidden)
    secured.make_topic(seen, (AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS))
    secured.make_topic(read, (AclOperation.READ,))
    there = at_kafka(with_topics(web_logs=hidden, job_tracking=read, product_views=seen), secured.settings)
    findings = found(there, "kafka_topics")
    assert severities(findings) == {hidden: "error", read: "warn", seen: "error"}
    where = secured.settings.bootstrap_servers
    assert findings[hidden].message == f"Kafka at {where} shows no such topic to reader."
    assert "let this login (LANDFALL_KAFKA_SASL_USERNAME) read it: `landfall acls` prints" in findings[hidden].advice
    assert findings[seen].message == "This login may see it, and not read it: nothing of it can land."
    assert findings[read].message.startswith("Kafka does not say how it is set: ")
    assert "DescribeConfigs" in findings[read].advice


def test_no_kafka_yet_is_no_fault(deployment: Deployment) -> None:
    none = deployment.with_settings(replace(deployment.settings, kafka_or_none=None))
    (finding,) = look(none, "kafka")["kafka"].findings
    assert (finding.severity, finding.advice.startswith("`landfall up` starts one here")) == ("warn", True)
