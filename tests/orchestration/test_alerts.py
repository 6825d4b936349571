"""Each alert as it is received: once, not again at the next evaluation, and once when it is well again."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace

import dagster as dg
import pytest
from confluent_kafka import Producer

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.topics import Topics
from orchestration.alerts import alerts
from tests.orchestration.conftest import Land
from tests.orchestration.receiver import Receiver, receiver

REQUEST = {"event_id": "1", "timestamp": "2026-01-01T00:00:00Z", "action": "view_product"}
Look = Callable[[], str]


@pytest.fixture
def received(warehouse: Settings, landed_so_far: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Both channels, set up to be told at once."""
    with receiver() as running:
        monkeypatch.setenv("LANDFALL_SLACK_WEBHOOK_URL", running.slack_url)
        monkeypatch.setenv("LANDFALL_ALERT_WEBHOOK_URL", running.webhook_url)
        monkeypatch.setenv("LANDFALL_ALERT_AFTER_SECONDS", "0")
        yield running


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Answers:
    """What the job and the check of `code` do."""

    well = False
    error: Exception = ValueError("the disk is full")


@dg.op
def fail_or_not() -> None:
    if not Answers.well:
        raise Answers.error


@dg.job
def export() -> None:
    fail_or_not()


@dg.asset
def report() -> None: ...


@dg.asset_check(asset=report)
def is_complete() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=Answers.well, description="3 of 4 charts were made.")


@pytest.fixture
def code() -> dg.Definitions:
    Answers.well = False
    return dg.Definitions(jobs=[export], assets=[report], asset_checks=[is_complete], sensors=[alerts])


@pytest.fixture
def look(instance: dg.DagsterInstance, code: dg.Definitions) -> Look:
    """look(): one real tick; returns what it says. The cursor goes from one to the next."""
    cursor: list[str | None] = [None]

    def look() -> str:
        context = dg.build_sensor_context(instance=instance, cursor=cursor[0], repository_def=code.get_repository_def())
        data = alerts.evaluate_tick(context)
        cursor[0] = data.cursor
        return data.skip_message or ""

    return look


def messages(received: Receiver) -> tuple[int, int]:
    return len(received.slack), len(received.webhook)


def told_once(received: Receiver, look: Look, key: str, severity: str) -> dict[str, str]:
    """The alert as received; nothing comes at the next evaluation."""
    before = messages(received)
    look()
    assert messages(received) == (before[0] + 1, before[1] + 1)
    look()
    assert messages(received) == (before[0] + 1, before[1] + 1)
    body = received.webhook[-1]
    assert (body["source"], body["version"], body["state"]) == ("landfall", 1, "wrong")
    alert = next(each for each in body["alerts"] if each["key"] == key)
    assert (alert["status"], alert["severity"]) == ("new", severity)
    assert alert["advice"]
    section = "\n".join(block["text"]["text"] for block in received.slack[-1]["blocks"] if block["type"] == "section")
    assert alert["message"].replace(">", "&gt;") in section
    assert received.slack[-1]["text"].startswith("Landfall: ")
    return dict(alert)


def told_well(received: Receiver, look: Look, key: str) -> None:
    """The message that it is well again, once."""
    look()
    before = messages(received)
    assert received.webhook[-1]["state"] == "well"
    assert received.alerts() == [("well", key)]
    assert "well again" in received.slack[-1]["text"]
    look()
    assert messages(received) == before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("the disk is full"), "ValueError: the disk is full."),
        (UserError("There is no model 'a': did you mean b?"), "UTC: There is no model 'a': did you mean b?"),
        (dg.Failure("Postgres did not answer."), "UTC: Postgres did not answer."),
    ],
)
def test_a_failed_run(
    received: Receiver,
    look: Look,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    monkeypatch.setattr(Answers, "error", error)
    export.execute_in_process(instance=instance, raise_on_error=False)
    alert = told_once(received, look, "dagster_run/export", "error")
    assert alert["message"].endswith(said)
    Answers.well = True
    export.execute_in_process(instance=instance)
    told_well(received, look, "dagster_run/export")


def test_a_failed_check(received: Receiver, look: Look, instance: dg.DagsterInstance, code: dg.Definitions) -> None:
    job = code.resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=instance)
    alert = told_once(received, look, "asset_check/report:is_complete", "error")
    assert alert["message"] == "3 of 4 charts were made."
    Answers.well = True
    job.execute_in_process(instance=instance)
    told_well(received, look, "asset_check/report:is_complete")


def test_a_stopped_landing(
    received: Receiver,
    look: Look,
    warehouse: Settings,
    make_topic: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = make_topic(partitions=2)
    contract = replace(load_contracts()["web_logs"], topic=topic)
    monkeypatch.setattr("health.checks.load_contracts", lambda: {"web_logs": contract})
    producer = Producer(warehouse.kafka.client_config())
    ten_minutes_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    for _ in range(3):
        producer.produce(topic, b"{}", partition=0, timestamp=int(ten_minutes_ago.timestamp() * 1_000))
    assert producer.flush(30) == 0
    alert = told_once(received, look, "landing_stopped/web_logs", "error")
    assert alert["message"] == "Nothing has landed ever, and 3 records wait in Kafka."
    assert set(received.alerts()) == {("new", "landing_lag/web_logs"), ("new", "landing_stopped/web_logs")}
    with connect(warehouse.as_writer, autocommit=True) as writer:
        topic_id, _ = Topics(warehouse.kafka.client_config()).describe(topic)
        writer.execute("insert into landing.offsets values ('web_logs', %s, 0, 0, 3)", (topic_id,))
    look()
    assert set(received.alerts()) == {("well", "landing_lag/web_logs"), ("well", "landing_stopped/web_logs")}


def test_a_filled_quarantine(received: Receiver, look: Look, land: Land) -> None:
    land("web_logs", [b"no json"] * 60 + [REQUEST] * 60)
    alert = told_once(received, look, "quarantine_share/web_logs", "error")
    assert alert["message"] == "60 records of 120 (50.0 %) of the last 15 minutes could not be landed."
    land("web_logs", [REQUEST] * 1_200)
    told_well(received, look, "quarantine_share/web_logs")


def test_a_channel_that_is_away_is_told_at_a_later_look(
    received: Receiver, look: Look, land: Land, caplog: pytest.LogCaptureFixture
) -> None:
    land("web_logs", [b"no json"] * 100)
    received.status = 503
    said = look()
    assert said.count("Not delivered, again at the next evaluation") == 2
    assert "SECRET" not in said + caplog.text
    assert "503" in said
    received.status = 200
    told_once(received, look, "quarantine_share/web_logs", "error")


def test_postgres_away_is_told_without_postgres(
    received: Receiver, look: Look, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDFALL_POSTGRES_DSN", "postgresql://transformer:PASSWORD@127.0.0.1:1/landfall")
    alert = told_once(received, look, "postgres/warehouse", "error")
    assert "PASSWORD" not in str(received.webhook) + str(received.slack)
    assert alert["message"].startswith("Postgres does not answer")
    monkeypatch.setenv("LANDFALL_POSTGRES_DSN", warehouse.as_transformer.dsn)
    told_well(received, look, "postgres/warehouse")


def test_alerts_that_are_open_stand_in_the_warehouse(
    received: Receiver, look: Look, land: Land, warehouse: Settings
) -> None:
    land("web_logs", [b"no json"] * 100)
    look()
    with connect(warehouse.as_transformer) as reader:
        (row,) = reader.execute("select key, severity, opened_at is not null, told from ops.alerts").fetchall()
    assert row[:3] == ("quarantine_share/web_logs", "error", True)
    assert set(row[3]) == {"slack", "webhook"}
