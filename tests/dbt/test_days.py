"""A day is one thing: in every zone, at every change of its clock, in every table; and never two zones at once."""

import datetime as dt
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest

from health.checks import zone as zone_check
from tests.conftest import Connection
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event, uuid_v1
from warehouse.dbt_arguments import EventDays, create_arguments, pass_arguments, recount_arguments, refresh_arguments
from warehouse.dbt_manifest import DBT_PROJECT
from warehouse.dbt_session import DbtSession
from warehouse.refresh import first_trouble
from warehouse.reporting_timezone import zone_of_marts, zones_counted

QUARTER = dt.timedelta(minutes=15)
ZONES = ("Europe/Berlin", "Atlantic/Azores", "Asia/Kathmandu", "Pacific/Auckland")
# Midnights that never come or come twice, half an hour and 45 minutes, a day left out, a change just after midnight.
ODD_ZONES = {
    "America/Havana": 2026,
    "Asia/Beirut": 2026,
    "Africa/Cairo": 2026,
    "America/Santiago": 2026,
    "Australia/Lord_Howe": 2026,
    "Pacific/Chatham": 2026,
    "Pacific/Apia": 2011,
    "America/St_Johns": 2010,
}


def changes(zone: str, year: int) -> list[dt.datetime]:
    """Instants of the year at which the zone's clock is moved; noon of two days where it never is."""
    first = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    hours = [first + dt.timedelta(hours=number) for number in range(366 * 24)]
    moved = [
        after
        for before, after in itertools.pairwise(hours)
        if before.astimezone(ZoneInfo(zone)).utcoffset() != after.astimezone(ZoneInfo(zone)).utcoffset()
    ]
    return moved or [first + dt.timedelta(days=day, hours=12) for day in (90, 270)]


def quarters_around(moments: list[dt.datetime]) -> Iterator[dt.datetime]:
    """Every 15 minutes of the day before each of these instants and of the day after it."""
    for moment in moments:
        for number in range(-112, 113):
            yield moment + number * QUARTER


def local(instant: dt.datetime, zone: str) -> dt.datetime:
    """What the zone's clock shows."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def macro(name: str, zone: str) -> Any:
    """A macro of buckets.sql, as dbt renders it in this zone."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals["reporting_timezone"] = lambda: zone
    text = (DBT_PROJECT / "macros" / "rules" / "buckets.sql").read_text(encoding="utf-8")
    return getattr(environment.from_string(text).module, name)


@pytest.mark.parametrize(("zone", "year"), {**dict.fromkeys(ZONES, 2026), **ODD_ZONES}.items())
def test_what_an_index_is_asked_for_is_the_day_that_the_clock_shows(
    transformer: Connection, zone: str, year: int
) -> None:
    instants = list(quarters_around(changes(zone, year)))
    day, of_days = macro("reporting_day", zone), macro("is_of_days", zone)
    query = (
        f"select {day('i.instant')}, d.day::date, {of_days('i.instant', 'd.day::date', 'd.day::date')}"
        " from unnest(%s::timestamptz[]) as i (instant)"
        " cross join lateral generate_series((i.instant at time zone 'UTC')::date - 1,"
        " (i.instant at time zone 'UTC')::date + 1, interval '1 day') as d (day) order by i.instant, d.day"
    )
    rows = transformer.execute(query.encode(), (instants,)).fetchall()
    assert len(rows) == 3 * len(instants)
    assert [row[0] for row in rows[::3]] == [local(instant, zone).date() for instant in sorted(instants)]
    assert [found for _, _, found in rows] == [shown == asked for shown, asked, _ in rows]


def request(number: int, moment: dt.datetime, user: str, action: str = "view_product") -> Event:
    """A request of the web shop."""
    return {
        "event_id": f"tz-{number}", "timestamp": moment.isoformat(), "user_id": user, "action": action,
        "product_id": "p", "status_code": "200",
    }  # fmt: skip


def midnight_twice() -> list[tuple[str, dt.datetime, str]]:
    """(user, moment, action) around the midnight that comes twice in the Azores."""
    times = {"00:30": "A view_product", "00:40": "A purchase", "01:30": "B view_product", "00:10": "D purchase"}
    found = [(what, dt.datetime.fromisoformat(f"2026-10-25T{at}+00:00")) for at, what in times.items()]
    found += [
        ("C view_product", dt.datetime(2026, 10, 24, 20, tzinfo=dt.UTC)),
        ("D view_product", dt.datetime(2026, 10, 24, 22, tzinfo=dt.UTC)),
    ]
    return [(what.split()[0], moment, what.split()[1]) for what, moment in found]


INSTANTS = sorted({instant for zone in ZONES for instant in quarters_around(changes(zone, 2026))})
REQUESTS = [(f"user {number % 7}", instant, "view_product") for number, instant in enumerate(INSTANTS)]


def funnel(visits: list[tuple[str, dt.datetime, str]], zone: str) -> dict[tuple[dt.date, int], int]:
    """(day, step) → users who came so far on that day, by the clock of the zone; purchases are step 4."""
    furthest: dict[tuple[dt.date, str], int] = defaultdict(int)
    for user, moment, action in visits:
        key = (local(moment, zone).date(), user)
        furthest[key] = max(furthest[key], 4 if action == "purchase" else 1)
    return dict(Counter((day, step) for (day, _), last in furthest.items() for step in range(1, last + 1)))


def by_hour(instants: list[dt.datetime], zone: str) -> dict[tuple[dt.date, int], int]:
    """(day, hour) → how many of these, by the clock of the zone."""
    return dict(Counter((local(each, zone).date(), local(each, zone).hour) for each in instants))


def assert_counted_in(warehouse: Warehouse, zone: str) -> None:
    """Every table of days and hours shows the clock of this zone."""
    visits = REQUESTS + midnight_twice()
    users = "select event_date, step_order, users from marts.kpi_web_funnel_daily where users > 0"
    assert {(day, step): count for day, step, count in warehouse.rows(users)} == funnel(visits, zone)
    shop = "select event_date, event_hour, views from marts.kpi_product_views_hourly"
    assert {(day, hour): views for day, hour, views in warehouse.rows(shop)} == by_hour(INSTANTS, zone)
    jobs = "select event_date, event_hour, clicks from marts.kpi_jobs_hourly"
    assert {(day, hour): clicks for day, hour, clicks in warehouse.rows(jobs)} == by_hour(INSTANTS, zone)
    status = "select hour_start, request_count from marts.kpi_web_status_hourly"
    shown = {(local(at, zone).date(), local(at, zone).hour): count for at, count in warehouse.rows(status)}
    assert shown == by_hour([moment for _, moment, _ in visits], zone)
    days = dict(warehouse.rows("select event_date, sum(views)::bigint from marts.kpi_products_daily group by 1"))
    assert days == dict(Counter(local(each, zone).date() for each in INSTANTS))
    assert warehouse.one("select distinct event_date from marts.kpi_products_daily_latest") == max(days)
    assert zones_counted(warehouse.reader) == [zone]


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Events of all streams around the changes of every zone's clock."""
    visits = enumerate(REQUESTS + midnight_twice())
    warehouse.land("web_logs", [request(number, moment, user, action) for number, (user, moment, action) in visits])
    warehouse.land(
        "product_views",
        [
            {
                "id": str(number), "time_stamp": str(int(instant.timestamp())), "collection": "view_product_detail",
                "product_id": "1", "device_id": "d", "current_url": "https://www.glamira.de/ring",
            }
            for number, instant in enumerate(INSTANTS)
        ],
    )  # fmt: skip
    warehouse.land(
        "job_tracking",
        [
            {"create_time": uuid_v1(instant, number), "custom_track": "click", "job_id": "1"}
            for number, instant in enumerate(INSTANTS)
        ],
    )
    return warehouse


def in_zone(warehouse: Warehouse, zone: str) -> DbtSession:
    """dbt as it is with LANDFALL_REPORTING_TIMEZONE set to this zone."""
    return DbtSession(replace(warehouse.settings, reporting_timezone=zone))


def test_a_change_of_zone_leaves_no_table_in_the_old_one(filled: Warehouse) -> None:
    filled.run()
    assert zones_counted(filled.reader) == ["UTC"]
    assert_counted_in(filled, "UTC")
    in_utc = filled.tables()

    # no door adds to the tables in another zone, and what refuses says what to do
    berlin = in_zone(filled, "Europe/Berlin")
    days = EventDays(dt.date(2026, 10, 25), dt.date(2026, 10, 25))
    refused: list[list[str]] = [
        refresh_arguments(),
        pass_arguments(["web_logs"]),
        recount_arguments(days),
        ["run", "--full-refresh", "--select", "int_web_funnel_users__daily"],
    ]
    for arguments in refused:
        outcome = berlin.run(arguments)
        assert not outcome.ok
        said = first_trouble(outcome)
        assert said.startswith("The marts are counted in UTC (intermediate.")
        assert "`landfall refresh --full-refresh`" in said
        assert said.endswith("LANDFALL_REPORTING_TIMEZONE=UTC.")
    assert all(berlin.run(arguments).ok for arguments in create_arguments())
    assert_counted_in(filled, "UTC")
    assert filled.tables() == in_utc

    finding = zone_check.judge(zones_counted(filled.reader), "Europe/Berlin")
    assert (finding.severity, finding.value) == ("error", 1)
    assert zone_check.judge(zones_counted(filled.reader), "UTC").severity == "ok"

    # the command that the case of a changed zone was reported with: its tests of UTC run with it
    by_hand = [
        "build",
        "-s",
        "path:models/intermediate",
        "--full-refresh",
        "--vars",
        '{"reporting_timezone":"Europe/Berlin"}',
    ]
    outcome = filled.dbt.run(by_hand)
    assert outcome.ok, (outcome.trouble, outcome.failed)
    assert_counted_in(filled, "Europe/Berlin")
    assert zone_of_marts(filled.settings) == "Europe/Berlin"
    assert first_trouble(filled.dbt.run(refresh_arguments())).startswith("The marts are counted in Europe/Berlin")
    old_indexes = "select count(*) from pg_indexes where schemaname in ('intermediate', 'marts') and indexdef ~ 'UTC'"
    assert filled.one(old_indexes) == 0

    for zone in ("Atlantic/Azores", "Asia/Kathmandu", "Pacific/Auckland"):
        there = in_zone(filled, zone)
        outcome = there.run(refresh_arguments(full_refresh=True))
        assert outcome.ok, (outcome.trouble, outcome.failed)
        assert_counted_in(filled, zone)
        assert there.run(pass_arguments(["web_logs"])).ok


def test_facts_whose_landing_was_dropped_are_counted_in_another_zone_all_the_same(filled: Warehouse) -> None:
    filled.run()
    facts = "select count(*) from intermediate.int_web_requests"
    held = filled.one(facts)
    for stream in ("web_logs", "product_views", "job_tracking"):
        filled.reader.execute(
            "insert into ops.dropped_landing (stream, landed_on, until_load_id) values (%s, current_date, 1)", (stream,)
        )
        filled.landing.execute(f"delete from landing.{stream}".encode())
    outcome = in_zone(filled, "Asia/Kathmandu").run(refresh_arguments(full_refresh=True))
    assert outcome.ok, (outcome.trouble, outcome.failed)
    assert filled.one(facts) == held
    assert_counted_in(filled, "Asia/Kathmandu")
    indexed = "select count(*) from pg_indexes where tablename = 'int_job_events' and indexdef ~ %s"
    assert filled.rows(indexed, "Asia/Kathmandu") == [(1,)]
    assert filled.rows(indexed, "UTC") == [(0,)]


def test_a_zone_that_is_none_is_refused_in_a_sentence(warehouse: Warehouse) -> None:
    outcome = warehouse.dbt.run([*refresh_arguments(full_refresh=True), "--vars", '{"reporting_timezone": "UTC+3"}'])
    assert first_trouble(outcome) == (
        "reporting_timezone is UTC+3, which Postgres does not know: write a name like Europe/Berlin."
    )
