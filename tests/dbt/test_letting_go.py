"""`landfall retention` lets old facts go: marts stay as they were counted, whatever comes afterwards."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from tests.dbt.conftest import Warehouse
from tests.dbt.events import DAY, Event, job_events
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic
from warehouse import letting_go
from warehouse.dbt_arguments import EventDays
from warehouse.refresh import recount, refresh
from warehouse.retention import retain

SHOP = "intermediate.int_product_events"
FACTS = ("int_product_events", "int_product_events__with_rules", "int_job_events", "int_web_requests")
VIEWS_OF_FACTS = ("fct_product_events", "fct_order_lines", "fct_job_events", "fct_web_requests")
MARCH_ENDS = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
BOUND = MARCH_ENDS + letting_go.BEHIND
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)

Rows = dict[str, list[tuple[Any, ...]]]


def view(key: str, moment: dt.datetime, device: str = "device-1", **fields: str) -> Event:
    """A view of a product."""
    return {
        "id": key,
        "time_stamp": str(int(moment.timestamp())),
        "collection": "view_product_detail",
        "current_url": "https://www.glamira.de/ring",
        "device_id": device,
        "product_id": "100",
        **fields,
    }


def around_the_bound() -> list[Event]:
    """A device's session that begins on the last day before the bound and goes on over it, and one soon after."""
    minutes = (-20, -5, 15, 50)
    return [view(f"around{m}", BOUND + dt.timedelta(minutes=m), "night") for m in minutes]


def keeping(warehouse: Warehouse, days: int | None = 62) -> Settings:
    """Settings with a bound for facts, and landing kept for as long."""
    return replace(warehouse.settings, fact_retention_days=days)


def counts(warehouse: Warehouse) -> Rows:
    """All tables and views but the facts."""
    return {
        name: rows
        for name, rows in warehouse.tables().items()
        if name.partition(".")[2] not in (*FACTS, *VIEWS_OF_FACTS)
    }


def counts_by_day(warehouse: Warehouse) -> Rows:
    """Of tables and views with days or windows, what stands there of days before the bound."""
    columns = warehouse.rows(
        "select distinct on (table_schema, table_name) table_schema, table_name, column_name::text, data_type"
        " from information_schema.columns where table_schema in ('intermediate', 'marts')"
        " and column_name in ('event_date', 'window_start', 'minute_start', 'hour')"
        " and table_name not like 'trust%' and table_name not like '%\\_latest' and table_name <> all(%s)"
        " order by table_schema, table_name, column_name",
        [*FACTS, *VIEWS_OF_FACTS],
    )
    return {
        f"{schema}.{name}": warehouse.rows(
            f"select t::text from {schema}.{name} as t where {column} < %s order by 1", BOUND.date()
        )
        for schema, name, column, _ in columns
    }


def facts(warehouse: Warehouse, relation: str = SHOP) -> int:
    return int(warehouse.one(f"select count(*) from {relation}"))


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with days in March, some around the bound, and today."""
    warehouse.land("product_views", [*shop_visits(seed=3), *around_the_bound(), view("today", NOW)])
    warehouse.land("web_logs", web_traffic(80, seed=1))
    warehouse.land("job_tracking", job_events(30, seed=2))
    warehouse.run()
    return warehouse


def test_marts_stay_as_they_are_whatever_comes_behind_facts_that_were_let_go(filled: Warehouse) -> None:
    before, by_day = counts(filled), counts_by_day(filled)
    march = facts(filled) - 5
    assert retain(filled.settings).facts == letting_go.LetGo(), "off by default"

    done = retain(keeping(filled), dry_run=True).facts
    assert {each.stream for each in done.dropped} == {"product_views", "web_logs", "job_tracking"}
    assert [each.facts for each in done.dropped if each.relation == SHOP] == [march]
    assert filled.rows("select * from ops.fact_bounds") == []
    assert facts(filled) == march + 5

    done = retain(keeping(filled)).facts
    assert done.held == ()
    assert dict(done.bounds)["product_views"] == BOUND
    assert facts(filled) == 5
    assert counts(filled) == before
    assert retain(keeping(filled)).facts.dropped == ()

    # too late; known, at its time and at another; a person of then logs in now, and comes on over the bound
    late = view("late", DAY, "device-2")
    filled.land(
        "product_views",
        [
            late,
            view("visit-1", DAY),
            view("visit-2", NOW),
            view("new", NOW, "device-3", user_id="77", email_address="a@example.com"),
            view("inside", BOUND + dt.timedelta(minutes=10), "night"),
            view("after", BOUND + dt.timedelta(minutes=32), "night"),
        ],
    )
    filled.land("product_views", [view("late", NOW, "device-4"), {**late, "id": "other"}])
    filled.land("web_logs", [{**event, "user_agent": "Mozilla/5.0 (Windows NT 10.0)"} for event in web_traffic(9, 1)])
    filled.run()
    assert counts_by_day(filled) == by_day
    keys = "select event_id from {} where event_at >= %s order by 1"
    new = [("after",), ("around-20",), ("around-5",), ("around15",), ("around50",), ("inside",), ("new",), ("today",)]
    assert filled.rows(f"select event_id from {SHOP} order by 1") == new, keys
    assert filled.rows("select stream, event_at, load_id from ops.late_events order by load_id") == [
        ("product_views", DAY, 4),
        ("product_views", DAY, 5),
    ]
    assert filled.rows("select stream, events from ops.data_quality where issue = 'late_event'") == [
        ("product_views", 2)
    ]
    accounts = "winners, rejected, duplicates from intermediate.int_product_views__accounts where load_id > 3"
    assert filled.rows(f"select {accounts} order by load_id") == [(3, 1, 2), (0, 1, 1)]
    assert filled.rows("select * from ops.reconciliation where unexplained_rows <> 0 or unexplained_offsets <> 0") == []
    sessions = "select started_at, ended_at, events from marts.fct_product_sessions where device_key ="
    night = f"{sessions} (select device_key from {SHOP} where event_id = 'inside') order by 1"
    minute = dt.timedelta(minutes=1)
    assert filled.rows(night) == [
        (BOUND - 20 * minute, BOUND + 15 * minute, 3),
        (BOUND + 32 * minute, BOUND + 50 * minute, 2),
    ]

    with pytest.raises(UserError, match=f"2026-03-28 cannot be counted again: .* before {BOUND:%Y-%m-%d} were let go"):
        recount(filled.settings, EventDays(DAY.date(), NOW.date()))
    assert recount(filled.settings, EventDays(BOUND.date(), NOW.date())).ok
    assert counts_by_day(filled) == by_day

    before = counts(filled)
    assert refresh(filled.settings, full_refresh=True).ok
    assert counts_by_day(filled) == by_day
    assert counts(filled) == before
    filled.run("test", "--exclude", "test_type:unit", "events_have_nothing_odd")


def test_a_model_that_is_behind_and_one_without_days_hold_old_facts(filled: Warehouse) -> None:
    execute = filled.reader.execute
    execute(
        "update ops.model_progress set position = position - 1 where relation = 'intermediate.int_product_sessions'"
    )
    done = retain(keeping(filled)).facts
    ((stream, why),) = done.held
    assert stream == "product_views"
    assert why.startswith("intermediate.int_product_sessions has read to load 0, and facts")
    assert {each.stream for each in done.dropped} == {"web_logs", "job_tracking"}
    filled.run()
    execute(
        "update ops.model_scripts set statements = replace(statements, 'ops.fact_bounds', 'ops.none')"
        " where relation = 'intermediate.int_store_views__daily'"
    )
    ((_, why),) = retain(keeping(filled)).facts.held
    assert why.startswith("intermediate.int_store_views__daily counts facts without days")


def test_ended_between_the_bound_and_the_drop_it_goes_on_and_readers_hold_up_no_refresh(
    filled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_go, "DROP_TRIES", 1)
    monkeypatch.setattr(letting_go, "DROP_LOCK_TIMEOUT", "100ms")
    by_day = counts_by_day(filled)
    with connect(filled.settings.as_transformer) as reading:
        seen = reading.execute(f"select count(*) from {SHOP}".encode()).fetchone()
        with pytest.raises(UserError, match=f"{SHOP} was read without a pause"):
            retain(keeping(filled))
        assert filled.one("select count(*) from ops.let_go_keys_product_views") == facts(filled) - 5
        filled.land("product_views", [view("late", DAY), view("visit-1", NOW), view("new", NOW)])
        filled.run()
        assert reading.execute(f"select count(*) from {SHOP}".encode()).fetchone() == (seen[0] + 1,)  # type: ignore[index]
    assert counts_by_day(filled) == by_day
    assert sum(each.facts for each in retain(keeping(filled)).facts.dropped if each.relation == SHOP) == seen[0] - 5  # type: ignore[index]
    assert facts(filled) == 6
    assert counts_by_day(filled) == by_day
