"""Columns that facts gain are filled from landing by `landfall migrate`: all of them, once, whatever stops it."""

import datetime as dt
import threading
from typing import Any
from uuid import UUID

import pytest

import warehouse.backfill as warehouse_backfill
from cli.prepare import prepare
from database.connect import connect
from erasure.identifiers import salted_key
from tests.dbt.conftest import Warehouse, wait_until, waiting_for_a_lock
from tests.dbt.events import DAY, Event, job_events
from warehouse.backfill import Batch, Load, backfill, next_batch
from warehouse.refresh import create_relations

FACT, JOBS = "intermediate.int_product_events", "intermediate.int_job_events"
KEPT = (
    *("page_key", "utm_source", "utm_medium", "key_search", "cat_id", "collect_id", "viewing_product_id"),
    *("recommendation_product_id", "price", "currency_text", "is_paypal"),
)
OF_JOBS = ("uid", "user_agent_key", "named_job_id", "utm_content", "utm_term", "referrer_url", "referrer_host_key")


def page(number: int, **fields: str | None) -> Event:
    return {
        "id": f"page-{number}",
        "time_stamp": str(int(DAY.timestamp()) + number),
        "collection": "view_shopping_cart",
        "current_url": f"https://www.glamira.de/{number}?mail=ada@example.com",
        "utm_source": "criteo" if number % 2 else "false",
        "key_search": f"ring {number}",
        "cat_id": "59",
        "price": "915,00",
        "currency": "€",
        "is_paypal": "perhaps" if number == 3 else "true",
        "cart_products": f'[{{"product_id": {number}}}]',
        **fields,
    }


PAGES = [page(number) for number in range(12)]
CLICKS: list[Event] = [
    {
        **event,
        "uid": f"1-{n}",
        "ua": "Mozilla/5.0",
        "rl": "https://blog.example/",
        "ed": '{"jobId": "9"}',
        "job_id": None,
    }
    for n, event in enumerate(job_events(6, seed=31))
]


def fill(warehouse: Warehouse) -> None:
    """Two loads, the second of which also holds a record of an event of the first, with other values."""
    warehouse.land("product_views", PAGES[:8])
    warehouse.land("product_views", [*PAGES[8:], page(1, utm_source="late", cat_id="7", is_paypal="perhaps")])
    warehouse.land("job_tracking", CLICKS)
    warehouse.run()


def facts(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables hold of these columns, and what is counted of casts that failed."""
    queries = {
        FACT: f"select event_id, cart_products, bad_casts, {', '.join(KEPT)} from {FACT} order by event_id",
        JOBS: f"select event_key, {', '.join(OF_JOBS)} from {JOBS} order by event_key",
        "values": "select kind, value, events from intermediate.int_product_views__values order by kind, value",
    }
    return {name: warehouse.rows(query) for name, query in queries.items()}


def as_of_before(warehouse: Warehouse) -> None:
    """The tables as the release before had them: without the columns, and with carts of successful checkouts alone."""
    drop = {FACT: KEPT, JOBS: OF_JOBS}
    for name, columns in drop.items():
        warehouse.reader.execute(
            f"alter table {name} {', '.join(f'drop column {column} cascade' for column in columns)}"
        )
    warehouse.reader.execute(
        f"update {FACT} set cart_products = null, bad_casts = null;"
        " delete from intermediate.int_product_views__values where kind = 'bad_cast';"
        f" update ops.model_definition set definition_md5 = '';"
        " insert into ops.backfills (relation, stream, staged, column_names) values"
        f" ('{FACT}', 'product_views', 'staging.stg_product_views__events', array['cart_products', 'bad_casts'])"
    )


def test_a_release_that_keeps_more_fills_what_facts_hold_already(warehouse: Warehouse) -> None:
    fill(warehouse)
    right = facts(warehouse)
    assert {row[4] for row in right[FACT]} == {"criteo", None}, "the first landed of a key is the event"
    as_of_before(warehouse)

    said = prepare(warehouse.settings, topics=False, models=True)
    assert [line.split(" filled with ")[0] for line in said] == [f"{FACT}: 12 events", f"{JOBS}: 6 events"]
    assert facts(warehouse) == right
    assert warehouse.rows("select detail, events from ops.data_quality where issue = 'bad_cast'") == [("is_paypal", 1)]
    warehouse.run()
    pages = "select p.host, p.path, p.page_url from marts.fct_product_events join marts.dim_page as p using (page_key)"
    assert ("www.glamira.de", "/3", "https://www.glamira.de/3") in warehouse.rows(pages)
    assert prepare(warehouse.settings, topics=False, models=True) == [], "nothing is left to do"


def test_what_stopped_half_way_goes_on_behind_its_last_batch(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(warehouse)
    right = facts(warehouse)
    as_of_before(warehouse)
    # Loads of 8 and of 4 events: in parts of at most 3 records.
    warehouse.landing.execute(
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        " quarantined, holes) select 'product_views', load_id, topic_id, min(kafka_partition), min(kafka_offset),"
        " max(kafka_offset) + 1, count(*), 0, 0 from landing.product_views group by load_id, topic_id"
    )
    monkeypatch.setattr(warehouse_backfill, "ROWS_AT_ONCE", 3)
    write, batches = warehouse_backfill.fill, []

    def killed(*arguments: Any) -> tuple[int, int]:
        batches.append(arguments[2])
        done = write(*arguments)
        if len(batches) in (2, 4):
            raise KeyboardInterrupt  # its rows are written, its transaction is not
        return done

    monkeypatch.setattr(warehouse_backfill, "fill", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            prepare(warehouse.settings, topics=False, models=True)
        some = warehouse.one(f"select count(*) from {FACT} where cat_id is not null")
        assert 0 < some < 12
    # what lands meanwhile is read by the models of this release, which have the columns
    warehouse.land("product_views", [page(20)])
    warehouse.run()
    done = backfill(warehouse.settings)
    assert [(each.filled, each.lost) for each in done] == [(12, 0), (6, 0)]
    of_view = [(batch.upto, batch.part, batch.parts) for batch in batches[:8]]
    assert of_view == [(1, 0, 3), (1, 1, 3), (1, 1, 3), (1, 2, 3), (1, 2, 3), (2, 0, 2), (2, 1, 2), (1, 0, 1)]
    monkeypatch.undo()
    warehouse.rows(f"delete from {FACT} where event_id = 'page-20' returning 1")
    now = facts(warehouse)
    assert now[FACT] == right[FACT]
    assert now[JOBS] == right[JOBS]
    assert backfill(warehouse.settings) == []


def test_events_whose_records_were_dropped_are_counted(warehouse: Warehouse) -> None:
    fill(warehouse)
    as_of_before(warehouse)
    warehouse.landing.execute("delete from landing.product_views where load_id = 1")
    said = prepare(warehouse.settings, topics=False, models=True)
    assert said[0].startswith(f"{FACT}: 4 events filled with ")
    assert said[0].endswith("; 8 older events stay without, as their landed records were dropped")
    assert warehouse.rows("select events_read, events_filled, events_lost from ops.backfills order by 1") == [
        (4, 4, 8),
        (6, 6, 0),
    ]


def test_it_waits_for_a_model_that_fills_the_table_and_readers_do_not_wait_for_it(warehouse: Warehouse) -> None:
    fill(warehouse)
    as_of_before(warehouse)
    assert create_relations(warehouse.settings)
    with connect(warehouse.settings.as_transformer) as model:
        model.execute("select 1 from ops.model_progress where relation = %s for update", (FACT,))
        filling = threading.Thread(target=backfill, args=(warehouse.settings,))
        filling.start()
        wait_until(lambda: waiting_for_a_lock(warehouse) == 1, "the backfill waits for the model")
        assert warehouse.one(f"select count(cat_id) from {FACT}") == 0
        model.rollback()
    filling.join(timeout=180)
    assert warehouse.one(f"select count(cat_id) from {FACT}") == 12


def test_a_batch_is_some_small_loads_or_a_part_of_a_large_one() -> None:
    times = [DAY + dt.timedelta(hours=hour) for hour in (2, 1, 3, 4)]
    loads = [
        Load(11, times[0], times[0], 10),
        Load(12, times[1], times[1], 0),
        Load(14, times[2], times[2], 5),
        Load(15, times[3], times[3], 31),
    ]
    first = next_batch(10, 0, loads, most=20)
    assert first == Batch(10, 14, times[1], times[2])
    assert first.progress == (14, 0)
    parts = [next_batch(14, part, loads[3:], most=20) for part in (0, 1)]
    assert parts == [Batch(14, 15, times[3], times[3], part, 2) for part in (0, 1)]
    assert [part.progress for part in parts if part] == [(14, 1), (15, 0)]
    assert next_batch(15, 0, [], most=20) is None


def test_who_an_event_of_an_ad_is_by_is_salted_for_readers(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", [{**CLICKS[0], "uid": " 1-8n34 ", "rl": "https://a:b@blog.example/x?user=1-8n34"}])
    warehouse.run()
    ((key, url, named),) = warehouse.rows("select user_key, referrer_url, named_job_id from marts.fct_job_events")
    (salt,) = warehouse.rows("select salt from ops.pseudonym_salt")[0]
    assert (key, url, named) == (salted_key(salt, "1-8n34"), "https://blog.example/x", 9)
    assert isinstance(key, UUID)
