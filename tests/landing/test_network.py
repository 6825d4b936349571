"""The short form of the network faults of `landfall-bench faults`: between landing and Postgres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from pyspark.sql import SparkSession

from benchmarks.fault_lab.proxy import Network
from benchmarks.fault_lab.stages import at_port
from landfall.settings import Settings
from tests.conftest import Connection
from tests.landing.command import count
from tests.landing.conftest import contract
from tests.landing.streams import Stream, wait_until


def test_each_event_lands_once_though_the_network_is_cut_silent_slow_and_loses_the_answers_to_commits(
    database: Settings, landing: Connection, spark: SparkSession, make_topic: Callable[..., str], tmp_path: Path
) -> None:
    server = conninfo_to_dict(database.as_writer.dsn)["port"]
    with Network() as network:
        link = network.link("landing–Postgres", lambda: int(str(server)))
        stream = Stream(spark, at_port(database, link.port), contract(make_topic(4)), tmp_path)
        last = 0

        def strike(begin: Callable[[], None], is_felt: Callable[[], bool]) -> None:
            """Events come before, during and after a fault that is over once it was felt."""
            nonlocal last
            begin()
            stream.number(last + 1, last + 100, partitions=4)
            wait_until(is_felt, "the fault is felt")
            link.heal()
            stream.number(last + 101, last + 200, partitions=4)
            last += 200
            wait_until(lambda: count(landing, "select count(*) from landing.things") == last, f"{last} have landed")

        with stream.landing(max_offsets=50):
            strike(lambda: None, lambda: True)
            strike(link.cut, lambda: link.refused > 0)
            strike(link.silence, lambda: link.held > 0)
            strike(lambda: link.slow(0.05), lambda: True)
            strike(lambda: link.lose_commits(skip=1, count=3), lambda: link.lost_commits == 3)
        stream.close()
    assert stream.exit_code == 0
    landed = landing.execute("select id::int from landing.things order by 1").fetchall()
    assert landed == [(number,) for number in range(1, last + 1)]
    assert count(landing, "select sum(landed) from landing.slices") == last
    assert count(landing, "select count(*) from landing.loads where state = 'open'") == 0
