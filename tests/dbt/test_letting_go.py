"""`landfall retention` lets old facts go: marts stay as they were counted, whatever comes afterwards."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest

from database.connect import connect
from erasure.erase import erase, given_identifiers
from erasure.identifiers import text_key
from explain.marts import open_marts
from explain.order import Rules, find_order
from explain.text import visitor_lines
from explain.visitor import find_visitor
from landfall.errors import UserError
from landfall.settings import Settings
from tests.dbt import erased_person
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
ADDRESSES = ("int_pages", "int_referrers")
"""Retention cuts the queries of those that no fact names any more."""
VIEWS_OF_FACTS = ("fct_product_events", "fct_order_lines", "fct_job_events", "fct_web_requests")
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
MONTH_ENDS = (NOW - dt.timedelta(days=150)).replace(day=1, hour=0, minute=0, second=0)
"""Of the month whose facts go."""
THEN = (MONTH_ENDS - dt.timedelta(days=1)).replace(day=2)
BOUND = MONTH_ENDS + letting_go.BEHIND

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


def visits_of_then() -> list[Event]:
    """Visits of the shop in the month whose facts go."""
    shift = int((THEN - DAY).total_seconds())
    return [{**event, "time_stamp": str(int(str(event["time_stamp"])) + shift)} for event in shop_visits(seed=3)]


def requests_of_then(count: int) -> list[Event]:
    """Requests in that month."""
    return [
        {**event, "timestamp": (dt.datetime.fromisoformat(str(event["timestamp"])) + (THEN - DAY)).isoformat()}
        for event in web_traffic(count, seed=1)
    ]


def keeping(warehouse: Warehouse) -> Settings:
    """Settings by which the facts of that month, and of no other, have to go."""
    days = (NOW - MONTH_ENDS - letting_go.BEHIND).days - 5
    return replace(warehouse.settings, fact_retention_days=days)


def counts(warehouse: Warehouse) -> Rows:
    """All tables and views but the facts and addresses of pages."""
    return {
        name: rows
        for name, rows in warehouse.tables().items()
        if name.partition(".")[2] not in (*FACTS, *VIEWS_OF_FACTS, *ADDRESSES)
    }


def counts_by_day(warehouse: Warehouse) -> Rows:
    """Of tables and views with days or windows, what stands there of days before the bound."""
    columns = warehouse.rows(
        "select distinct on (table_schema, table_name) table_schema, table_name, column_name::text, data_type"
        " from information_schema.columns where table_schema in ('intermediate', 'marts')"
        " and column_name in ('event_date', 'window_start', 'minute_start', 'hour')"
        " and table_name not like 'trust%%' and table_name not like '%%\\_latest' and table_name <> all(%s)"
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
    """A warehouse with days of that month, some moments around the bound, and today."""
    warehouse.land("product_views", [*visits_of_then(), *around_the_bound(), view("today", NOW)])
    warehouse.land("web_logs", requests_of_then(80))
    warehouse.land("job_tracking", job_events(30, seed=2))
    warehouse.run()
    return warehouse


def test_marts_stay_as_they_are_whatever_comes_behind_facts_that_were_let_go(filled: Warehouse) -> None:
    before, by_day = counts(filled), counts_by_day(filled)
    old = facts(filled) - 5
    assert retain(filled.settings).facts == letting_go.LetGo(), "off by default"

    done = retain(keeping(filled), dry_run=True).facts
    assert {each.stream for each in done.dropped} >= {"product_views", "web_logs"}
    assert [each.facts for each in done.dropped if each.relation == SHOP] == [old]
    assert filled.rows("select * from ops.fact_bounds") == []
    assert facts(filled) == old + 5

    done = retain(keeping(filled)).facts
    assert done.held == ()
    assert dict(done.bounds)["product_views"] == BOUND
    assert facts(filled) == 5
    assert counts(filled) == before
    assert retain(keeping(filled)).facts.dropped == ()

    # too late; known, at its time and at another; a person of then logs in now, and comes on over the bound
    late = view("late", THEN, "device-2")
    filled.land(
        "product_views",
        [
            late,
            view("visit-1", THEN),
            view("visit-2", NOW),
            view("new", NOW, "device-3", user_id_db="77", email_address="a@example.com"),
            view("inside", BOUND + dt.timedelta(minutes=10), "night"),
            view("after", BOUND + dt.timedelta(minutes=32), "night"),
        ],
    )
    filled.land("product_views", [view("late", NOW, "device-4"), {**late, "id": "other"}])
    filled.land("web_logs", [*requests_of_then(9), {**requests_of_then(1)[0], "event_id": "late"}])
    filled.run()
    assert counts_by_day(filled) == by_day
    new = [("after",), ("around-20",), ("around-5",), ("around15",), ("around50",), ("inside",), ("new",), ("today",)]
    assert filled.rows(f'select event_id from {SHOP} order by event_id collate "C"') == new
    assert filled.rows(
        "select event_at, kept_from from ops.late_events where stream = 'product_views' order by load_id"
    ) == [
        (THEN, BOUND),
        (THEN, BOUND),
    ]
    counted = "select events from ops.data_quality where stream = 'product_views' and issue = 'late_event'"
    assert filled.rows(counted) == [(2,)]
    accounts = "winners, rejected, duplicates from intermediate.int_product_views__accounts"
    assert filled.rows(f"select {accounts} order by load_id offset 1") == [(3, 1, 2), (0, 1, 1)]
    assert filled.rows("select * from ops.reconciliation where unexplained_rows <> 0 or unexplained_offsets <> 0") == []
    sessions = "select started_at, ended_at, events from marts.fct_product_sessions where device_key ="
    night = f"{sessions} (select device_key from {SHOP} where event_id = 'inside') order by 1"
    minute = dt.timedelta(minutes=1)
    assert filled.rows(night) == [
        (BOUND - 20 * minute, BOUND + 15 * minute, 3),
        (BOUND + 32 * minute, BOUND + 50 * minute, 2),
    ]

    with pytest.raises(UserError, match=f"{THEN.date()} cannot be counted again: .* before {BOUND.date()} were let go"):
        recount(filled.settings, EventDays(THEN.date(), NOW.date()))
    assert recount(filled.settings, EventDays(BOUND.date(), NOW.date())).ok
    assert counts_by_day(filled) == by_day

    before = counts(filled)
    assert refresh(filled.settings, full_refresh=True).ok
    assert counts_by_day(filled) == by_day
    assert counts(filled) == before
    filled.run("test", "--exclude", "test_type:unit", "events_have_nothing_odd")


def test_nothing_of_a_person_is_left_of_what_was_let_go_or_came_too_late_and_every_count_stays(
    warehouse: Warehouse,
) -> None:
    def page(number: int, moment: dt.datetime, **fields: str) -> Event:
        named = {"id": f"{erased_person.EMAIL} {number}", "time_stamp": str(int(moment.timestamp()))}
        return erased_person.page(number, **{**named, **fields})

    line = json.dumps([{"product_id": 100, "amount": 1, "price": "50,00", "currency": "€", "option": ""}])
    bought = {"collection": "checkout_success", "order_id": "of then", "cart_products": line}
    warehouse.land("product_views", [page(1, THEN), page(2, THEN, **bought), page(3, NOW)])
    warehouse.land("web_logs", [{**requests_of_then(1)[0], "user_id": erased_person.USER}])
    warehouse.run()
    assert {each.stream for each in retain(keeping(warehouse)).facts.dropped} == {"product_views", "web_logs"}
    warehouse.land("product_views", [page(4, THEN), page(5, BOUND)])
    warehouse.run()

    with open_marts(warehouse.settings) as marts:
        gone = f"no order 'of then' in the facts that are kept: those of before {MONTH_ENDS.date()} .UTC. were let go"
        with pytest.raises(UserError, match=gone):
            find_order(marts, "of then", Rules(720, 100))
        visitor = warehouse.one("select visitor_key from marts.dim_visitor")
        said = "\n".join(visitor_lines(find_visitor(marts, str(visitor), 10), {}))
    assert f"before {MONTH_ENDS.date()} (UTC) were let go" in said
    assert "1 session of these began before" in said
    assert said.count("  let go") == 2, "why it is theirs, and where its first event stood"

    made = [text_key(f"{erased_person.EMAIL} {number}") for number in range(1, 6)]
    for table in ("int_product_sessions", "int_web_sessions"):
        made += [key for (key,) in warehouse.rows(f"select session_key from intermediate.{table}")]
    places = erased_person.places_of(warehouse, made=made)
    sessions = {f"intermediate.{table}.session_key" for table in ("int_product_sessions", "int_web_sessions")}
    assert {"ops.late_events.event_key", "ops.let_go_keys_product_views.event_key", *sessions} <= set(places)
    before = {**erased_person.counts(warehouse), "fct_product_events": []}
    late = "select stream, event_at, kafka_offset from ops.late_events"
    issues = "select stream, issue, events from ops.data_quality order by 1, 2"
    too_late, odd = warehouse.rows(late), warehouse.rows(issues)
    assert erase(warehouse.settings, given_identifiers([erased_person.USER], [], [])) is not None
    for full_refresh in (False, True):
        assert erased_person.places_of(warehouse, made=made) == []
        assert warehouse.rows(late) == too_late
        assert refresh(warehouse.settings, full_refresh=full_refresh).ok
        assert {**erased_person.counts(warehouse), "fct_product_events": []} == before, "but ids of events"
        assert warehouse.rows(issues) == odd
    assert erased_person.places_of(warehouse, made=made) == []
    # the same records once more: they are known by their new keys
    known = facts(warehouse)
    warehouse.land("product_views", [page(1, THEN), page(4, THEN)])
    warehouse.run()
    assert erased_person.places_of(warehouse, made=made) == []
    assert (warehouse.rows(late), facts(warehouse)) == (too_late, known)


def test_a_model_that_is_behind_and_one_without_days_hold_old_facts(filled: Warehouse) -> None:
    execute = filled.reader.execute
    execute(
        "update ops.model_progress set position = position - 1 where relation = 'intermediate.int_product_sessions'"
    )
    done = retain(keeping(filled)).facts
    ((stream, why),) = done.held
    assert stream == "product_views"
    assert why.startswith("intermediate.int_product_sessions has read to load 0, and facts")
    assert "web_logs" in {each.stream for each in done.dropped}
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
        ((seen,),) = reading.execute(f"select count(*) from {SHOP}".encode()).fetchall()
        with pytest.raises(UserError, match=f"{SHOP} was read without a pause"):
            retain(keeping(filled))
        assert filled.one("select count(*) from ops.let_go_keys_product_views") == facts(filled) - 5
        filled.land("product_views", [view("late", THEN), view("visit-1", NOW), view("new", NOW)])
        filled.run()
        assert reading.execute(f"select count(*) from {SHOP}".encode()).fetchall() == [(seen + 1,)]
    assert counts_by_day(filled) == by_day
    assert [each.facts for each in retain(keeping(filled)).facts.dropped if each.relation == SHOP] == [seen - 5]
    assert facts(filled) == 6
    assert counts_by_day(filled) == by_day
