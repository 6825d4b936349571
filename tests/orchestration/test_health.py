"""Findings over a real warehouse, and how Dagster shows them."""

import datetime as dt
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from database.connect import connect
from health.checks import CHECKS, asked_of_assets, evaluate
from health.findings import Finding
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.topics import Topics
from orchestration.health import health_sensor
from tests.conftest import Connection
from tests.orchestration.conftest import Land
from warehouse.catalogue import catalogue_of
from warehouse.dbt_manifest import read_manifest

REQUEST = {"event_id": "1", "timestamp": "2026-01-01T00:00:00Z", "action": "view_product"}
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def reader(warehouse: Settings) -> Iterator[Connection]:
    with connect(warehouse.as_transformer, autocommit=True) as connection:
        yield connection


@pytest.fixture
def find(warehouse: Settings, reader: Connection, landed_so_far: None) -> Callable[..., Finding]:
    """find(check, subject, later=…): that finding, at a look so much later than now."""
    topics = Topics(warehouse.kafka.client_config())

    def find(check: str, subject: str, later: dt.timedelta = dt.timedelta()) -> Finding:
        found = evaluate(warehouse, reader, topics, dt.datetime.now(dt.UTC) + later)
        return {finding.key: finding for finding in found}[(check, subject)]

    return find


def test_a_fresh_system_is_well_and_every_check_was_made(
    warehouse: Settings, reader: Connection, landed_so_far: None
) -> None:
    found = evaluate(warehouse, reader, Topics(warehouse.kafka.client_config()))
    assert [finding for finding in found if finding.severity != "ok"] == []
    assert {finding.check for finding in found} == set(CHECKS) - {"services"}, "no service runs here"
    shown = asked_of_assets(load_contracts(), catalogue_of(read_manifest()))
    asked = {(each.check.name, each.asset) for each in shown}
    assert {(finding.check, finding.asset) for finding in found if finding.asset} == asked


def test_what_landed_and_is_in_no_mart_is_late_after_a_minute(find: Callable[..., Finding], land: Land) -> None:
    land("web_logs", [REQUEST])
    assert find("data_age", "marts.kpi_web_actions_5min").severity == "ok"
    late = find("data_age", "marts.kpi_web_actions_5min", 2 * MINUTE)
    assert late.severity == "warn"
    assert late.message == "It does not show 1 load of web_logs, the oldest of which landed 2 min ago."
    assert find("data_age", "marts.kpi_jobs_hourly", 2 * MINUTE).severity == "ok"


def test_a_stream_that_delivers_nothing_for_longer_than_its_contract_says_is_late(
    find: Callable[..., Finding], land: Land
) -> None:
    land("web_logs", [REQUEST])
    assert find("arrival", "web_logs", 59 * MINUTE).severity == "ok"
    assert find("arrival", "web_logs", 61 * MINUTE).severity == "warn"
    assert find("arrival", "web_logs", 181 * MINUTE).severity == "error"


def test_a_quarantine_that_fills_is_seen_with_its_reasons(find: Callable[..., Finding], land: Land) -> None:
    land("web_logs", [REQUEST] * 70 + [b"no json"] * 30)
    share = find("quarantine_share", "web_logs")
    assert (share.severity, share.value) == ("error", 0.3)
    assert share.message == "30 records of 100 (30.0 %) of the last 15 minutes could not be landed."
    waiting = find("quarantine_waiting", "web_logs")
    assert (waiting.severity, waiting.message) == ("ok", "30 records in quarantine: not_json 30.")
    assert find("quarantine_share", "web_logs", 20 * MINUTE).severity == "ok"


def test_a_landed_record_that_is_nowhere_is_unexplained(
    find: Callable[..., Finding], reader: Connection, land: Land
) -> None:
    load = land("web_logs", [REQUEST] * 3)
    relation = "intermediate.int_web_logs__accounts"
    reader.execute(
        "update ops.model_progress set position = %s where relation = %s and source = 'web_logs'", (load, relation)
    )
    reader.execute(
        f"insert into {relation} (load_id, landed, winners, rejected, duplicates, conflicting_duplicates)"
        " values (%s, 3, 1, 0, 1, 0)".encode(),
        (load,),
    )
    lost = find("reconciliation", "web_logs")
    assert (lost.severity, lost.value) == ("error", 1)
    assert lost.message.startswith(f"1 record of the newest 1 load are unexplained, first in load {load}")


def test_hosts_that_nobody_knows_are_named(find: Callable[..., Finding], reader: Connection) -> None:
    reader.execute(
        "insert into intermediate.int_product_views__values (kind, value, events, newest_load_id,"
        " newest_kafka_timestamp) values ('host', 'www.new-shop.example', 1234, 1, clock_timestamp()),"
        " ('event_type', 'brand_new_type', 5, 1, clock_timestamp())"
    )
    host = find("unmapped_hosts", "product_views")
    assert host.severity == "warn"
    assert host.message == ("1 unmapped host seen in the last 24 h: www.new-shop.example; 1,234 events so far.")
    assert find("unknown_event_types", "product_views").value == 1
    assert find("unmapped_hosts", "product_views", 25 * 60 * MINUTE).severity == "ok"


def test_a_failed_model_is_named_until_it_is_built(find: Callable[..., Finding], reader: Connection) -> None:
    run = (
        "insert into ops.runs (invocation_id, started_by, command, started_at, models, rows_written, warnings, skipped,"
        " failed) values (%s, 'watch', 'run', clock_timestamp(), 10, 5, 0, 2, %s)"
    )
    reader.execute(run, ("a", ["int_products"]))
    failing = find("dbt_runs", "dbt")
    assert failing.severity == "error"
    assert "1 model failed and has not been built since: int_products" in failing.message
    reader.execute(
        "insert into ops.model_progress (relation, source, position) values"
        " ('intermediate.int_products', 'product_views', 0)"
        " on conflict (relation, source) do update set updated_at = clock_timestamp()"
    )
    assert find("dbt_runs", "dbt").severity == "ok"


def test_an_hour_unlike_the_same_hour_of_the_days_before_is_seen(
    find: Callable[..., Finding], reader: Connection
) -> None:
    """Every day 1,000 requests an hour, of them 20 payments of which one fails; in the last hour 100, and all fail."""
    reader.execute(
        """
        with hours as (
            select day, date_trunc('hour', clock_timestamp() - interval '70 minutes') - day * interval '1 day' as hour
            from generate_series(0, 7) as day
        )
        insert into intermediate.int_web_actions__5min
            (window_start, action_key, action, request_count, human_request_count, server_errors, human_server_errors)
        select
            hour + minutes * interval '1 minute', md5(action)::uuid, action,
            case when action = 'search' then case day when 0 then 10 else 490 end else 10 end,
            case when action = 'search' then case day when 0 then 1 else 450 end else 10 end,
            case when action = 'search' then 0 when day = 0 then 10 else 1 end, 0
        from hours, unnest(array[0, 30]) as minutes, unnest(array['search', 'checkout']) as action
        """
    )
    reader.execute(
        "insert into intermediate.int_web_requests__newest (topic_id, kafka_partition, newest_event_at, newest_load_id)"
        " values (gen_random_uuid(), 0, clock_timestamp(), 1)"
    )
    volume = find("usual_requests", "marts.kpi_web_actions_5min")
    assert (volume.severity, volume.value) == ("warn", 40)
    assert "usual are 1,000 (median of 7 days), and 500 to 1,500 within bounds" in volume.message
    payments = find("payment_errors", "marts.kpi_web_payment_errors_5min")
    assert (payments.severity, payments.value) == ("error", 1.0)
    assert "20 of 20 payments failed (100.0 %); 10.0 % is usual" in payments.message
    # Too few to say anything about bots.
    assert find("bot_share", "marts.kpi_web_actions_5min").severity == "ok"


def test_a_check_that_cannot_be_made_is_said_and_the_others_go_on(
    find: Callable[..., Finding], reader: Connection
) -> None:
    reader.execute("drop view ops.freshness cascade")
    assert find("health", "data_age").message.startswith("The checks of data_age could not be made: relation")
    assert find("landing_lag", "web_logs").severity == "ok"


def test_a_check_can_be_run_from_its_page(defs: dg.Definitions, warehouse: Settings, landed_so_far: None) -> None:
    key = dg.AssetCheckKey(dg.AssetKey(["landing", "web_logs"]), "landing_lag")
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_check_selection={key})
    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(instance=instance)
        (evaluation,) = run.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == ("landing_lag", True)
    assert evaluation.description == "Every record of the topic has landed."


def test_the_sensor_reports_all_at_first_and_then_what_changed(
    warehouse: Settings, land: Land, landed_so_far: None
) -> None:
    asked = asked_of_assets(load_contracts(), catalogue_of(read_manifest()))
    sensor = health_sensor(asked)

    def tick(cursor: str | None) -> tuple[list[tuple[str, bool]], str | None]:
        data = sensor.evaluate_tick(dg.build_sensor_context(cursor=cursor))
        events = [event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
        return [(event.check_name, event.passed) for event in events], data.cursor

    first, cursor = tick(None)
    assert len(first) == len(asked)
    assert tick(cursor)[0] == []
    land("web_logs", [b"no json"] * 100)
    changed, cursor = tick(cursor)
    assert changed == [("quarantine_share", False)]
    assert tick(cursor)[0] == []
