"""The board of whoever runs Landfall: is it landing, refreshing, fresh and well? From Prometheus alone."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard

from dashboards.grafana.panels import WELL_UNTIL_ONE, bars, board, filled, lines, listed, number, promql

WINDOW = "$__rate_interval"


def operations() -> dashboard.Dashboard:
    """The board. Its metrics are those of `landfall metrics` (monitoring/catalogue.py)."""
    page = board(
        "Landfall operations",
        "landfall-operations",
        "From Kafka to the marts: what lands, how late, how far the models are, and what is wrong.",
        "now-3h",
        "15s",
    )
    rows = {
        "Now": glance(),
        "Landing: Kafka to Postgres": landing(),
        "Models: Postgres to the marts": models(),
        "Checks": checks(),
    }
    return filled(page, rows)


def glance() -> list[Any]:
    """Six figures that are green on a good day."""
    return [
        number(
            "Sources away",
            "Postgres, Kafka and the checks' views that do not answer the exporter.",
            promql("sum(1 - landfall_up)"),
            steps=WELL_UNTIL_ONE,
        ),
        number(
            "Waiting in Kafka",
            "Records of all streams that have not landed.",
            promql("sum(landfall_landing_lag_records)"),
            steps=((None, "green"), (10_000, "orange"), (100_000, "red")),
        ),
        number(
            "Landing",
            "Records a second, of all streams.",
            promql(f'sum(rate(landfall_landing_records_total{{outcome="landed"}}[{WINDOW}]))'),
            "cps",
        ),
        number(
            "Loads not in the marts",
            "Of the stream and model that are furthest behind.",
            promql("max(landfall_models_loads_behind)"),
            steps=((None, "green"), (30, "orange"), (120, "red")),
        ),
        number(
            "Last good refresh",
            "Since the newest dbt run or build without failure, whatever started it. It grows while nothing lands.",
            promql("time() - max(landfall_refresh_last_success_timestamp_seconds)"),
            "s",
        ),
        number(
            "Health errors",
            "Findings of the health checks that are errors.",
            promql('sum(landfall_health_findings{severity="error"})'),
            steps=WELL_UNTIL_ONE,
        ),
    ]


def landing() -> list[Any]:
    """What the ledger says."""
    records = f"rate(landfall_landing_records_total[{WINDOW}])"
    buckets = f"sum by (stream, le) (rate(landfall_landing_lateness_seconds_bucket[{WINDOW}]))"
    loads = f"sum by (stream, le) (rate(landfall_landing_load_duration_seconds_bucket[{WINDOW}]))"
    return [
        lines(
            "Records by outcome",
            "Landed, quarantined, or holes in the offsets. Their sum is all that Kafka had.",
            [promql(f"sum by (stream, outcome) ({records})", "{{stream}} {{outcome}}")],
            "cps",
            stacked=True,
        ),
        lines(
            "Waiting in Kafka",
            "Records that have not landed. It grows while the landing is away, and then shrinks.",
            [promql("landfall_landing_lag_records", "{{stream}}")],
            "short",
        ),
        lines(
            "Kafka timestamp to commit",
            "How late records land: the median, and the slowest twentieth.",
            [
                promql(f"histogram_quantile(0.5, {buckets})", "{{stream}} p50"),
                promql(f"histogram_quantile(0.95, {buckets})", "{{stream}} p95", "B"),
            ],
            "s",
        ),
        lines(
            "Length of a load",
            "The slowest twentieth: a load holds readers back until it ends.",
            [promql(f"histogram_quantile(0.95, {loads})", "{{stream}} p95")],
            "s",
        ),
        bars(
            "Waiting in quarantine",
            "Records that could not be landed and were not replayed: `landfall quarantine list`.",
            promql("landfall_quarantine_waiting_records", "{{stream}}: {{reason}}"),
        ),
        listed(
            "Lost and broken off",
            "Offsets that Kafka deleted before they landed, or cut off its log, in the board's time; must be none.",
            promql(
                "sum by (stream) (increase(landfall_landing_gap_records_total[$__range])"
                " + increase(landfall_landing_cut_records_total[$__range])) > 0",
                newest=True,
            ),
        ),
    ]


def models() -> list[Any]:
    """What dbt did, and how old the marts are."""
    runs = f"sum by (started_by, le) (rate(landfall_refresh_duration_seconds_bucket[{WINDOW}]))"
    return [
        lines(
            "Length of a refresh",
            "The median and the slowest twentieth, by who ran it.",
            [
                promql(f"histogram_quantile(0.5, {runs})", "{{started_by}} p50"),
                promql(f"histogram_quantile(0.95, {runs})", "{{started_by}} p95", "B"),
            ],
            "s",
        ),
        listed(
            "Events set apart",
            "No mart counts these: a model failed on them. `landfall refresh --retry-set-apart` reads them after all.",
            promql("landfall_events_set_apart > 0", newest=True),
        ),
        lines(
            "Refreshes a minute",
            "By what started them, and outcome.",
            [
                promql(
                    f"60 * sum by (started_by, outcome) (rate(landfall_refreshes_total[{WINDOW}]))",
                    "{{started_by}} {{outcome}}",
                )
            ],
            "short",
            stacked=True,
        ),
        lines(
            "Rows written",
            "By refreshes, a second.",
            [promql(f"sum by (started_by) (rate(landfall_refresh_rows_total[{WINDOW}]))", "{{started_by}}")],
            "rowsps",
        ),
        lines(
            "Loads behind",
            "Landed loads that are not enriched, and enriched ones that some model has not read.",
            [
                promql("landfall_models_loads_behind", "{{stream}} models"),
                promql("landfall_enrichment_loads_behind", "{{stream}} enrichment", "B"),
            ],
            "short",
        ),
        lines(
            "Age of the newest event",
            "In the mart that is furthest behind. It grows while no events come.",
            [promql("time() - min by (stream) (landfall_mart_newest_event_timestamp_seconds)", "{{stream}}")],
            "s",
        ),
        listed(
            "Marts behind",
            "Loads of the stream that the mart does not hold yet.",
            promql("max by (relation, stream) (landfall_mart_loads_behind) > 0", newest=True),
            sort="Value",
        ),
    ]


def checks() -> list[Any]:
    """What is wrong, by name."""
    return [
        listed(
            "Health findings",
            "Warnings and errors; `landfall status` and the checks in Dagster say them in words.",
            promql("max by (severity, check, subject) (landfall_health_finding)", newest=True),
        ),
        listed(
            "dbt tests that did not pass",
            "Their newest result; the message is in ops.test_results.",
            promql("max by (status, check) (landfall_test_not_passed)", newest=True),
        ),
        bars(
            "dbt tests by result",
            "The newest result of each.",
            promql("landfall_tests", "{{status}}"),
        ),
    ]
