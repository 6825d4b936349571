"""What is old goes from Dagster and the warehouse, and what is shown as latest stays."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from database.connect import connect
from landfall.settings import Settings
from orchestration.instance import DRIVER, write_instance
from orchestration.retention import old_reports
from orchestration.upkeep.logs import cut_logs, vacuum
from orchestration.upkeep.reports import forget_reports
from orchestration.upkeep.runs import FinishedRun, files_of, forget_orphans, forget_runs, runs_to_forget
from orchestration.upkeep.ticks import forget_ticks

NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(days=30)
EARLIER = NOW - dt.timedelta(days=30)
TABLE = dg.AssetKey(["landing", "web_logs"])
BY_DAY = dg.AssetKey(["exports", "web_logs"])
CHECK = dg.AssetCheckKey(TABLE, "has_no_gaps")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster with its state in SQLite."""
    write_instance(tmp_path, environ={})
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture(params=["sqlite", "postgres"])
def any_instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Dagster with its state in SQLite, and with it in Postgres."""
    variables: dict[str, str] = {}
    if request.param == "postgres":
        database: Settings = request.getfixturevalue("database")
        variables["DAGSTER_POSTGRES_URL"] = database.as_admin.dsn.replace("postgresql://", DRIVER)
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", variables["DAGSTER_POSTGRES_URL"])
    write_instance(tmp_path, environ=variables)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@dg.asset
def seldom_made() -> None:
    """Materialized once, and never again."""


@dg.op
def hello(context: dg.OpExecutionContext) -> None:
    context.log.info("hello")


@dg.job
def greet() -> None:
    hello()


def report(instance: dg.DagsterInstance, number: int) -> None:
    """What a sensor reports of a table, number by number."""
    day = f"2026-03-{28 + number % 2}"
    instance.report_runless_asset_event(dg.AssetMaterialization(TABLE, metadata={"load_id": number}))
    instance.report_runless_asset_event(dg.AssetObservation(TABLE, metadata={"lag": number}))
    instance.report_runless_asset_event(dg.AssetMaterialization(BY_DAY, partition=day, tags={"door": "file"}))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=TABLE, check_name=CHECK.name, passed=number % 2 == 1)
    )


def counted(instance: dg.DagsterInstance) -> dict[str, int]:
    """Rows of the storage, by kind of event."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        kinds = [row.dagster_event_type for row in connection.execute(SqlEventLogStorageTable.select())]
        evaluations = len(connection.execute(AssetCheckExecutionsTable.select()).all())
    return {kind: kinds.count(kind) for kind in set(kinds)} | {"evaluations": evaluations}


def test_reports_go_and_what_is_shown_as_latest_stays(any_instance: dg.DagsterInstance) -> None:
    seldom = dg.materialize([seldom_made], instance=any_instance)
    for number in range(6):
        report(any_instance, number)

    assert forget_reports(any_instance, keep=2, dry_run=True) == (4 + 4 + 2 + 4, 4)
    assert counted(any_instance)["evaluations"] == 6
    assert forget_reports(any_instance, keep=2) == (4 + 4 + 2 + 4, 4)

    left = counted(any_instance)
    assert left["ASSET_MATERIALIZATION"] == 1 + 2 + 4, "one of a run, two of the table, two of each day"
    assert (left["ASSET_OBSERVATION"], left["ASSET_CHECK_EVALUATION"], left["evaluations"]) == (2, 2, 2)
    latest = any_instance.get_latest_materialization_event(TABLE)
    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["load_id"].value == 5
    observation = any_instance.fetch_observations(TABLE, limit=10).records[0].asset_observation
    assert observation is not None
    assert observation.metadata["lag"].value == 5
    days = any_instance.get_materialized_partitions(BY_DAY)
    assert days == {"2026-03-28", "2026-03-29"}
    [(_, evaluation)] = any_instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK]).items()
    assert evaluation.status.value == "SUCCEEDED"
    assert any_instance.get_latest_materialization_event(seldom_made.key) is not None
    assert any_instance.all_logs(seldom.run_id), "the events of runs go with their run"
    assert forget_reports(any_instance, keep=2) == (0, 0)


def test_the_second_copy_that_sqlite_keeps_of_reports_goes_too(instance: dg.DagsterInstance) -> None:
    for number in range(6):
        report(instance, number)
    forget_reports(instance, keep=2)
    with sqlite3.connect(Path(instance.root_directory) / "history" / "runs" / ".db") as copy:
        assert copy.execute("select count(*) from event_logs").fetchone() == (5,)


def tick(instance: dg.DagsterInstance, sensor: str, number: int, status: TickStatus = TickStatus.SKIPPED) -> None:
    """One look of a sensor."""
    instance.create_tick(
        TickData(
            f"{sensor} origin", sensor, InstigatorType.SENSOR, status, float(number), selector_id=sensor, run_ids=[]
        )
    )


def test_ticks_go_but_the_newest_of_each_sensor_and_outcome(any_instance: dg.DagsterInstance) -> None:
    tick(any_instance, "often", 0, TickStatus.SUCCESS)
    for number in range(1, 6):
        tick(any_instance, "often", number)
    tick(any_instance, "seldom", 0)

    def left(sensor: str) -> list[float]:
        return sorted(tick.timestamp for tick in any_instance.get_ticks(f"{sensor} origin", sensor))

    assert forget_ticks(any_instance, keep=2, dry_run=True) == 3
    assert forget_ticks(any_instance, keep=2, most=1) == 1
    assert left("often") == [0, 2, 3, 4, 5], "the oldest goes first"
    assert forget_ticks(any_instance, keep=2) == 2
    assert (left("often"), left("seldom")) == ([0, 4, 5], [0])
    assert forget_ticks(any_instance, keep=2) == 0


def test_runs_go_by_age_and_by_number_of_their_job_except_those_that_assets_are_shown_by() -> None:
    def made(number: int, job: str, days_ago: int, *, succeeded: bool = True) -> FinishedRun:
        return FinishedRun(f"{job} {number}", job, succeeded, NOW - dt.timedelta(days=days_ago))

    runs = [*(made(number, "refresh", 0) for number in range(4)), made(9, "retention", 2), made(5, "refresh", 8)]
    before = NOW - dt.timedelta(days=3)
    assert runs_to_forget(runs, before=before, keep=9) == ["refresh 5"]
    assert runs_to_forget(runs, before=before, keep=3) == ["refresh 5", "refresh 3"]
    assert runs_to_forget(runs, before=NOW, keep=9) == ["refresh 5", "retention 9"]
    assert runs_to_forget(runs, before=before, keep=3, shown={"refresh 5"}) == ["refresh 3"]
    runs[1] = made(1, "refresh", 0, succeeded=False)
    assert runs_to_forget(runs, before=before, keep=3) == ["refresh 5"], "those that failed are counted apart"


def test_old_runs_go_with_everything_they_left(instance: dg.DagsterInstance) -> None:
    shown = dg.materialize([seldom_made], instance=instance).run_id
    runs = [greet.execute_in_process(instance=instance).run_id for _ in range(3)]
    assert all(list(files_of(instance, run)) for run in runs)

    assert forget_runs(instance, before=EARLIER, keep=9) == 0
    assert forget_runs(instance, before=LATER, keep=9, dry_run=True) == 3
    assert forget_runs(instance, before=EARLIER, keep=1, most=1) == 1
    assert instance.get_run_ids() == [*runs[:0:-1], shown], "the oldest goes first"
    assert forget_runs(instance, before=LATER, keep=9) == 2

    assert instance.get_run_ids() == [shown]
    assert [list(files_of(instance, run)) for run in runs] == [[], [], []]
    assert instance.get_latest_materialization_event(seldom_made.key) is not None


def test_files_that_lost_their_run_go_after_a_day(instance: dg.DagsterInstance) -> None:
    run = greet.execute_in_process(instance=instance).run_id
    orphan = Path(instance.storage_directory()) / "01234567-89ab-4def-8123-456789abcdef"
    (orphan / "compute_logs").mkdir(parents=True)
    assert forget_orphans(instance, NOW) == 0
    assert forget_orphans(instance, LATER) == 1
    assert not orphan.exists()
    assert list(files_of(instance, run))


def test_logs_are_cut_to_their_newest_lines_and_dbts_older_ones_go(tmp_path: Path) -> None:
    log = tmp_path / "dagster" / "dagster-dev.log"
    log.parent.mkdir()
    rotated = [tmp_path / "dbt" / "logs" / name for name in ("dbt.log", "dbt.log.1")]
    rotated[0].parent.mkdir(parents=True)
    for path in rotated:
        path.write_text("x" * 100, encoding="utf-8")
    log.write_bytes(b"".join(b"line %07d\n" % number for number in range(70_000)))
    assert cut_logs(tmp_path, 1) == 100
    with log.open("ab") as writer:
        writer.write(b"line\n" * 30_000)
        assert cut_logs(tmp_path, 1) > 500_000
        writer.write(b"the newest line\n")
        writer.flush()
    lines = log.read_bytes().splitlines()
    assert lines[-1] == b"the newest line"
    assert set(map(len, lines[:-1])) == {4, 12}, "no line is broken"
    assert log.stat().st_size < 500_100
    assert [path.exists() for path in rotated] == [True, False]


def test_free_pages_go_back_to_the_disk_where_they_are_most_of_a_file(instance: dg.DagsterInstance) -> None:
    for number in range(100):
        report(instance, number)
    index = Path(instance.root_directory) / "history" / "runs" / "index.db"
    assert vacuum(instance, least_bytes=10_000) == 0
    forget_reports(instance, keep=1)
    before = index.stat().st_size
    assert vacuum(instance, least_bytes=10_000) > before / 3
    assert index.stat().st_size < before / 2
    latest = instance.get_latest_materialization_event(TABLE)
    assert latest is not None


def test_the_job_says_what_would_go_and_the_schedule_lets_it_go(defs: dg.Definitions, warehouse: Settings) -> None:
    with connect(warehouse.as_writer) as landing:
        landing.execute(
            "insert into landing.quarantine"
            " (stream, load_id, topic_id, kafka_partition, kafka_offset, landed_at, reason) values"
            " ('web_logs', 1, gen_random_uuid(), 0, 0, clock_timestamp() - interval '91 days', 'not_json')"
        )
    job = defs.resolve_job_def("retention")
    schedule = defs.resolve_schedule_def("retention_daily")
    with dg.DagsterInstance.local_temp() as instance:
        for number in range(6):
            report(instance, number)
        told = shown(job.execute_in_process(instance=instance))
        assert (told["dry_run"], told["quarantined_records"]) == (True, 1)
        context = dg.build_schedule_context(instance=instance)
        (request,) = schedule.evaluate_tick(context).run_requests or ()
        done = shown(job.execute_in_process(instance=instance, run_config=request.run_config))
        assert (done["dry_run"], done["quarantined_records"]) == (False, 1)
        assert shown(job.execute_in_process(instance=instance))["quarantined_records"] == 0
        assert old_reports(instance, warehouse)["reports"] == 0


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """What the run shows."""
    assert result.success
    (output,) = [event.step_output_data for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.metadata.items()}
