"""`landfall report`: each chart has the numbers that the events give, and is there also where there are no events."""

import datetime as dt
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from PIL import Image

from landfall.errors import UserError
from reports.catalog import CHARTS
from reports.chart import Rows, open_marts
from reports.web import Payments, payments_finding, payments_over_time
from reports.write import write_report
from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, job_events, jobs_hourly
from tests.dbt.shop_events import shop_visits
from tests.dbt.shop_kpis import ranked, seen, views_by
from tests.dbt.web_counts import bot_ips, people, read, web_traffic

NEXT_DAY = DAY.date() + dt.timedelta(days=1)
JOBS, VISITS, TRAFFIC = job_events(400, seed=1), shop_visits(seed=2), web_traffic(800, seed=3)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with events of some days in all streams."""
    warehouse.land("job_tracking", JOBS)
    warehouse.land("product_views", VISITS)
    warehouse.land("web_logs", TRAFFIC)
    warehouse.run()
    return warehouse


def rows_of(warehouse: Warehouse, name: str, day: dt.date | None, zone: str = "UTC") -> Rows:
    with open_marts(warehouse.settings) as marts:
        return CHARTS[name].read(marts, day, zone)


def test_the_shop_s_charts_have_the_views_of_the_day_with_and_without_bots(filled: Warehouse) -> None:
    events = [event for event in seen(VISITS) if event.day == NEXT_DAY]
    products = views_by(events, lambda event: (event.day, event.product))
    countries = views_by(events, lambda event: (event.day, event.page.country))
    for name, expected in (("top_products", products), ("top_countries", countries)):
        rows = rows_of(filled, name, NEXT_DAY)
        first = sorted(ranked(expected), key=lambda grain: ranked(expected)[grain])[:10]
        assert [(row["event_date"], row["name"]) for row in rows] == first
        assert [(row["views"], row["human_views"]) for row in rows] == [expected[grain] for grain in first]
        assert {row["all_views"] for row in rows} == {sum(views for views, _ in expected.values())}


def test_the_web_shop_s_charts_have_its_actions_bots_and_payments(filled: Warehouse) -> None:
    requests = [request for request in read(TRAFFIC) if request.at.date() == NEXT_DAY]
    every, human = (Counter(r.action for r in some) for some in (requests, people(requests)))
    rows = rows_of(filled, "action_ratios", NEXT_DAY)
    assert {row["action"]: row["action_count"] for row in rows} == every
    assert {row["action"]: row["human_action_count"] for row in rows} == {name: human[name] for name in every}
    assert sum(row["action_ratio"] for row in rows) == pytest.approx(1)
    assert sum(row["human_action_ratio"] for row in rows) == pytest.approx(1)

    bots: dict[str, list[int]] = defaultdict(list)
    for (_, address), count in bot_ips(requests).items():
        bots[address].append(count)
    rows = rows_of(filled, "bot_ips", NEXT_DAY)
    assert {row["address"]: (row["requests"], row["busiest_minute"], row["minutes"]) for row in rows} == {
        address: (sum(counts), max(counts), len(counts)) for address, counts in bots.items()
    }
    assert rows[0]["addresses"] == len(bots)

    tried = [r for r in requests if r.action in ("checkout", "payment_error")]
    failed = [r for r in tried if r.action == "payment_error" or r.status_class == "5xx"]
    points, minutes = payments_over_time(rows_of(filled, "payment_errors", NEXT_DAY))
    assert minutes == 60
    by_hour = Counter(r.at.hour * 60 for r in tried)
    assert {point.minute: point.attempts for point in points} == by_hour
    failed_by_hour = Counter(r.at.hour * 60 for r in failed)
    assert {point.minute: point.errors for point in points} == {hour: failed_by_hour[hour] for hour in by_hour}


def test_the_chart_of_clicks_has_each_hour_s_clicks_and_spend(filled: Warehouse) -> None:
    expected: dict[int, list[Any]] = defaultdict(lambda: [0, 0])
    for (date, hour, *_), (clicks, _, spend, *_) in jobs_hourly(JOBS).items():
        if date == NEXT_DAY:
            expected[hour] = [expected[hour][0] + clicks, expected[hour][1] + spend]
    rows = rows_of(filled, "hourly_clicks_and_spend", NEXT_DAY)
    assert {row["event_hour"]: [row["clicks"], row["spend"]] for row in rows} == expected
    assert not any(row["is_open"] for row in rows), "these hours were over when the events landed"


def test_days_are_those_of_the_zone_and_by_default_the_newest(filled: Warehouse) -> None:
    two_hours = dt.timedelta(hours=2)
    of_day = [request for request in read(TRAFFIC) if (request.at + two_hours).date() == NEXT_DAY]
    rows = rows_of(filled, "action_ratios", NEXT_DAY, "Etc/GMT-2")
    assert {row["requests"] for row in rows} == {len(of_day)}
    newest = max(event.day for event in seen(VISITS) if event.is_view)
    assert {row["event_date"] for row in rows_of(filled, "top_countries", None)} == {newest}


def test_the_command_writes_pictures_and_a_page_that_shows_them(
    filled: Warehouse, start_command: "Callable[..., subprocess.Popen[str]]", tmp_path: Path
) -> None:
    done = start_command(filled.settings, "report", str(tmp_path / "new" / "folder"), "--day", str(NEXT_DAY))
    output, _ = done.communicate(timeout=120)
    assert done.returncode == 0, output
    files = [Path(line) for line in output.splitlines()]
    assert sorted(files) == sorted((tmp_path / "new" / "folder").iterdir()), "nothing half-written is left"
    page = files[-1].read_text(encoding="utf-8")
    for name in CHARTS:
        assert f'src="{name}.png"' in page
        picture = Image.open(files[0].with_name(f"{name}.png"))
        assert picture.size == (1100, 616)
        assert len(picture.convert("RGB").getcolors(1_000_000) or []) > 50, "it is not blank"
    assert "No address" not in page
    assert str(NEXT_DAY) in page


def test_an_empty_warehouse_gives_charts_that_say_so(warehouse: Warehouse, tmp_path: Path) -> None:
    files = write_report(warehouse.settings, tmp_path)
    assert len(files) == len(CHARTS) + 1
    page = files[-1].read_text(encoding="utf-8")
    assert page.count("Rows: 0.") == len(CHARTS)
    assert "No address asked like a bot" in page


def test_a_folder_that_is_a_file_and_marts_that_are_not_there_are_one_sentence(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"cannot be written: .* Name a folder of your own"):
        write_report(warehouse.settings, tmp_path / "taken")
    warehouse.reader.execute("drop view marts.kpi_products_daily cascade")
    with pytest.raises(UserError, match="The marts are not there yet: run `landfall up`"):
        write_report(warehouse.settings, tmp_path)


def test_charts_are_read_as_one_who_reads_marts_alone(warehouse: Warehouse) -> None:
    with open_marts(warehouse.settings) as marts, pytest.raises(psycopg.errors.InsufficientPrivilege):
        marts.execute("select 1 from ops.freshness")


def payments(*points: tuple[int, int, int]) -> Rows:
    return [{"minute": m, "attempts": a, "payment_errors": e, "is_complete": m < 600} for m, a, e in points]


def test_few_windows_are_shown_as_they_are_and_many_by_the_hour() -> None:
    short = payments((595, 4, 1), (600, 2, 2))
    assert payments_over_time(short) == ([Payments(595, 4, 1, True), Payments(600, 2, 2, False)], 5)
    long = payments((10, 4, 1), (55, 6, 0), (595, 5, 1), (610, 1, 1))
    assert payments_over_time(long) == (
        [Payments(0, 10, 1, True), Payments(540, 5, 1, True), Payments(600, 1, 1, False)],
        60,
    )


def test_a_time_is_named_as_the_worst_only_where_one_stands_out() -> None:
    assert payments_finding(payments((0, 100, 0))) == "None of 100 payments failed"
    assert payments_finding(payments((0, 50, 1), (60, 50, 3))) == "4.0 % of 100 payments failed, most often at 01:00"
    assert payments_finding(payments((0, 50, 1), (600, 50, 1))) == "2.0 % of 100 payments failed"
