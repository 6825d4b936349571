"""What a scrape of `landfall metrics` says, against a real Postgres and Kafka."""

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from landfall.kafka_settings import KafkaSettings
from landfall.layout import PROJECT
from landfall.settings import Settings
from landing_stream.ledger import Span, close_empty, draw_load, finish_load, start_writer
from monitoring.catalogue import CATALOGUE
from monitoring.collector import LandfallCollector
from tests.conftest import Connection
from tests.dbt.conftest import TOPIC, Warehouse
from tests.dbt.events import web_requests

NOBODY = "127.0.0.1:9"
Samples = dict[tuple[str, tuple[str, ...]], float]


def scrape(collector: LandfallCollector) -> Samples:
    """Samples by name and label values, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(collector)
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> Samples:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = re.sub(r"_(bucket|count|sum|created)$", "", sample.name)
            order = (*CATALOGUE[name].labels, "le")
            labels = tuple(sample.labels[label] for label in order if label in sample.labels)
            found[sample.name, labels] = sample.value
    return found


def slice_of(connection: Connection, stream: str, *, landed: int, quarantined: int, seconds: float = 1) -> None:
    """A finished load with one slice, whose records are 0 to 2 x `seconds` old, as the landing writes them."""
    writer = start_writer(connection, stream, "stream")
    load = draw_load(connection, writer)
    first = connection.execute("select coalesce(max(until_offset), 0) from landing.slices").fetchall()[0][0]
    connection.execute(
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        " quarantined, holes, min_kafka_timestamp, max_kafka_timestamp, committed_at)"
        " select %s, %s, %s, 0, %s, %s, %s, %s, 0, at - %s * interval '2 s', at, at from clock_timestamp() as t (at)",
        (stream, load.load_id, TOPIC, first, first + landed + quarantined, landed, quarantined, seconds),
    )
    finish_load(connection, writer, load)


def test_totals_grow_by_what_landed_since_and_equal_the_ledger(database: Settings, landing: Connection) -> None:
    slice_of(landing, "web_logs", landed=90, quarantined=10)
    collector = LandfallCollector(database)
    first = scrape(collector)
    assert first["landfall_landing_records_total", ("web_logs", "landed")] == 90
    assert first["landfall_landing_lateness_seconds_count", ("web_logs",)] == 0, "histograms begin with the process"

    slice_of(landing, "web_logs", landed=7, quarantined=1, seconds=1)
    writer = start_writer(landing, "web_logs", "stream")
    load = draw_load(landing, writer)
    close_empty(landing, writer, load, TOPIC, [Span(1, 0, 5)])
    still_open = scrape(collector)
    assert still_open["landfall_landing_open_loads", ("web_logs",)] == 1
    assert still_open["landfall_landing_records_total", ("web_logs", "landed")] == 97
    assert still_open["landfall_landing_records_total", ("web_logs", "hole")] == 0, "the load has not ended"
    assert still_open["landfall_landing_lateness_seconds_bucket", ("web_logs", "1.0")] == pytest.approx(4)
    assert still_open["landfall_landing_lateness_seconds_bucket", ("web_logs", "+Inf")] == 8

    finish_load(landing, writer, load)
    again, fresh = scrape(collector), scrape(LandfallCollector(database))
    for outcome, count in {"landed": 97, "quarantined": 11, "hole": 5}.items():
        key = ("landfall_landing_records_total", ("web_logs", outcome))
        assert (again[key], fresh[key]) == (count, count)
    assert again["landfall_landing_loads_total", ("web_logs", "finished")] == 3
    assert again["landfall_landing_load_duration_seconds_count", ("web_logs",)] == 2


def test_runs_checks_and_marts_show(warehouse: Warehouse) -> None:
    collector = LandfallCollector(warehouse.settings)
    scrape(collector)
    warehouse.land("web_logs", web_requests(20, seed=5))
    behind = scrape(collector)
    assert behind["landfall_models_behind", ("web_logs",)] > 0
    warehouse.run()
    warehouse.run("test", "--select", "kpi_web_status_hourly")
    found = scrape(LandfallCollector(warehouse.settings)) | scrape(collector)

    assert found["landfall_models_behind", ("web_logs",)] == 0
    assert found["landfall_refreshes_total", ("dbt", "ok")] == 1
    assert found["landfall_refresh_rows_total", ("dbt",)] > 0
    assert found["landfall_refresh_duration_seconds_count", ("dbt",)] == 1
    assert found["landfall_tests", ("pass",)] > 0
    assert {name for name, _ in found} >= {"landfall_refresh_last_success_timestamp_seconds"}
    marts = [labels[0] for name, labels in found if name == "landfall_mart_newest_event_timestamp_seconds"]
    assert "kpi_web_status_hourly" in marts
    up = [found["landfall_up", (source,)] for source in ("postgres", "kafka", "quality", "health")]
    assert up == [1, 1, 1, 1]
    assert found["landfall_health_findings", ("ok",)] > 0


def test_a_server_that_is_away_leaves_the_rest_served(database: Settings) -> None:
    without_kafka = scrape(LandfallCollector(replace(database, kafka_or_none=KafkaSettings(bootstrap_servers=NOBODY))))
    assert without_kafka["landfall_up", ("kafka",)] == 0
    assert without_kafka["landfall_up", ("postgres",)] == 1
    assert ("landfall_landing_records_total", ("web_logs", "landed")) in without_kafka

    without_postgres = scrape(LandfallCollector(database.with_dsns(transformer=f"postgresql://nobody@{NOBODY}/none")))
    assert without_postgres["landfall_up", ("kafka",)] == 1
    assert without_postgres["landfall_up", ("postgres",)] == 0


@pytest.fixture
def exporter(
    database: Settings, environ_of: Callable[[Settings], dict[str, str]]
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`landfall metrics` on a free port, and its address."""
    command = [sys.executable, "-c", "from cli.main import main; main()", "metrics", "--port", "0"]
    with subprocess.Popen(command, env=environ_of(database), stderr=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/metrics", process.stderr.readline())
        assert found is not None
        yield process, found[0]
        process.kill()


def test_the_command_serves_lag_on_loopback_and_stops_when_told(exporter: tuple[subprocess.Popen[str], str]) -> None:
    process, address = exporter
    with urllib.request.urlopen(address, timeout=120) as answer:
        samples = parsed(answer.read().decode())
    lags = [labels for name, labels in samples if name == "landfall_landing_lag_records"]
    assert sorted(lags) == [("job_tracking",), ("product_views",), ("web_logs",)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 0
