"""Every metric that the exporter serves: its name, kind, labels and meaning. The reference of docs/ is made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from monitoring.histogram import Histogram

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Described:
    """A metric. `labels` in the order in which values are given."""

    kind: Kind
    labels: tuple[str, ...]
    meaning: str


CATALOGUE: Mapping[str, Described] = {
    "landfall_up": Described(
        "gauge",
        ("source",),
        "1 where the source answered, else 0: postgres, kafka, quality (marts, quarantine), health (checks).",
    ),
    "landfall_source_read_seconds": Described("gauge", ("source",), "How long the newest answer of the source took."),
    "landfall_landing_records_total": Described(
        "counter",
        ("stream", "outcome"),
        "Offsets of Kafka that finished loads account for: landed, quarantined, or hole (none there: compacted).",
    ),
    "landfall_landing_loads_total": Described(
        "counter", ("stream", "state"), "Loads that ended: finished, or sealed (left open by a writer that died)."
    ),
    "landfall_landing_open_loads": Described("gauge", ("stream",), "Loads being written now; readers stop below them."),
    "landfall_landing_lag_records": Described("gauge", ("stream",), "Records in Kafka that have not landed."),
    "landfall_landing_gap_records_total": Described(
        "counter", ("stream",), "Offsets that Kafka deleted before they could land. They are lost."
    ),
    "landfall_landing_cut_records_total": Described(
        "counter",
        ("stream",),
        "Offsets that had landed and were cut off Kafka's log. What stood behind them is lost, however much that was.",
    ),
    "landfall_landing_last_success_timestamp_seconds": Described(
        "gauge", ("stream",), "When the newest finished load with events ended. Stands still without events."
    ),
    "landfall_landing_load_duration_seconds": Described(
        "histogram", ("stream",), "From the start of a load to its end, of loads finished since the exporter started."
    ),
    "landfall_landing_lateness_seconds": Described(
        "histogram",
        ("stream",),
        "From a record's Kafka timestamp to its commit, since the exporter started; a slice's records are taken as"
        " evenly spread between its oldest and its newest.",
    ),
    "landfall_enrichment_loads_behind": Described(
        "gauge", ("stream",), "Landed loads that are not enriched yet; models wait for them."
    ),
    "landfall_models_behind": Described("gauge", ("stream",), "Relations of models that have not read all there is."),
    "landfall_models_loads_behind": Described(
        "gauge", ("stream",), "Loads that the furthest-behind relation has not read."
    ),
    "landfall_refreshes_total": Described(
        "counter", ("started_by", "outcome"), "Ended dbt runs and builds since the exporter started: ok or failed."
    ),
    "landfall_refresh_duration_seconds": Described(
        "histogram", ("started_by",), "Length of dbt runs and builds since the exporter started."
    ),
    "landfall_refresh_rows_total": Described(
        "counter", ("started_by",), "Rows that dbt runs and builds wrote since the exporter started."
    ),
    "landfall_refresh_last_success_timestamp_seconds": Described(
        "gauge", ("started_by",), "When the newest dbt run or build without failure ended."
    ),
    "landfall_mart_newest_event_timestamp_seconds": Described(
        "gauge", ("relation", "stream"), "Event time of the newest event that the mart holds."
    ),
    "landfall_mart_loads_behind": Described(
        "gauge", ("relation", "stream"), "Loads of the stream that the mart does not hold yet."
    ),
    "landfall_quarantine_waiting_records": Described(
        "gauge", ("stream", "reason"), "Records in quarantine that were not replayed."
    ),
    "landfall_events_set_apart": Described(
        "gauge", ("stream", "model"), "Events that no mart counts because the model failed on them."
    ),
    "landfall_tests": Described("gauge", ("status",), "dbt tests by their newest result."),
    "landfall_test_not_passed": Described(
        "gauge", ("check", "status"), "1 for each dbt test whose newest result is warn, fail or error."
    ),
    "landfall_tests_last_run_timestamp_seconds": Described("gauge", (), "When the newest dbt test ended."),
    "landfall_health_findings": Described("gauge", ("severity",), "Findings of the health checks: ok, warn, error."),
    "landfall_health_finding": Described(
        "gauge", ("check", "subject", "severity"), "1 for each finding of the health checks that is warn or error."
    ),
}


def family(name: str, values: Mapping[Any, int | float]) -> Metric:
    """A counter or gauge of the catalogue with these samples, by a tuple of label values."""
    known = CATALOGUE[name]
    kind = CounterMetricFamily if known.kind == "counter" else GaugeMetricFamily
    found = kind(name, known.meaning, labels=known.labels)
    for labels, value in values.items():
        found.add_metric(labels, value)
    return found


def histogram_family(name: str, values: Mapping[Any, Histogram]) -> Metric:
    """A histogram of the catalogue, by a tuple of label values."""
    known = CATALOGUE[name]
    found = HistogramMetricFamily(name, known.meaning, labels=known.labels)
    for labels, histogram in values.items():
        found.add_metric(labels, histogram.buckets(), histogram.sum)
    return found
