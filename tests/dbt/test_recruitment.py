"""The daily marts of the recruitment ads, and the history of their master data."""

import csv
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from database.connect import connect
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse, wait_until, waiting_for_a_lock
from tests.dbt.events import DAY, Event, job_events, uuid_v1
from tests.dbt.recruitment import CAMPAIGN, JOB, PUBLISHER, tracks_daily
from warehouse.reference import ENTITIES, load_reference
from warehouse.refresh import keep_history

EVENTS = job_events(400, seed=31)
COMPANIES: dict[int, int | None] = {1: 10, 2: 10, 3: 20}
COLUMNS = (
    "clicks, spend, cost_per_click::float8, conversions, conversion_rate::float8, cost_per_conversion::float8,"
    " qualified, unqualified, qualified_rate::float8"
)


def mart(warehouse: Warehouse, name: str, entity: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = warehouse.rows(f"select event_date, {entity}_id, {COLUMNS} from marts.{name}")
    return {row[:2]: row[2:] for row in rows}


def test_the_daily_marts_hold_what_an_independent_count_gives(warehouse: Warehouse) -> None:
    warehouse.reader.execute("insert into reference.job (id, company_id) values (1, '10'), (2, '10.0'), (3, '20')")
    for part in range(3):
        warehouse.land("job_tracking", EVENTS[part::3])
        warehouse.run()
    assert mart(warehouse, "kpi_campaigns_daily", "campaign") == tracks_daily(EVENTS, CAMPAIGN)
    assert mart(warehouse, "kpi_publishers_daily", "publisher") == tracks_daily(EVENTS, PUBLISHER)
    assert mart(warehouse, "kpi_companies_daily", "company") == tracks_daily(EVENTS, JOB, COMPANIES.get)


def test_the_budget_is_used_up_day_by_day_and_measured_by_what_it_is_today(warehouse: Warehouse) -> None:
    clicks: list[Event] = [
        {"create_time": uuid_v1(DAY.replace(day=28 + day), 100 + day), "custom_track": "click", "campaign_id": "5",
         "bid": bid} for day, bid in enumerate(("1.5", "0.5", "1"))
    ]  # fmt: skip
    warehouse.reader.execute("insert into reference.campaign (id, budget_total) values (5, '10')")
    for click in reversed(clicks):  # the oldest comes last
        warehouse.land("job_tracking", [click])
        warehouse.run()
    used = "select budget_used from marts.kpi_campaigns_daily order by event_date"
    assert warehouse.rows(used) == [(Decimal("0.15"),), (Decimal("0.2"),), (Decimal("0.3"),)]
    warehouse.reader.execute("update reference.campaign set budget_total = '20'")
    assert [row[0] for row in warehouse.rows(used)] == [Decimal("0.075"), Decimal("0.1"), Decimal("0.15")]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[int, str]], str]:
    """folder(bids): the CSV files of master data with campaigns of these bids."""

    def make(bids: dict[int, str]) -> str:
        for entity in ENTITIES:
            columns = ["id", *entity.required, *(["bid_set"] if entity.table == "campaign" else [])]
            rows = [[str(key), "1", "100", bid] for key, bid in bids.items()] if entity.table == "campaign" else []
            with (tmp_path / f"{entity.source_name}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([columns, *(rows or [["1"] * len(columns)])])
        return str(tmp_path)

    return make


def test_what_master_data_said_before_stays_with_its_validity(
    warehouse: Warehouse, folder: Callable[[dict[int, str]], str]
) -> None:
    for bids in ({7: "0.5", 8: "1"}, {7: "0.75", 8: "1"}, {7: "0.75", 8: "1"}, {7: "0.75"}):
        load_reference(warehouse.settings, folder(bids))
        keep_history(warehouse.settings)
    versions = warehouse.rows(
        "select id, bid_set, removed_at is not null, dbt_valid_to is null,"
        " dbt_valid_from = lag(dbt_valid_to) over (partition by id order by dbt_valid_from)"
        " from snapshots.campaign_history order by id, dbt_valid_from"
    )
    assert versions == [
        (7, "0.5", False, False, None),
        (7, "0.75", False, True, True),
        (8, "1", False, False, None),
        (8, "1", True, True, True),
    ]


def test_two_runs_at_once_keep_each_version_once(
    warehouse: Warehouse,
    folder: Callable[[dict[int, str]], str],
    environ_of: Callable[[Settings], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    load_reference(warehouse.settings, folder(dict.fromkeys(range(50), "1")))
    with connect(warehouse.settings.as_transformer) as blocker:
        blocker.execute("lock table snapshots.campaign_history in share mode")
        runs = []
        for _ in range(2):
            target = str(tmp_path_factory.mktemp("target"))
            runs.append(
                subprocess.Popen(
                    ["dbt", "snapshot", "--select", "campaign_history", "--target-path", target, "--log-path", target],
                    cwd=warehouse.dbt.project,
                    env=environ_of(warehouse.settings),
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        wait_until(lambda: waiting_for_a_lock(warehouse) == 2, "one wants to write, the other waits for it")
        blocker.rollback()
        said = [run.communicate(timeout=180)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert warehouse.one("select count(*) from snapshots.campaign_history") == 50
