"""`landfall retention`: old data goes, nothing that somebody still has to read, and what was counted stays."""

import datetime as dt
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from database.connect import connect
from landfall.errors import UserError
from landing_stream.contract import load_contracts
from landing_stream.tables import ensure_day_partitions
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event, job_events, web_requests
from tests.dbt.shop_events import shop_visits
from tests.dbt.web_counts import web_traffic
from warehouse.readers import Reader
from warehouse.refresh import refresh
from warehouse.retention import Partition, retain, split_partitions
from warehouse.shorten import LISTS, PAGES, find_columns

StartCommand = Callable[..., "subprocess.Popen[str]"]


def age(warehouse: Warehouse, stream: str, days: int) -> None:
    """Move everything of a stream that has landed so far so many days back, into partitions of their own."""
    execute = warehouse.landing.execute
    (landed_at,) = execute("select max(landed_at) from landing.loads where stream = %s", (stream,)).fetchall()[0]
    shift = dt.timedelta(days=days)
    ensure_day_partitions(warehouse.landing, stream, (landed_at - shift).astimezone(dt.UTC).date())
    execute("update landing.loads set landed_at = landed_at - %s where stream = %s", (shift, stream))
    execute(f"update landing.{stream} set landed_at = landed_at - %s", (shift,))
    execute("update landing.quarantine set landed_at = landed_at - %s where stream = %s", (shift, stream))


def landed(warehouse: Warehouse, stream: str) -> int:
    return int(warehouse.one(f"select count(*) from landing.{stream}"))


def partition(last_load_id: int) -> Partition:
    return Partition("web_logs", dt.date(2026, 3, 28), last_load_id, rows=1)


def test_a_partition_stays_as_long_as_somebody_has_not_read_it_whole() -> None:
    readers = [Reader("web_logs", "fast", 9), Reader("web_logs", "slow", 5), Reader("job_tracking", "other", 0)]
    assert split_partitions([partition(5), partition(6)], readers) == ([partition(5)], [(partition(6), readers[1])])


def test_a_stream_that_nobody_reads_keeps_everything() -> None:
    free, held = split_partitions([partition(0)], [])
    assert free == []
    assert [reader.name for _, reader in held] == ["no model"]


def test_old_partitions_go_and_facts_and_marts_stay_also_with_a_full_refresh(warehouse: Warehouse) -> None:
    old, new = (
        web_traffic(120, seed=1),
        [{**event, "event_id": f"new-{n}"} for n, event in enumerate(web_traffic(60, 2))],
    )
    warehouse.land("web_logs", [*old, {"event_id": "x", "timestamp": "now"}])
    warehouse.land("job_tracking", job_events(50, seed=3))
    warehouse.run()
    age(warehouse, "web_logs", 40)
    warehouse.land("web_logs", new)
    warehouse.run()
    before = warehouse.tables()

    done = retain(warehouse.settings, dry_run=True)
    assert [(p.stream, p.last_load_id) for p in done.dropped if p.last_load_id] == [("web_logs", 1)]
    assert landed(warehouse, "web_logs") == len(old) + 1 + len(new)
    assert warehouse.rows("select * from ops.dropped_landing") == []

    done = retain(warehouse.settings)
    assert done.held == ()
    assert landed(warehouse, "web_logs") == len(new)
    assert landed(warehouse, "job_tracking") == 50
    assert retain(warehouse.settings).dropped == ()

    outcome = refresh(warehouse.settings, full_refresh=True)
    assert outcome.ok, (outcome.trouble, outcome.failed)
    assert warehouse.tables() == before
    # the marts were filled anew, from the facts
    warehouse.reader.execute("delete from intermediate.int_web_sessions; delete from intermediate.int_job_events")
    assert refresh(warehouse.settings, full_refresh=True).ok
    assert warehouse.tables() == before


SUMS = (
    "select sum(offsets), sum(landed), sum(winners), sum(rejected), sum(duplicates), sum(conflicting_duplicates),"
    " sum(abs(unexplained_offsets)) + sum(abs(unexplained_rows)) from ops.reconciliation where stream = 'web_logs'"
)
BY_LOAD = (
    "select load_id, winners, duplicates, unexplained_rows from ops.reconciliation where stream = 'web_logs' order by 1"
)
LOADS = "select load_id, loads from landing.loads where stream = 'web_logs' order by 1"


def three_loads(warehouse: Warehouse, events: list[Event], days: int) -> None:
    """60 events, ten of which come twice, landed so many days ago: some in one hour, the others in the next."""
    for number, chosen in enumerate([events[:20], events[10:40], events[40:60]]):
        warehouse.land("web_logs", chosen)
        first = (0, 20, 50)[number]
        slice_of(warehouse, number + 1, first, first + len(chosen), len(chosen))
    age(warehouse, "web_logs", days)
    for table in ("loads", "web_logs"):
        warehouse.landing.execute(
            f"update landing.{table} set landed_at = date_trunc('day', landed_at, 'UTC')"
            " + case load_id when 1 then interval '3 h' when 2 then interval '4 h' else interval '4 h 59 min' end"
        )
    warehouse.run()


def test_loads_that_everybody_has_read_are_merged_by_the_hour_while_their_rows_stand(warehouse: Warehouse) -> None:
    events = web_requests(65, seed=1)
    three_loads(warehouse, events, days=3)
    # rows of an open day stay as they are, whoever has read them
    warehouse.land("web_logs", events[60:])
    slice_of(warehouse, 4, 70, 75, 5)
    assert retain(warehouse.settings, dry_run=True).loads == 1
    behind = "update ops.model_progress set position = 2 where relation = 'intermediate.int_web_logs__accounts'"
    assert warehouse.reader.execute(behind).rowcount == 1
    assert retain(warehouse.settings).loads == 0, "a model stands within"
    warehouse.run()
    assert retain(warehouse.settings).loads == 1
    assert warehouse.rows(LOADS) == [(1, 1), (3, 2), (4, 1)]
    assert warehouse.rows("select load_id, from_offset, until_offset, landed from landing.slices order by 1") == [
        (1, 0, 20, 20),
        (3, 20, 70, 50),
        (4, 70, 75, 5),
    ]
    by_load = [(1, 20, 0, 0), (3, 40, 10, 0), (4, 5, 0, 0)]
    assert warehouse.rows(BY_LOAD) == by_load
    tables = warehouse.tables()
    assert refresh(warehouse.settings, full_refresh=True).ok
    assert warehouse.tables() == tables
    assert warehouse.rows(BY_LOAD) == by_load
    assert warehouse.one("select sum(landed) from marts.trust_loads where stream = 'web_logs'") == 75


def test_loads_whose_rows_have_gone_are_merged_and_everything_adds_up_as_before(warehouse: Warehouse) -> None:
    events = web_requests(65, seed=1)
    three_loads(warehouse, events, days=40)
    warehouse.land("web_logs", events[60:])
    slice_of(warehouse, 4, 70, 75, 5)
    warehouse.run()
    before = warehouse.rows(SUMS)
    assert before == [(75, 75, 65, 0, 10, 0, 0)]
    assert retain(warehouse.settings).loads == 2
    assert warehouse.rows(LOADS) == [(3, 3), (4, 1)]
    assert warehouse.rows(SUMS) == before
    assert warehouse.rows(BY_LOAD) == [(3, 60, 10, 0), (4, 5, 0, 0)]
    assert retain(warehouse.settings).loads == 0
    assert refresh(warehouse.settings, full_refresh=True).ok
    assert warehouse.rows(SUMS) == before


def slice_of(warehouse: Warehouse, load_id: int, first: int, until: int, count: int) -> None:
    """The account of a load of web_logs."""
    warehouse.landing.execute(
        "insert into landing.slices (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed,"
        " quarantined, holes) values ('web_logs', %s, %s, 0, %s, %s, %s, 0, 0)",
        (load_id, uuid.UUID(int=7), first, until, count),
    )


def test_the_commands_say_what_goes_and_that_facts_stay_as_they_are(
    warehouse: Warehouse, start_command: StartCommand
) -> None:
    def said(*arguments: str) -> str:
        process = start_command(warehouse.settings, *arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output

    warehouse.land("web_logs", web_requests(5, seed=1))
    warehouse.run()
    age(warehouse, "web_logs", 40)
    assert "web_logs: 2 day(s) of landing would be dropped" in said("retention", "--dry-run")
    assert "web_logs: 2 day(s) of landing dropped" in said("retention")
    assert said("refresh", "--full-refresh").count("landing was dropped (web_logs up to ") == 1
    assert warehouse.one("select count(*) from marts.fct_web_requests") == 5


def test_what_a_model_or_the_enricher_has_not_read_stays(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", web_requests(5, seed=1))
    warehouse.run()
    warehouse.land("web_logs", web_requests(5, seed=2))
    warehouse.run("run", "--select", "source:landing.web_logs+", "--exclude", "int_web_sessions")
    age(warehouse, "web_logs", 40)
    done = retain(warehouse.settings)
    assert {reader.name for _, reader in done.held} == {"intermediate.int_web_sessions"}
    assert landed(warehouse, "web_logs") == 10
    warehouse.run()
    warehouse.reader.execute("update enrichment.progress set position = 1 where stream = 'web_logs'")
    assert {reader.name for _, reader in retain(warehouse.settings).held} == {"the enricher"}
    warehouse.reader.execute("update enrichment.progress set position = 2 where stream = 'web_logs'")
    assert retain(warehouse.settings).held == ()
    assert landed(warehouse, "web_logs") == 0


def test_a_relation_that_is_gone_or_a_view_by_now_holds_nothing_back(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", web_requests(5, seed=1))
    warehouse.run()
    warehouse.reader.execute(
        "insert into ops.model_progress (relation, source) values ('marts.fct_web_requests', 'web_logs'),"
        " ('dev_ada_marts.gone', 'web_logs')"
    )
    age(warehouse, "web_logs", 40)
    assert retain(warehouse.settings).held == ()


def test_an_open_load_keeps_its_partition(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", web_requests(5, seed=1))
    warehouse.run()
    load = warehouse.land("web_logs", web_requests(5, seed=2), finish=False)
    age(warehouse, "web_logs", 40)
    assert len(retain(warehouse.settings).held) == 1
    warehouse.finish("web_logs", load)
    warehouse.run()
    assert retain(warehouse.settings).held == ()


def test_retention_waits_for_a_refresh_that_may_read_everything_anew(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.land("web_logs", web_requests(5, seed=1))
    warehouse.run()
    age(warehouse, "web_logs", 40)
    monkeypatch.setattr("warehouse.retention.REFRESH_LOCK_TIMEOUT_MS", 200)
    with connect(warehouse.settings.as_transformer) as other:
        other.execute("update ops.model_progress set position = 0 where relation = 'intermediate.int_web_requests'")
        with pytest.raises(UserError, match="refresh is filling tables"):
            retain(warehouse.settings)
        other.rollback()
    assert landed(warehouse, "web_logs") == 5


def test_quarantined_records_go_after_their_own_time(warehouse: Warehouse) -> None:
    warehouse.land("web_logs", web_requests(1, seed=1))
    warehouse.landing.execute(
        "insert into landing.quarantine (stream, load_id, topic_id, kafka_partition, kafka_offset, landed_at, reason)"
        " select 'web_logs', 1, gen_random_uuid(), 0, n, clock_timestamp() - make_interval(days => n), 'not_json'"
        " from unnest(array[89, 91]) as n"
    )
    assert retain(warehouse.settings, dry_run=True).quarantined == 1
    assert retain(warehouse.settings).quarantined == 1
    assert warehouse.rows("select kafka_offset from landing.quarantine") == [(89,)]
    assert retain(replace(warehouse.settings, quarantine_retention_days=30)).quarantined == 1


def test_old_addresses_are_shortened_and_still_told_apart(warehouse: Warehouse) -> None:
    texts = ["203.0.113.17", "203.0.113.18", "2001:db8:85a3:8d3::7", "10.1.2.3, 10.1.2.4", "::ffff:1.2.3.4", "unknown"]
    requests: list[Event] = [
        {**event, "ip_address": text} for text in texts for event in web_requests(1, seed=texts.index(text))
    ]
    warehouse.land("web_logs", [{**event, "event_id": str(number)} for number, event in enumerate(requests)])
    warehouse.run()
    before = warehouse.tables()
    assert retain(warehouse.settings).addresses == 0
    warehouse.reader.execute("update enrichment.ip_address set enriched_at = enriched_at - interval '31 days'")
    assert retain(warehouse.settings, dry_run=True).addresses == 6
    assert retain(warehouse.settings).addresses == 6
    shortened = warehouse.rows("select ip_address from enrichment.ip_address order by 1")
    assert shortened == [
        ("1.2.3.0/24",),
        ("10.1.2.0/24",),
        ("2001:db8:85a3::/48",),
        ("203.0.113.0/24",),
        ("203.0.113.0/24",),
        (None,),
    ]
    assert retain(warehouse.settings).addresses == 0
    warehouse.land("web_logs", [{**event, "event_id": f"again {number}"} for number, event in enumerate(requests)])
    assert warehouse.one("select count(*) from enrichment.ip_address") == 6
    assert set(before["intermediate.int_web_ip_minutes"]) == set(warehouse.tables()["intermediate.int_web_ip_minutes"])


def assert_events_are_looked_through_once(warehouse: Warehouse) -> None:
    """For all addresses together, and not for each: with 5,000 and 160,000 events it was minutes."""
    columns = [each for each in find_columns(warehouse.reader, load_contracts(), 90) if each.column in PAGES]
    assert {f"intermediate.{name}" for name in LISTS} <= {column.relation for column in columns}
    for column in columns:
        query = sql.SQL("explain select from {} where {}").format(column.table, column.is_long)
        plan = "\n".join(line for (line,) in warehouse.reader.execute(query).fetchall())
        assert "SubPlan" not in plan, plan


def test_old_identifiers_become_keys_and_nothing_is_counted_otherwise(warehouse: Warehouse) -> None:
    visits = shop_visits(seed=3, devices=5, visits=20)
    visits = [
        {**visit, "user_id_db": f"user-{n % 3}", "referrer_url": REFERRERS[n % 3]} for n, visit in enumerate(visits)
    ]
    warehouse.land("product_views", visits)
    warehouse.land("web_logs", web_traffic(120, seed=1))
    warehouse.land(
        "job_tracking", [{**event, "uid": f" 1-8n34c5vk-{n}"} for n, event in enumerate(job_events(9, seed=3))]
    )
    warehouse.run()
    visitors = "select event_date, product_id, visitors from marts.kpi_products_daily order by 1, 2"
    seen = warehouse.rows(visitors)
    keys = "select event_key, device_key, user_key, referrer_key from marts.fct_product_events order by 1"
    known = warehouse.rows(keys)
    shown = {name: warehouse.rows(f"select * from marts.{name} order by 1") for name in ("dim_page", "dim_referrer")}
    users = "select event_key, user_key from marts.fct_job_events order by 1"
    ad_users = warehouse.rows(users)
    pages = warehouse.one("select count(*) from intermediate.int_pages where page_url ~ '[?#@]'")
    done = retain(warehouse.settings)
    assert (done.identifiers, done.pages) == (0, 0), "nothing is old yet"

    warehouse.reader.execute("update intermediate.int_product_events set landed_at = landed_at - interval '91 days'")
    warehouse.reader.execute("update intermediate.int_web_requests set landed_at = landed_at - interval '91 days'")
    warehouse.reader.execute("update intermediate.int_job_events set landed_at = landed_at - interval '91 days'")
    warehouse.landing.execute("update landing.loads set landed_at = landed_at - interval '91 days'")
    assert_events_are_looked_through_once(warehouse)
    dry = retain(warehouse.settings, dry_run=True)
    done = retain(warehouse.settings)
    assert done.identifiers > 2 * len(visits)
    assert done.pages == 2 + pages
    assert (dry.identifiers, dry.pages) == (done.identifiers, done.pages)
    long_before = {
        "int_product_events": ("device_id", "user_id"),
        "int_web_requests": ("user_id",),
        "int_job_events": ("uid",),
    }
    for table, columns in long_before.items():
        for column in columns:
            long = f"select count(*) from intermediate.{table} where {column} !~ '^key:[0-9a-f-]{{36}}$'"
            assert warehouse.one(long) == 0, (table, column)
    assert warehouse.one("select count(*) from intermediate.int_web_sessions where user_id not like 'key:%'") == 0
    assert warehouse.one("select count(*) from intermediate.int_referrers where referrer_url ~ '[?#]'") == 0
    assert warehouse.one("select count(*) from intermediate.int_pages where page_url ~ '[?#]'") == 0
    for name in shown:
        assert warehouse.rows(f"select * from marts.{name} order by 1") == shown[name]
    assert warehouse.rows(users) == ad_users
    assert len({key for _, key in ad_users if key}) == 9
    again = retain(warehouse.settings)
    assert (again.identifiers, again.pages) == (0, 0)

    # a late event has the old windows and sessions counted anew, from keys; a repeated one contradicts nothing
    warehouse.land("product_views", [{**visits[0], "id": "late"}, visits[1]])
    warehouse.land("web_logs", web_traffic(120, seed=1)[:40])
    warehouse.run()
    assert warehouse.rows(visitors) == seen
    warehouse.reader.execute("delete from intermediate.int_product_events where event_id = 'late'")
    assert warehouse.one("select sum(conflicting_duplicates) from intermediate.int_product_views__accounts") == 0
    assert warehouse.one("select sum(conflicting_duplicates) from intermediate.int_web_logs__accounts") == 0
    assert warehouse.rows(keys) == known


REFERRERS = ["https://a.example/x?q=1", "https://a.example/x?q=2#f", "https://b.example/"]


def test_each_role_does_its_own_part(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.landing.execute("insert into ops.dropped_landing values ('web_logs', '2026-03-28', 1)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.reader.execute("delete from landing.quarantine")
