"""What the models make of records that came in through the file door: events like others, beside a stream."""

import json
from pathlib import Path

from enrichment.enricher import enrich
from landing_stream.contract import load_contracts
from landing_stream.files import find_files
from landing_stream.ingest import ingest
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event


def request(event_id: str, at: str, status: str = "200") -> Event:
    return {"event_id": event_id, "timestamp": at, "action": "checkout", "status_code": status, "product_id": "p"}


def test_a_file_of_last_year_counts_and_moves_no_watermark(warehouse: Warehouse, tmp_path: Path) -> None:
    def complete() -> list[tuple[str, bool]]:
        return warehouse.rows(
            "select to_char(window_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), is_complete"
            " from marts.kpi_web_payment_errors_5min order by 1"
        )

    # a watermark is that of the slowest of the three partitions
    warehouse.land("web_logs", [request("a", "2026-03-28 10:00:00")])
    warehouse.land("web_logs", [request(name, "2026-03-28 11:00:00") for name in "bcd"])
    warehouse.run()
    topic = [("2026-03-28 10:00", True), ("2026-03-28 11:00", False)]
    assert complete() == topic
    lines = [request("old", "2025-03-28 10:00:00", "many"), request("a", "2026-03-28 10:00:00")]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found, _ = find_files(warehouse.settings, [str(tmp_path)])
    assert ingest(warehouse.settings, load_contracts()["web_logs"], found) == []
    enrich(warehouse.settings)
    warehouse.run()
    assert complete() == [("2025-03-28 10:00", True), *topic]
    # of the file alone: the events beside it were landed without slices
    account = "select sum(landed), sum(winners), sum(duplicates), sum(unexplained_rows) from ops.reconciliation"
    assert warehouse.rows(f"{account} where stream = 'web_logs'") == [(2, 1, 1, 0)]
    odd = "select newest_kafka_timestamp > now() - interval '1 day' from ops.data_quality where issue = 'bad_cast'"
    assert warehouse.rows(odd) == [(True,)]
    assert warehouse.one("select bool_and(not is_from_future) from marts.fct_web_requests")
