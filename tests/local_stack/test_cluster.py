"""`landfall up --brokers 3`: a cluster with TLS, a login, access rules and three copies, used like the one broker."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cli.prepare import up
from landfall.errors import UserError
from landfall.kafka_reach import ask, refusal
from landfall.settings import Settings
from local_stack.kafka_cluster import KafkaCluster
from local_stack.stack import down, kafka_of, running
from tests.local_stack.test_commands import landfall


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with three brokers, started as a user does."""
    folder = tmp_path_factory.mktemp("cluster") / "home"
    started = landfall("up", "--brokers", "3", "--no-models", LANDFALL_HOME=str(folder))
    assert started.returncode == 0, started.stderr
    yield folder
    down(folder)


def brokers(home: Path) -> list[psutil.Process]:
    """Their processes."""
    found = kafka_of(home)
    assert isinstance(found, KafkaCluster)
    return [process for node in found.nodes if (process := node.broker()) is not None]


def test_it_is_used_as_one_broker_is(home: Path) -> None:
    simulated = landfall("simulate", "--count", "60", "--seed", "1", LANDFALL_HOME=str(home))
    assert simulated.returncode == 0, simulated.stderr
    said = " ".join(landfall("doctor", LANDFALL_HOME=str(home)).stdout.split())  # its lines are as wide as the screen
    assert "answers (SASL_SSL): 3 brokers." in said
    assert "6 partitions, 3 copies, min.insync.replicas 2." in said
    variables = landfall("env", LANDFALL_HOME=str(home)).stdout
    for name in ("SECURITY_PROTOCOL=SASL_SSL", "SASL_MECHANISM=SCRAM-SHA-512", "SASL_USERNAME=landfall"):
        assert f"LANDFALL_KAFKA_{name}" in variables


def test_nobody_else_is_let_in(home: Path) -> None:
    kafka = Settings.of_home(home).kafka
    wrong = replace(kafka, sasl_password="wrong").client_config()
    _, said = ask(wrong, 10)
    assert "it does not take this login" in refusal(wrong, said).why
    cluster = kafka_of(home)
    internal = [f"127.0.0.1:{port}" for node in cluster.nodes for port in node.ports()[1:]]
    for address in internal:
        without = AdminClient(
            {
                "bootstrap.servers": address,
                "security.protocol": "SSL",
                "ssl.ca.location": str(kafka.ssl_ca_location),
                "log_level": 0,
            }
        )
        with pytest.raises(KafkaException):
            without.list_topics(timeout=2)


def test_no_secret_is_seen_and_nothing_listens_elsewhere(home: Path) -> None:
    password = str(Settings.of_home(home).kafka.sasl_password)
    for process in brokers(home):
        assert password not in " ".join(process.cmdline()) + str(process.environ())
        listening = [each.laddr.ip for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
        assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    holders = [path for path in home.rglob("*") if path.is_file() and "data" not in path.parts]
    said = [path for path in holders if password in path.read_text(errors="replace")]
    assert {path.name for path in said} == {"endpoints.json", "password"}
    secret = [*said, *(home / "kafka" / "certificates").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_another_number_of_brokers_is_refused(home: Path, stack: Path) -> None:
    with pytest.raises(UserError, match=r"was made with 3 brokers: leave --brokers out, or set LANDFALL_HOME"):
        up(home, models=False, brokers=5)
    with pytest.raises(UserError, match=r"was made with 1 broker: "):
        up(stack, models=False, brokers=3)


def test_it_stops_and_starts_again_where_it_was(home: Path) -> None:
    before = Settings.of_home(home).kafka
    assert down(home) == ["Kafka", "Postgres"]
    assert running(home) == []
    up(home, models=False)
    assert Settings.of_home(home).kafka == before
    assert len(brokers(home)) == 3
