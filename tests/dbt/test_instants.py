"""Times that Python has no value for: rejected where an event brings them; no reader ends where a table holds them."""

from pathlib import Path

import pyarrow.dataset as ds

from exports.export import export
from health.checks import evaluate
from landing_stream.contract import load_contracts
from landing_stream.progress import stream_statuses
from monitoring.quality import quality_metrics
from orchestration.figures import read_figures
from reports.catalog import CHARTS
from reports.write import write_report
from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event, job_events
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic

LATEST_UUID, EARLIEST_UUID = "ffffffff-ffff-1fff-8000-000000000001", "00000000-0000-1000-8000-000000000001"


def requests(*times: str) -> list[Event]:
    return [
        {"event_id": time, "timestamp": time, "user_id": "u", "action": "checkout", "product_id": "p"} for time in times
    ]


def test_an_event_out_of_bounds_is_rejected_and_counted_in_every_stream(warehouse: Warehouse) -> None:
    warehouse.land(
        "web_logs",
        requests(
            "9999-12-31T23:59:59.9999999",
            "0001-01-01T00:00:00+12:00",
            "9999-12-31T23:59:59-12:00",
            "2026-03-28T10:00:00Z",
        ),
    )
    warehouse.land("product_views", [{"id": time, "time_stamp": time} for time in ("9999999999999", "9999999999")])
    warehouse.land("job_tracking", [{"create_time": uuid} for uuid in (LATEST_UUID, EARLIEST_UUID)])
    warehouse.run()
    odd = "select stream, detail, events from ops.data_quality where issue = 'rejected' order by 1"
    assert warehouse.rows(odd) == [
        (stream, "bad_event_time", count)
        for stream, count in (("job_tracking", 2), ("product_views", 2), ("web_logs", 3))
    ]
    assert warehouse.rows("select distinct event_id from marts.fct_web_requests") == [("2026-03-28T10:00:00Z",)]
    assert warehouse.one("select count(*) from intermediate.int_product_events") == 0
    assert warehouse.one("select count(*) from marts.fct_job_events") == 0
    shown = "select left(time_text, 10) from intermediate.int_web_logs__rejected order by 1"
    assert warehouse.rows(shown) == [("0001-01-01",), ("9999-12-31",), ("9999-12-31",)]


def test_a_producer_whose_clock_is_a_year_ahead_moves_no_latest_day(warehouse: Warehouse) -> None:
    load = warehouse.land("web_logs", requests("2026-03-28T10:00:00Z"))
    ahead = warehouse.land("web_logs", requests("2026-03-28T11:00:00Z"), finish=False)
    warehouse.landing.execute(
        "update landing.web_logs set kafka_timestamp = landed_at + interval '365 days',"
        """ "timestamp" = to_char(landed_at at time zone 'UTC' + interval '365 days', 'YYYY-MM-DD"T"HH24:MI:SS')"""
        " where load_id = %s",
        (ahead.load_id,),
    )
    warehouse.finish("web_logs", ahead)
    warehouse.run()
    flagged = "select load_id, is_from_future from marts.fct_web_requests order by 1"
    assert warehouse.rows(flagged) == [(load.load_id, False), (ahead.load_id, True)]
    assert warehouse.rows("select distinct event_date from marts.kpi_web_funnel_daily_latest") == [(DAY.date(),)]
    assert warehouse.one(
        "select max(newest_event_at)::date from ops.freshness where mart = 'kpi_web_funnel_daily'"
    ) == (DAY.date())
    assert warehouse.rows("select detail, events from ops.data_quality where issue = 'from_future'") == [("(none)", 1)]
    # seen now, and not for a year to come
    assert warehouse.one("select max(newest_kafka_timestamp) <= now() from ops.data_quality")


def test_no_reader_breaks_on_what_a_mart_can_hold(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.land("job_tracking", job_events(40, seed=1))
    warehouse.land("product_views", shop_visits(seed=2))
    warehouse.land("web_logs", web_traffic(60, seed=3))
    warehouse.run()
    # rows of a release that let them in, and whatever else a hand may have written
    for relation in ("intermediate.int_product_events", "intermediate.int_web_requests", "intermediate.int_job_events"):
        for time in ("infinity", "-infinity", "12000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"):
            warehouse.reader.execute(f"select ops.make_partitions('{relation}', '{{{time}}}')".encode())
            one = f"(select event_key from {relation} where event_at between '2026-01-01' and '2027-01-01' limit 1)"
            times = f"event_at = '{time}', kafka_timestamp = '{time}', landed_at = '{time}'"
            warehouse.reader.execute(f"update {relation} set {times} where event_key = {one}".encode())
    for relation in ("int_web_funnel_users__daily", "int_product_views__daily", "int_job_events__hourly"):
        for day in ("infinity", "-infinity", "12000-01-01", "0044-03-15 BC"):
            known = "event_date between '2026-01-01' and '2027-01-01'"
            one = f"(select ctid from intermediate.{relation} where {known} limit 1)"
            warehouse.reader.execute(
                f"update intermediate.{relation} set event_date = '{day}' where ctid = {one}".encode()
            )
    warehouse.reader.execute(
        "update intermediate.int_web_requests__newest set newest_event_at = '20000-01-01 00:00:00+00'"
    )
    warehouse.reader.execute("update intermediate.int_job_events__newest set newest_event_at = 'infinity'")
    warehouse.reader.execute("update intermediate.int_job_tracking__accounts set newest_event_at = 'infinity'")
    warehouse.reader.execute(
        "insert into reference.campaign (id, created_date, start_date, end_date, close_date) values"
        " (1, 'infinity', '9999-12-31 23:59:59.9999999', '20000-01-01', '0044-03-15 BC'),"
        " (2, '9999-12-31', '9999-12-31 23:59:59-12', '0001-01-01 00:00:00+12', '2022-07-27 08:18:53.4215079'),"
        " (3, '2022-07-27 10:00:00+02', '2022-07-27T08:00', '2022-07-27 08:00:00Z', '2022-07-27 24:00:00')"
    )

    done = {each.mart: each for each in export(warehouse.settings, str(tmp_path / "all"))}
    assert done["fct_web_requests"].misfits >= 4
    assert done["fct_web_requests"].rows == warehouse.one("select count(*) from marts.fct_web_requests")
    assert done["kpi_web_funnel_daily"].rows == warehouse.one("select count(*) from marts.kpi_web_funnel_daily")
    again = export(warehouse.settings, str(tmp_path / "all"))
    assert sum(each.written for each in again) == 0
    funnel = ds.dataset(tmp_path / "all" / "kpi_web_funnel_daily").to_table()
    assert len(funnel) == done["kpi_web_funnel_daily"].rows
    assert len(write_report(warehouse.settings, tmp_path / "report")) == len(CHARTS) + 1
    assert {finding.check for finding in evaluate(warehouse.settings, warehouse.reader, None)} >= {
        "data_age",
        "usual_clicks",
    }
    assert list(quality_metrics(warehouse.reader))
    assert "newest_event" in read_figures(warehouse.reader, ["marts.kpi_jobs_hourly"])["marts.kpi_jobs_hourly"]
    assert len(stream_statuses(warehouse.reader, load_contracts().values(), None)) == len(load_contracts())

    warehouse.reader.execute("set timezone = 'UTC'")
    dates = "created_at::text, start_at::text, end_at::text, close_at::text"
    assert warehouse.rows(f"select {dates} from marts.dim_campaign order by campaign_id") == [
        (None, "9999-12-31 23:59:59.999999+00", None, None),
        ("9999-12-31 00:00:00+00", None, None, "2022-07-27 08:18:53.421507+00"),
        ("2022-07-27 08:00:00+00", "2022-07-27 08:00:00+00", "2022-07-27 08:00:00+00", "2022-07-28 00:00:00+00"),
    ]
    assert warehouse.rows("select 'infinity'::date, '-infinity'::timestamp, '20000-01-01 00:00:00+00'::timestamptz")
