"""Facts in partitions: made as events need them, one row per event key over all; an upgrade moves them there."""

import datetime as dt
import re
from collections.abc import Sequence

import psycopg
import pytest
from psycopg import sql

from cli.prepare import prepare
from database.connect import connect
from landfall.errors import UserError
from tests.dbt.conftest import TOPIC, Warehouse
from tests.dbt.events import Event, job_events
from tests.dbt.shop_events import shop_visits
from warehouse import partitioning
from warehouse.partitioning import identifier, look_around

SHOP, JOBS, WEB = "intermediate.int_product_events", "intermediate.int_job_events", "intermediate.int_web_requests"
THIS_MONTH = dt.datetime.now(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def view(key: str, moment: dt.datetime, **fields: str) -> Event:
    """A view of a product."""
    return {
        "id": key,
        "time_stamp": str(int(moment.timestamp())),
        "collection": "view_product_detail",
        "current_url": "https://www.glamira.de/ring",
        **fields,
    }


def views(moments: Sequence[dt.datetime]) -> list[Event]:
    """A view at each of these times."""
    return [view(f"at-{moment:%Y%m%d}", moment) for moment in moments]


def partitions(warehouse: Warehouse, relation: str) -> list[tuple[str, str]]:
    """From when until when each partition is, as days."""
    query = (
        "select coalesce(to_char(nullif(from_at, '-infinity') at time zone 'UTC', 'YYYY-MM-DD'), '-'),"
        " coalesce(to_char(nullif(until_at, 'infinity') at time zone 'UTC', 'YYYY-MM-DD'), '-')"
        f" from ops.partitions_of('{relation}')"
    )
    return [(str(first), str(last)) for first, last in warehouse.rows(query)]


def in_one_piece(warehouse: Warehouse, relation: str) -> None:
    """The table as the release before had it: one, with its key and the views above it."""
    connection = warehouse.reader
    around, table = look_around(connection, relation), identifier(relation)
    schema, _, name = relation.partition(".")
    new = sql.Identifier(schema, f"{name}_whole")
    with connection.transaction():
        connection.execute(sql.SQL("create table {} (like {} including all excluding indexes)").format(new, table))
        connection.execute(sql.SQL("insert into {} select * from {} order by load_id").format(new, table))
        connection.execute(sql.SQL("alter table {} rename to {}").format(table, sql.Identifier(f"{name}_parts")))
        connection.execute(sql.SQL("alter table {} rename to {}").format(new, sql.Identifier(name)))
        for text in around.views.items():
            connection.execute(f"create or replace view {text[0]} as {text[1][0]}".encode())
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(schema, f"{name}_parts")))
        connection.execute(sql.SQL("alter table {} add primary key (event_key)").format(table))
        for definition in around.indexes.values():
            connection.execute(definition.encode())


def test_partitions_are_made_as_events_need_them_and_their_number_is_bounded(warehouse: Warehouse) -> None:
    recent = [THIS_MONTH - dt.timedelta(days=days) for days in (1, 20, 70)]
    years = THIS_MONTH.year
    old = [dt.datetime(years - ago, 5, 17, 12, tzinfo=dt.UTC) for ago in (3, 9)]
    far = [dt.datetime(1971, 1, 1, tzinfo=dt.UTC), dt.datetime(1999, 12, 31, tzinfo=dt.UTC)]
    warehouse.land("product_views", views([*recent, *old, *far]))
    warehouse.run()
    made = partitions(warehouse, SHOP)
    assert made[0] == ("-", f"{years - 10}-01-01")
    assert made[1:3] == [(f"{years - ago}-01-01", f"{years - ago + 1}-01-01") for ago in (9, 3)]
    assert all(
        dt.date.fromisoformat(last) - dt.date.fromisoformat(first) <= dt.timedelta(31) for first, last in made[3:]
    )
    assert warehouse.one(f"select count(*) from {SHOP}") == 7

    days = [dt.datetime(1972, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=21 * n) for n in range(960)]
    warehouse.land("product_views", views([day for day in days if day < THIS_MONTH]))
    warehouse.run()
    made = partitions(warehouse, SHOP)
    assert len(made) <= 30
    assert [last for _, last in made[:-1]] == [first for first, _ in made[1:]], "without gaps, none over another"
    assert warehouse.one(f"select count(*) from {SHOP}") == 7 + sum(day < THIS_MONTH for day in days)
    assert (
        warehouse.one(f"select count(*) from (select 1 from {SHOP} group by event_key having count(*) > 1) as d") == 0
    )


def test_months_are_for_few_partitions_and_ranges_keep_to_the_gaps(warehouse: Warehouse) -> None:
    of = "select from_at::date::text, until_at::text from ops.partition_range({}, {}, '2026-11-15Z')"
    with connect(warehouse.settings.as_transformer, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")

        def range_of(instant: str, count: int = 0) -> tuple[str, str]:
            row = connection.execute(of.format(f"'{instant}'", count).encode()).fetchone()
            assert row is not None
            return row[0], row[1][:10]

        assert range_of("2026-11-03Z") == ("2026-11-01", "2026-12-01")
        assert range_of("2025-10-03Z") == ("2025-10-01", "2025-11-01")
        assert range_of("2026-11-03Z", 36) == ("2026-01-01", "2027-01-01")
        assert range_of("2025-09-30Z") == ("2025-01-01", "2026-01-01")
        assert range_of("2027-01-01Z") == ("2027-01-01", "2028-01-01")
        assert range_of("2038-01-01Z") == ("2037-01-01", "infinity")
        assert range_of("2015-12-31Z") == ("-infinity", "2016-01-01")
        connection.execute("create table ops.gaps (event_at timestamptz) partition by range (event_at)")
        connection.execute(
            "create table ops.gap partition of ops.gaps for values from ('2020-03-01Z') to ('2020-06-01Z')"
        )
        times = "array['2020-02-01Z', '2020-07-01Z', '2020-04-01Z', null]::timestamptz[]"
        made = f"select ops.make_partitions('ops.gaps', {times})".encode()
        assert connection.execute(made).fetchone() == (2,)
    assert partitions(warehouse, "ops.gaps") == [
        ("2020-01-01", "2020-03-01"),
        ("2020-03-01", "2020-06-01"),
        ("2020-06-01", "2021-01-01"),
    ]


def test_of_one_key_the_first_landed_stays_also_where_it_comes_again_with_another_time(warehouse: Warehouse) -> None:
    first, other, old = (
        THIS_MONTH - dt.timedelta(days=3),
        THIS_MONTH - dt.timedelta(days=100),
        dt.datetime(1980, 1, 1, tzinfo=dt.UTC),
    )
    warehouse.land("product_views", [view("a", first), view("b", other), view("a", old)])
    warehouse.run()
    warehouse.land("product_views", [view("a", other), view("b", old), view("b", other), view("c", old)])
    warehouse.run()
    kept = warehouse.rows(f"select event_id, event_at from {SHOP} order by 1")
    assert kept == [("a", first), ("b", other), ("c", old)]
    accounts = "winners, duplicates, conflicting_duplicates from intermediate.int_product_views__accounts"
    assert warehouse.rows(f"select {accounts} order by load_id") == [(2, 1, 1), (1, 3, 2)]
    warehouse.run("run", "--full-refresh", "-s", "int_product_events")
    assert warehouse.rows(f"select event_id, event_at from {SHOP} order by 1") == kept


def test_what_is_rolled_back_leaves_no_row_no_partition_and_no_key(warehouse: Warehouse) -> None:
    warehouse.land("product_views", [view("a", THIS_MONTH - dt.timedelta(days=3))])
    project = warehouse.one(f"select project from ops.model_scripts where relation = '{SHOP}'")
    with connect(warehouse.settings.as_transformer) as killed:
        killed.execute("select ops.capture_horizon('killed')")
        assert killed.execute("select ops.refresh_model(%s, 'killed', %s)", (SHOP, project)).fetchone() == (1,)
        killed.rollback()
    assert partitions(warehouse, SHOP) == []
    warehouse.run()
    assert warehouse.one(f"select count(*) from {SHOP}") == 1


def test_a_reader_in_an_open_transaction_neither_stops_a_refresh_nor_is_stopped(warehouse: Warehouse) -> None:
    warehouse.land("product_views", [view("a", THIS_MONTH - dt.timedelta(days=3))])
    warehouse.run()
    count = "select count(*) from marts.fct_product_events"
    with connect(warehouse.settings.as_transformer, lock_timeout_ms=5_000) as reader:
        assert reader.execute(count).fetchone() == (1,)
        warehouse.land("product_views", [view("b", THIS_MONTH - dt.timedelta(days=60)), view("c", THIS_MONTH)])
        warehouse.run()
        assert reader.execute(count).fetchone() == (3,)
    assert len(partitions(warehouse, SHOP)) == 3


def test_who_asks_for_some_days_reads_their_partitions_alone(warehouse: Warehouse) -> None:
    warehouse.land("product_views", views([THIS_MONTH - dt.timedelta(days=31 * n) for n in range(1, 8)]))
    warehouse.run()
    day = THIS_MONTH - dt.timedelta(days=31)
    bounds = f"event_at >= '{day}' and event_at < '{day + dt.timedelta(days=1)}'"
    for mart in (SHOP, "marts.fct_product_events"):
        plan = "\n".join(line for (line,) in warehouse.rows(f"explain select * from {mart} where {bounds}"))
        assert len(set(re.findall(r"int_product_events_\d{8}\b(?!_)", plan))) == 1, plan
    assert len(partitions(warehouse, SHOP)) == 7


def test_of_one_key_in_a_batch_the_first_landed_stays_and_two_rows_of_one_record_are_refused(
    warehouse: Warehouse,
) -> None:
    places = [(2, 0, 1), (1, 1, 0), (1, 0, 9), (1, 0, 10)]
    with connect(warehouse.settings.as_transformer) as connection:
        connection.execute(
            "create temporary table batch (event_key uuid, load_id bigint, topic_id uuid, kafka_partition integer,"
            " kafka_offset bigint) on commit drop"
        )
        for load, *place in places:
            connection.execute("insert into batch values (md5('a')::uuid, %s, %s, %s, %s)", (load, TOPIC, *place))
        assert connection.execute("select ops.keep_first_landed(%s, 'batch')", (SHOP,)).fetchone() == (3,)
        kept = connection.execute("select load_id, kafka_partition, kafka_offset from batch").fetchall()
        assert kept == [(1, 0, 9)]
        connection.execute("insert into batch select * from batch")
        with pytest.raises(psycopg.errors.UniqueViolation, match="one row per event key"):
            connection.execute("select ops.keep_first_landed(%s, 'batch')", (SHOP,))


def test_an_upgrade_puts_facts_into_partitions_and_a_kill_in_its_midst_loses_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.land("product_views", shop_visits(seed=7, visits=20))
    warehouse.land("job_tracking", job_events(40, seed=8))
    warehouse.land("product_views", [view("ahead", THIS_MONTH + dt.timedelta(days=300))])
    warehouse.run()
    right = warehouse.tables()
    for relation in (SHOP, JOBS, WEB):
        in_one_piece(warehouse, relation)
    assert warehouse.tables() == right
    warehouse.reader.execute(
        f"grant select (event_key), insert on {SHOP} to landing_writer; grant select on {SHOP} to landing_writer"
    )
    swap = partitioning.swap

    def killed(*arguments: object) -> None:
        swap(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(partitioning, "swap", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(warehouse.settings, topics=False, models=True)
    monkeypatch.undo()
    assert warehouse.tables() == right, "everything is there, in one piece"
    assert partitions(warehouse, SHOP) == partitions(warehouse, JOBS) == []
    # a refresh goes on meanwhile, also with events beyond the bound that is there by now
    late = [view("later", THIS_MONTH + dt.timedelta(days=70)), view("ahead", THIS_MONTH)]
    warehouse.land("product_views", late)
    warehouse.run()
    right = warehouse.tables()

    said = prepare(warehouse.settings, topics=False, models=True)
    assert [line.split(":")[0] for line in said] == [JOBS, SHOP, WEB]
    assert prepare(warehouse.settings, topics=False, models=True) == [], "nothing is left to do"
    assert warehouse.tables() == right
    assert partitions(warehouse, SHOP)[0][0] == "-"
    assert len(partitions(warehouse, SHOP)) >= 2
    assert warehouse.one(f"select has_table_privilege('landing_writer', '{SHOP}', 'select')")
    indexes = "select count(*) from pg_index as i where i.indrelid = '{}'::regclass and i.indisvalid"
    assert warehouse.one(indexes.format(SHOP)) == warehouse.one(indexes.format(SHOP + "_first")) == 7

    warehouse.land("product_views", [view("ahead", THIS_MONTH), view("new", THIS_MONTH - dt.timedelta(days=800))])
    warehouse.run()
    assert warehouse.rows(
        f"select event_id, tableoid = '{SHOP}_first'::regclass from {SHOP} where event_id in ('ahead', 'new')"
        " order by event_id"
    ) == [("ahead", False), ("new", True)]
    assert warehouse.one("select count(*) from marts.fct_product_events where event_id in ('new', 'later')") == 2


def test_a_materialized_view_of_a_fact_is_named_and_nothing_is_changed(warehouse: Warehouse) -> None:
    warehouse.land("job_tracking", job_events(10, seed=8))
    warehouse.run()
    in_one_piece(warehouse, JOBS)
    warehouse.reader.execute(f"create materialized view marts.kept as select * from {JOBS}")
    with pytest.raises(UserError, match=r"materialized view marts\.kept reads it.*drop it"):
        prepare(warehouse.settings, topics=False, models=True)
    assert warehouse.one(f"select count(*) from {JOBS}") == 10


def test_what_a_pass_has_filled_has_statistics_at_its_end(warehouse: Warehouse) -> None:
    day = THIS_MONTH - dt.timedelta(days=1)
    warehouse.land(
        "product_views",
        [view(f"v{n}", day + dt.timedelta(seconds=n), device_id=f"device {n}") for n in range(1_200)],
    )
    warehouse.run()
    filled = dict(
        warehouse.rows(
            "select relname, reltuples::integer from pg_class"
            " where relnamespace = 'intermediate'::regnamespace and relkind = 'r' and pg_relation_size(oid) > 64 * 1024"
        )
    )
    assert filled["int_visitor_weeks"] == 2_400
    assert {name for name, rows in filled.items() if rows < 0} == set()
