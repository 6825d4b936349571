"""The decisions of the local stack that need no server."""

import base64
import hmac
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.environment import search_path
from jvm import jars, java
from landfall.errors import UserError
from landfall.kafka_settings import KafkaSettings
from landfall.processes import free_port, last_lines, wait_while_it_moves, work_done
from landfall.state import write_private
from local_stack.kafka import cluster_id
from local_stack.postgres import cache_sizes
from local_stack.scram import scram_verifier
from local_stack.service_user import access_list
from local_stack.topics import replication


def test_the_old_port_is_kept_while_it_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken
    assert free_port(taken, taken=(taken,)) != taken


def test_a_message_about_a_program_that_ended_quotes_its_exception(tmp_path: Path) -> None:
    log = tmp_path / "program.log"
    log.write_text("starts\nlistens\n")
    assert last_lines(log, 1) == "listens"
    log.write_text(
        "starts\nTraceback (most recent call last):\n  File x, line 1\n"
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) table runs already exists\n"
        "[SQL: \nCREATE TABLE runs (\n\tid INTEGER\n)\n\n]\n(Background on this error at: https://example.org)\n"
    )
    assert last_lines(log, 1) == (
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) table runs already exists"
    )
    assert last_lines(tmp_path / "none") == "(no log)"


def sleeper(code: str) -> psutil.Process:
    """A Python process that runs `code`, when its start is behind it."""
    process = subprocess.Popen([sys.executable, "-c", f"print(flush=True)\n{code}"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline()
    return psutil.Process(process.pid)


def test_who_waits_gives_up_when_nothing_moves_and_not_before(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    lines = iter(range(1_000))

    def writes_for_a_while() -> object:
        if (line := next(lines)) < 20:
            log.write_text("x" * line)
        return work_done([], [log])

    waited = wait_while_it_moves(lambda: False, writes_for_a_while, quiet_seconds=0.3)
    assert not waited.done
    assert waited.seconds > 18 * 0.05 + 0.3, "it moved for twenty looks"
    assert 0.3 < waited.quiet_seconds < waited.seconds


def test_who_waits_is_told_at_once_and_bounds_what_gets_nowhere() -> None:
    assert wait_while_it_moves(lambda: True, lambda: 0).done
    moves = iter(range(1_000))
    waited = wait_while_it_moves(lambda: False, lambda: next(moves), quiet_seconds=5, longest_seconds=0.3)
    assert (waited.done, waited.quiet_seconds < 0.3) == (False, True)


def test_an_idle_process_does_not_pass_for_one_that_works() -> None:
    busy = sleeper("while True: pass")
    idle = sleeper("import time; time.sleep(60)")
    try:
        assert wait_while_it_moves(lambda: work_done([busy], [])[0] >= 1, lambda: work_done([busy], [])).done
        before = work_done([idle], [])
        assert not wait_while_it_moves(lambda: False, lambda: work_done([idle], []), quiet_seconds=1).done
        assert work_done([idle], []) == before
    finally:
        for process in (busy, idle):
            process.kill()
            process.wait()


def test_a_verifier_signs_the_exchange_of_rfc_7677() -> None:
    """Section 3 of it: password `pencil`, 4096 iterations, and the server's signature `v=`."""
    salt, nonce = "W22ZaJ0SNY7soEsUEjb6gQ==", "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}"
    verifier = scram_verifier("pencil", salt=base64.b64decode(salt))
    assert verifier.startswith(f"SCRAM-SHA-256$4096:{salt}$")
    server_key = base64.b64decode(verifier.rpartition(":")[2])
    signature = hmac.digest(server_key, exchange.encode(), "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(("gigabytes", "cache"), [(0.25, "128MB"), (4, "1024MB"), (24, "6144MB"), (512, "8192MB")])
def test_postgres_caches_in_a_quarter_of_the_memory(gigabytes: float, cache: str) -> None:
    assert cache_sizes(int(gigabytes * 2**30))["shared_buffers"] == cache


def test_a_private_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for text in ("first", "second"):
        write_private(path, text)
    assert path.read_text() == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    assert not any(cluster_id().startswith("-") for _ in range(500))


def test_search_path_is_not_longer_the_second_time() -> None:
    once = search_path("/usr/bin")
    assert search_path(once) == once


def test_the_first_wrong_jar_is_named() -> None:
    wanted = {"broker/a-1.jar": "11", "spark/b-2.jar": "22"}
    assert jars.difference(wanted, wanted) is None
    assert jars.difference(wanted, {"broker/a-1.jar": "11"}) == "spark/b-2.jar is missing"
    assert "broker/a-1.jar has another SHA-256" in (jars.difference(wanted, {**wanted, "broker/a-1.jar": "00"}) or "")


def test_missing_jars_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDFALL_BUILD", str(tmp_path))
    with pytest.raises(UserError, match=r"jars/spark/.*jar is missing: run `make setup`"):
        jars.spark_jars()


def test_a_download_that_fails_says_which_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDFALL_BUILD", str(tmp_path))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1")
    with pytest.raises(UserError, match=r"could not be downloaded: .*kafka_2.13.*run `make setup` again"):
        jars.fetch()
    assert not (tmp_path / "jars").exists()


def fake_jdk(home: Path, version: str) -> Path:
    """A folder that looks like a JDK; its `java` prints its arguments."""
    (home / "bin").mkdir(parents=True)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\n')
    program = home / "bin" / "java"
    program.write_text('#!/bin/sh\n[ $# = 0 ] || printf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return home


def test_a_java_of_another_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_jdk(tmp_path / "jdk11", "11.0.2")))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("LANDFALL_BUILD", str(tmp_path / "build"))
    java.java_home.cache_clear()
    try:
        with pytest.raises(UserError, match=r"jdk11 is version 11\): run `make setup`"):
            java.java_home()
        installed = fake_jdk(tmp_path / "build" / "jdk", "21.0.8")
        assert java.java_home() == installed
    finally:
        java.java_home.cache_clear()


def test_the_packaged_jdk_starts_without_the_module_it_lacks(tmp_path: Path) -> None:
    packaged = fake_jdk(tmp_path / "it's packaged", "21.0.8")
    java.write_wrapper(packaged, tmp_path / "jdk")
    assert java.major_version(tmp_path / "jdk") == 21
    program = str(tmp_path / "jdk" / "bin" / "java")
    command = [program, "-Xmx1g", "--add-modules=jdk.incubator.vector", "-cp", "a b", "Main"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["-Xmx1g", "-cp", "a b", "Main"]


def test_letting_a_user_through_adds_one_right_and_keeps_the_rest(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    os.setxattr(tmp_path, "system.posix_acl_access", access_list(tmp_path, 12345))
    assert tmp_path.stat().st_mode & 0o707 == 0o700
    again = access_list(tmp_path, 12345)
    assert os.getxattr(tmp_path, "system.posix_acl_access") == again


@pytest.mark.parametrize(
    ("factor", "in_sync", "brokers", "made"),
    [
        (None, None, 1, (1, 1)),
        (None, None, 2, (2, 1)),
        (None, None, 5, (3, 2)),
        (5, None, 5, (5, 4)),
        (3, 1, 3, (3, 1)),
    ],
)
def test_copies_of_a_topic(factor: int | None, in_sync: int | None, brokers: int, made: tuple[int, int]) -> None:
    kafka = KafkaSettings("k:9092", replication_factor=factor, min_insync_replicas=in_sync)
    assert replication(kafka, brokers) == made


def test_more_copies_than_a_cluster_holds_are_refused_by_the_setting() -> None:
    with pytest.raises(
        UserError, match=r"^LANDFALL_KAFKA_REPLICATION_FACTOR is 3, and Kafka at k:9092 has 2 brokers: "
    ):
        replication(KafkaSettings("k:9092", replication_factor=3), 2)
    with pytest.raises(UserError, match=r"^LANDFALL_KAFKA_MIN_INSYNC_REPLICAS is 3 and a topic has 2 copies: "):
        replication(KafkaSettings("k:9092", min_insync_replicas=3), 2)
