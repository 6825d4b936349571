"""`landfall up` brings the servers back whatever happened to them, and nothing that was committed is lost."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from cli.prepare import up
from database.connect import connect
from landfall.processes import alive, gone, processes_in, wait_until
from landfall.settings import Settings
from local_stack.kafka import Kafka
from local_stack.postgres import Postgres
from local_stack.stack import down


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stack of this module's own, to be killed; its Postgres holds a row and its Kafka a record."""
    home = tmp_path_factory.mktemp("crashes") / "state of 'mine'"
    try:
        up(home, models=False)
        settings = Settings.of_home(home)
        with connect(settings.as_transformer) as connection:
            connection.execute("create table ops.kept as select 1 as kept")
        producer = Producer(settings.kafka.client_config())
        producer.produce("web_logs", b"kept", partition=0)
        assert producer.flush(30) == 0
        yield home
    finally:
        down(home)


def kept(home: Path) -> bool:
    """Whether both servers answer and hold what was committed before."""
    settings = Settings.of_home(home)
    with connect(settings.as_transformer) as connection:
        row = connection.execute("select kept from ops.kept").fetchone()
    consumer = Consumer({**settings.kafka.client_config(), "group.id": "kept", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition("web_logs", 0, 0)])
        message = consumer.poll(30)
    finally:
        consumer.close()
    return row == (1,) and message is not None and message.value() == b"kept"


def servers(home: Path) -> tuple[psutil.Process, psutil.Process]:
    """The running Postgres and Kafka."""
    postgres, kafka = Postgres(home / "postgres").postmaster(), Kafka(home / "kafka").broker()
    assert postgres is not None
    assert kafka is not None
    return postgres, kafka


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        process.kill()
    assert wait_until(lambda: gone(list(processes)), 60)


def test_up_repairs_after_both_servers_were_killed(home: Path) -> None:
    kill(*servers(home))
    up(home, models=False)
    assert kept(home)


def test_up_repairs_after_one_server_was_killed_and_leaves_the_other_alone(home: Path) -> None:
    postgres, kafka = servers(home)
    kill(postgres)
    up(home, models=False)
    assert kept(home)
    assert servers(home)[1].pid == kafka.pid


def test_up_is_not_misled_by_a_pid_file_whose_pid_is_another_process_now(home: Path) -> None:
    server = Postgres(home / "postgres")
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    kill(servers(home)[0])
    assert wait_until(lambda: not processes_in(server.data.resolve(), "postgres"), 60)
    user = server.user
    other = subprocess.Popen(["sleep", "600"], **(user.popen_options() if user else {}))
    try:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        up(home, models=False)
        assert kept(home)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_up_takes_other_ports_when_the_old_ones_are_taken(home: Path) -> None:
    ports = [Postgres(home / "postgres").port(), Kafka(home / "kafka").ports()[0]]
    down(home)
    with socket.create_server(("127.0.0.1", ports[0] or 0)), socket.create_server(("127.0.0.1", ports[1] or 0)):
        up(home, models=False)
        assert Postgres(home / "postgres").port() != ports[0]
        assert Kafka(home / "kafka").ports()[0] != ports[1]
        assert kept(home)


def test_two_ups_at_once_start_one_of_each_server(home: Path) -> None:
    down(home)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: up(home, models=False), range(2))
    assert first == second
    assert kept(home)


def test_the_servers_outlive_the_command_and_its_terminal(home: Path) -> None:
    down(home)
    command = [str(Path(sys.executable).parent / "landfall"), "up", "--no-models"]
    environ = {**os.environ, "LANDFALL_HOME": str(home)}
    process = subprocess.Popen(command, env=environ, start_new_session=True, stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):  # nothing is left in the command's process group
        os.killpg(process.pid, signal.SIGHUP)
    assert "Postgres  127.0.0.1:" in said
    assert all(alive(server) for server in servers(home))
    assert kept(home)


def test_down_leaves_no_process_and_is_safe_to_repeat(home: Path) -> None:
    processes = [process for server in servers(home) for process in (server, *server.children(recursive=True))]
    assert down(home) == ["Kafka", "Postgres"]
    assert wait_until(lambda: gone(processes), 60)
    assert down(home) == []
