"""Landing on Spark's standalone cluster: each event once, whatever is lost of the cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jvm.jars import spark_jars
from landfall.layout import PROJECT, venv_bin
from tests.conftest import Connection
from tests.landing.command import Command, count, positions
from tests.landing.spark_cluster import SparkCluster
from tests.landing.streams import wait_until

LANDED = "select count(*) from landing.product_views"
STREAM = ("--stream", "product_views")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    found = SparkCluster(tmp_path_factory.mktemp("cluster"))
    try:
        found.start(workers=2)
        yield found
    finally:
        found.stop()


def assert_each_once(landing: Connection) -> None:
    """Each offset up to which the ledger stands is a row, landed or quarantined, and no other."""
    rows, distinct = positions(landing)
    ends = count(landing, "select sum(next_offset - first_offset) from landing.offsets where stream = 'product_views'")
    assert rows == distinct == ends


def test_it_lands_on_a_cluster_whose_executors_and_application_are_lost(
    cluster: SparkCluster, command: Command, events: Callable[[int], None], landing: Connection
) -> None:
    before = count(landing, LANDED)
    events(200)
    process = command.start(*STREAM, "--master", cluster.master, environ=cluster.environ)
    wait_until(lambda: count(landing, LANDED) >= before + 200, "it lands", 240)
    assert [app["cores"] for app in cluster.state()["activeapps"]] == [2]
    for executor in cluster.executors():
        executor.kill()
    events(200)
    wait_until(lambda: count(landing, LANDED) >= before + 400, "it lands on other executors", 240)
    cluster.end_application()
    assert process.wait(240) == 1
    assert "Spark's application has ended" in command.log(0).read_text()
    events(200)
    again = command.start("--once", *STREAM, environ={**cluster.environ, "LANDFALL_SPARK_MASTER": cluster.master})
    assert again.wait(240) == 0
    assert count(landing, LANDED) >= before + 600
    assert_each_once(landing)


def test_a_cluster_without_a_worker_is_said_and_landing_goes_on_once_there_is_one(
    cluster: SparkCluster, command: Command, events: Callable[[int], None], landing: Connection
) -> None:
    before = count(landing, LANDED)
    process = command.start(*STREAM, "--master", cluster.master, environ=cluster.environ)
    events(100)
    wait_until(lambda: count(landing, LANDED) >= before + 100, "it lands", 240)
    cluster.stop_workers()
    events(100)
    wait_until(lambda: "has given no executor for" in command.log(0).read_text(), "it says that nothing runs it", 240)
    cluster.add_worker("another")
    wait_until(lambda: count(landing, LANDED) >= before + 200, "it lands on a new worker", 240)
    process.terminate()
    assert process.wait(240) == 0
    assert_each_once(landing)


def test_spark_submit_s_own_master_is_used_and_executors_need_nothing_but_the_archive(
    cluster: SparkCluster, command: Command, events: Callable[[int], None], landing: Connection, tmp_path: Path
) -> None:
    archive = tmp_path / "landfall.tar.gz"
    subprocess.run([str(venv_bin() / "landfall"), "package", str(archive)], check=True)
    before = count(landing, LANDED)
    events(100)
    bare_python = {"PYSPARK_PYTHON": sys._base_executable, "PYSPARK_DRIVER_PYTHON": sys.executable}  # type: ignore[attr-defined]
    submit = [str(venv_bin() / "spark-submit"), "--master", cluster.master, "--name", "submitted"]
    submit += ["--driver-class-path", ":".join(map(str, spark_jars()))]
    submit += ["--archives", f"{archive}#landfall", "--conf", "spark.executorEnv.PYTHONPATH=./landfall"]
    land = str(PROJECT / "cli" / "commands" / "land.py")
    process = command.run(*submit, land, "--once", *STREAM, environ={**cluster.environ, **bare_python})
    assert process.wait(240) == 0
    assert count(landing, LANDED) >= before + 100
    assert_each_once(landing)
    assert "submitted" in [app["name"] for app in cluster.state()["completedapps"]]


def test_a_master_that_cannot_be_one_is_a_sentence(command: Command) -> None:
    assert command.start("--master", "mesos://somewhere").wait(180) == 1
    assert "LANDFALL_SPARK_MASTER" in command.log(0).read_text()
