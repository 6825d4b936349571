"""However events come, in order, shuffled, late, twice, in one load or many, they end in the same tables."""

import random
from collections.abc import Callable

import pytest

from tests.dbt.conftest import Warehouse
from tests.dbt.events import (
    Event,
    job_events,
    jobs_hourly,
    products_daily,
    shop_events,
    web_actions,
    web_requests,
)
from warehouse.dbt_arguments import pass_arguments

STREAMS: dict[str, list[Event]] = {
    "job_tracking": [*job_events(300, seed=1), {"create_time": None}, {"create_time": "no uuid"}],
    "product_views": [*shop_events(300, seed=2), {"id": "", "time_stamp": "1"}, {"id": "x", "time_stamp": "true"}],
    "web_logs": [*web_requests(300, seed=3), {"event_id": "x", "timestamp": "now"}],
}
# One row a load.
ACCOUNTS = {f"intermediate.int_{stream}__accounts" for stream in STREAMS}
GOOD = {stream: events[:300] for stream, events in STREAMS.items()}


@pytest.fixture
def in_order(make_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """All events in one load a stream, refreshed once."""
    warehouse = make_warehouse()
    for stream, events in STREAMS.items():
        warehouse.land(stream, events)
    warehouse.run()
    return warehouse


def test_the_marts_hold_what_an_independent_count_gives(in_order: Warehouse) -> None:
    hourly = in_order.rows(
        "select event_date, event_hour, job_id, publisher_id, campaign_id, group_id, clicks, bid_set, spend_hour,"
        " conversions, qualified, unqualified from marts.kpi_jobs_hourly"
    )
    assert {row[:6]: row[6:] for row in hourly} == jobs_hourly(GOOD["job_tracking"])
    daily = in_order.rows(
        "select event_date, product_id, views, human_views, visitors, human_visitors from marts.kpi_products_daily"
    )
    assert {row[:2]: row[2:] for row in daily} == products_daily(GOOD["product_views"])
    actions = in_order.rows("select window_start, action, action_count from marts.kpi_web_actions_5min")
    assert {row[:2]: row[2] for row in actions} == web_actions(GOOD["web_logs"])
    rejected = in_order.rows(
        "select stream, detail, events from ops.data_quality where issue = 'rejected' order by 1, 2"
    )
    assert rejected == [
        ("job_tracking", "bad_event_time", 1),
        ("job_tracking", "missing_key", 1),
        ("product_views", "bad_event_time", 1),
        ("product_views", "missing_key", 1),
        ("web_logs", "bad_event_time", 1),
    ]


def test_shuffled_late_and_duplicated_events_in_many_loads_give_the_same_tables(
    in_order: Warehouse, make_warehouse: Callable[[], Warehouse]
) -> None:
    chance = random.Random(4)
    warehouse = make_warehouse()
    for stream, good in GOOD.items():
        # every tenth twice; what could not be counted comes once, as it has no key to know it again by
        events = [*STREAMS[stream], *chance.sample(good, 30)]
        chance.shuffle(events)
        for part in range(4):
            warehouse.land(stream, events[part::4])
            if part != 1:
                warehouse.run(*pass_arguments([stream]))
    warehouse.run()
    assert warehouse.tables(with_positions=False) == in_order.tables(with_positions=False)

    incremental = warehouse.tables()
    warehouse.run(*pass_arguments(STREAMS), "--full-refresh")
    assert warehouse.tables() == incremental


def test_a_refresh_with_nothing_new_and_a_replay_change_nothing(in_order: Warehouse) -> None:
    before = in_order.tables()
    in_order.run()
    assert in_order.tables() == before
    for stream, events in GOOD.items():
        in_order.land(stream, events)
    in_order.run()
    after = in_order.tables()
    assert {name for name in after if after[name] != before[name]} == ACCOUNTS, "a load of duplicates is accounted for"
    in_order.run()
    assert in_order.position("intermediate.int_job_events") == 2, "a load of pure duplicates is read once"


def test_an_hour_that_comes_out_empty_is_deleted(warehouse: Warehouse) -> None:
    click, other = job_events(2, seed=5)
    other["create_time"] = str(click["create_time"]).replace("-000000000000", "-000000000abc")
    warehouse.land("job_tracking", [{**click, "custom_track": "click"}])
    warehouse.run()
    assert warehouse.one("select count(*) from marts.kpi_jobs_hourly") == 1
    warehouse.rows("delete from intermediate.int_job_events returning 1")  # as a correction of facts will do
    warehouse.land("job_tracking", [{**other, "custom_track": "alive"}])
    warehouse.run()
    assert warehouse.one("select count(*) from intermediate.int_job_events") == 1
    assert warehouse.one("select count(*) from marts.kpi_jobs_hourly") == 0


def test_a_count_is_changed_in_place_and_what_comes_out_as_it_was_is_not_touched(warehouse: Warehouse) -> None:
    versions = "select job_id, clicks, xmin::text from intermediate.int_job_events__hourly order by 1"
    click = {**job_events(1, seed=5)[0], "custom_track": "click", "job_id": "1", "publisher_id": None}
    again, other = (
        {**click, "create_time": str(click["create_time"]).replace("-000000000000", f"-00000000{end}"), "job_id": job}
        for end, job in (("0abc", "1"), ("0abd", "2"))
    )
    warehouse.land("job_tracking", [click, other])
    warehouse.run()
    (first, _, written), untouched = warehouse.rows(versions)
    warehouse.land("job_tracking", [again])
    warehouse.run()
    (changed, clicks, rewritten), left = warehouse.rows(versions)
    assert (first, changed, clicks) == (1, 1, 2)
    assert rewritten != written
    assert left == untouched
    counted = (
        "select count(*) from pg_class where relname = 'int_job_events__hourly' and reloptions = '{fillfactor=80}'"
    )
    assert warehouse.one(counted) == 1


def test_a_job_that_is_loaded_after_its_clicks_fills_in_its_company(warehouse: Warehouse) -> None:
    event = {**job_events(1, seed=6)[0], "custom_track": "click", "job_id": "188.0"}
    warehouse.land("job_tracking", [event])
    warehouse.run()
    assert warehouse.rows("select job_id, company_id from marts.kpi_jobs_hourly") == [(188, None)]
    warehouse.reader.execute("insert into reference.job (id, company_id) values (188, '12.0')")
    assert warehouse.rows("select job_id, company_id from marts.kpi_jobs_hourly") == [(188, 12)]


def test_requests_without_an_id_count_once_for_each_place(warehouse: Warehouse) -> None:
    requests: list[Event] = [{**request, "event_id": None} for request in web_requests(5, seed=7)]
    warehouse.land("web_logs", requests)
    warehouse.land("web_logs", requests)
    warehouse.run()
    assert warehouse.one("select count(*) from marts.fct_web_requests") == 10


def test_texts_of_any_length_can_be_keys(warehouse: Warehouse) -> None:
    long = "x" * 100_000
    view = {**shop_events(1, seed=8)[0], "collection": "view_product_detail", "current_url": "https://www.glamira.de/"}
    warehouse.land("product_views", [{**view, "id": long, "product_id": long, "device_id": long}])
    warehouse.land("web_logs", [{**web_requests(1, seed=9)[0], "event_id": long, "action": long}])
    warehouse.run()
    assert warehouse.one("select length(product_id) from marts.kpi_products_daily") == 100_000
    assert warehouse.one("select length(action) from marts.kpi_web_actions_5min") == 100_000
