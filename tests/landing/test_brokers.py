"""A cluster of three brokers: landing goes on while one is gone, whichever it is, and each event lands once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pyspark.sql import SparkSession

from landfall.settings import Settings
from local_stack.topics import create_topics
from tests.landing.brokers import three_brokers
from tests.landing.conftest import contract
from tests.landing.streams import Stream


def test_landing_goes_on_whichever_broker_dies(database: Settings, spark: SparkSession, tmp_path: Path) -> None:
    with three_brokers(tmp_path) as brokers:
        topic = brokers.make_topic("things", 6)
        stream = Stream(spark, replace(database, kafka_or_none=brokers.settings), contract(topic), tmp_path)
        try:
            with stream.landing():
                stream.number(1, 60, partitions=6)
                stream.landed(60)
                for number in (1, 2, 3):
                    brokers.kill(number)
                    if number == 1:  # a broker that is down is one that the cluster has
                        create_topics(brokers.settings, ["made-meanwhile"])
                    stream.number(60 * number + 1, 60 * (number + 1), partitions=6)
                    stream.landed(60 * (number + 1))
                    brokers.launch(number)
                    brokers.wait_until_whole(topic)
            assert stream.numbers() == list(range(1, 241))
            assert brokers.copies(topic) == brokers.copies("made-meanwhile") == ({3}, "2")
        finally:
            stream.close()
