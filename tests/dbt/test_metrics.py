"""The semantic layer: `mf query` returns what the marts show."""

import csv
import datetime as dt
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from landfall.layout import venv_bin
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse
from tests.dbt.events import job_events, shop_events, web_requests

REQUESTS = [
    {**request, "status_code": "503" if number % 3 == 0 else "200"}
    for number, request in enumerate(web_requests(300, seed=43))
]
Query = Callable[[str, str], list[dict[str, str]]]


@pytest.fixture
def query(warehouse: Warehouse, environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path) -> Query:
    """query(metrics, group_by) → rows, as `mf query` typed in the project's folder gives them."""
    warehouse.land("product_views", shop_events(400, seed=41))
    warehouse.land("job_tracking", job_events(200, seed=42))
    warehouse.land("web_logs", REQUESTS)
    warehouse.run()
    # of its own: mf reads what the project was last parsed for, and set-up parsed it for another database
    project = tmp_path / "dbt_project"
    shutil.copytree(warehouse.dbt.project, project, ignore=shutil.ignore_patterns("logs"))
    environ = {**environ_of(warehouse.settings), "DBT_PROFILES_DIR": str(project)}
    subprocess.run([str(venv_bin() / "dbt"), "--quiet", "parse"], cwd=project, env=environ, check=True)

    def ask(metrics: str, group_by: str) -> list[dict[str, str]]:
        found = tmp_path / "found.csv"
        done = subprocess.run(
            [str(venv_bin() / "mf"), "query", "--metrics", metrics, "--group-by", group_by, "--csv", str(found)],
            cwd=project,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with found.open(newline="") as file:
            return list(csv.DictReader(file))

    return ask


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])


def test_metrics_agree_with_the_marts(warehouse: Warehouse, query: Query) -> None:
    views = query("views,human_views,bot_share,visitors", "metric_time__day")
    products = warehouse.rows(
        "select event_date, sum(views)::float8, sum(human_views)::float8,"
        " (1 - sum(human_views) / sum(views))::float8 from marts.kpi_products_daily group by 1 order by 1"
    )
    found = [
        (day(row["metric_time__day"]), float(row["views"]), float(row["human_views"]), float(row["bot_share"]))
        for row in views
    ]
    assert sorted(found) == [(when, *map(pytest.approx, figures)) for when, *figures in products]
    countries = warehouse.rows("select event_date, sum(visitors) from marts.kpi_countries_daily group by 1 order by 1")
    assert [row[0] for row in countries] == sorted(day(row["metric_time__day"]) for row in views)
    assert all(0 < int(row["visitors"]) <= 20 for row in views)

    ads = query("clicks,spend,cost_per_conversion", "ad_hour__publisher_id")
    publishers = warehouse.rows(
        "select publisher_id, sum(clicks)::float8, sum(spend)::float8, (sum(spend) / sum(conversions))::float8"
        " from marts.kpi_publishers_daily group by 1 order by 1"
    )
    assert sorted(
        (int(row["ad_hour__publisher_id"]), *(float(row[name]) for name in ("clicks", "spend", "cost_per_conversion")))
        for row in ads
    ) == [(key, *map(pytest.approx, figures)) for key, *figures in publishers]

    (payments,) = query("payment_error_ratio", "metric_time__day")
    checkouts = [request for request in REQUESTS if request["action"] == "checkout"]
    failed = [request for request in checkouts if request["status_code"] == "503"]
    assert float(payments["payment_error_ratio"]) == pytest.approx(len(failed) / len(checkouts))
