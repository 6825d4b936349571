"""Who may write, in which order loads appear to readers, and what becomes of a load that its writer left open."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import LEDGER_RELATIONS
from landing_stream.ledger import (
    Fenced,
    LedgerError,
    LoadNotOpen,
    Span,
    WentBack,
    Writer,
    check_generation,
    draw_load,
    finish_load,
    finish_load_with_holes,
    prepare_partitions,
    start_writer,
)
from landing_stream.starting_offsets import starting_offsets
from landing_stream.tables import ensure_day_partitions, ensure_tables, existing_columns
from tests.conftest import Connection
from tests.landing.conftest import contract
from tests.landing.streams import wait_until

TOPIC = UUID(int=7)


@pytest.fixture
def things(landing: Connection) -> Connection:
    """A connection to a database in which the stream `things` is registered."""
    ensure_tables(landing, [contract("things")])
    return landing


def states(connection: Connection) -> list[str]:
    """The state of each load, in order."""
    rows = connection.execute("select state from landing.loads where stream = 'things' order by load_id")
    return [state for (state,) in rows]


def horizon(connection: Connection) -> int:
    row = connection.execute("select hi from landing.horizons where stream = 'things'").fetchone()
    assert row is not None
    return int(row[0])


def test_loads_are_numbered_without_holes_over_all_doors(things: Connection) -> None:
    stream, replay = start_writer(things, "things", "stream"), start_writer(things, "things", "replay")
    drawn = [draw_load(things, writer).load_id for writer in (stream, replay, replay, stream)]
    assert drawn == [1, 2, 3, 4]


def test_an_open_load_holds_readers_back(things: Connection) -> None:
    writer = start_writer(things, "things", "stream")
    assert horizon(things) == 0
    first, second, third = (draw_load(things, writer) for _ in range(3))
    assert horizon(things) == 0
    finish_load(things, writer, second)
    assert horizon(things) == 0
    finish_load(things, writer, first)
    assert horizon(things) == 2
    finish_load(things, writer, third)
    assert horizon(things) == 3


def test_a_load_that_is_being_drawn_cannot_be_overtaken(things: Connection, database: Settings) -> None:
    """Ids become visible in order: who draws second waits for the first one's commit."""
    writer = start_writer(things, "things", "stream")
    replay = start_writer(things, "things", "replay")
    with connect(database.as_writer, autocommit=True, lock_timeout_ms=200) as other:
        with things.transaction():
            draw_load(things, writer)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                draw_load(other, replay)
        assert draw_load(other, replay).load_id == 2


def test_what_a_writer_left_open_is_sealed_by_the_next_one(
    things: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    old = start_writer(things, "things", "stream")
    finish_load(things, old, draw_load(things, old))
    draw_load(things, old)
    assert horizon(things) == 1
    start_writer(things, "things", "stream")
    assert states(things) == ["finished", "sealed"]
    assert horizon(things) == 2
    assert "sealed 1 load(s)" in caplog.text


def test_a_new_writer_leaves_the_loads_of_other_doors_open(things: Connection) -> None:
    replay = start_writer(things, "things", "replay")
    load = draw_load(things, replay)
    start_writer(things, "things", "stream")
    assert states(things) == ["open"]
    finish_load(things, replay, load)
    assert states(things) == ["finished"]


def test_a_sealed_load_cannot_be_finished_nor_a_finished_one_again(things: Connection) -> None:
    old = start_writer(things, "things", "stream")
    load = draw_load(things, old)
    newer = start_writer(things, "things", "stream")
    with pytest.raises(LoadNotOpen):
        finish_load(things, newer, load)
    load = draw_load(things, newer)
    finish_load(things, newer, load)
    with pytest.raises(LoadNotOpen):
        finish_load(things, newer, load)


def test_a_span_that_no_task_closed_is_all_holes(things: Connection) -> None:
    writer = start_writer(things, "things", "stream")
    load = draw_load(things, writer)
    finish_load_with_holes(things, writer, load, TOPIC, [Span(0, 0, 4), Span(3, 0, 2)])
    rows = things.execute("select kafka_partition, until_offset, holes from landing.slices order by 1").fetchall()
    assert rows == [(0, 4, 4), (3, 2, 2)]
    again = draw_load(things, writer)
    finish_load_with_holes(things, writer, again, TOPIC, [Span(0, 0, 4)])
    assert things.execute("select count(*) from landing.slices").fetchone() == (2,)


def test_a_takeover_waits_for_the_slice_that_is_being_written(things: Connection, database: Settings) -> None:
    """A slice commits whole or is fenced: the door changes hands between transactions only."""
    old = start_writer(things, "things", "stream")
    taken = threading.Event()

    def take_over() -> None:
        with connect(database.as_writer, autocommit=True) as other:
            start_writer(other, "things", "stream")
        taken.set()

    with things.transaction():
        check_generation(things, old)
        thread = threading.Thread(target=take_over)
        thread.start()
        wait_until(lambda: waiting(database) == 1, "the takeover waits")
        assert not taken.is_set()
    thread.join(30)
    assert taken.is_set()
    with pytest.raises(Fenced):
        check_generation(things, old)


def waiting(settings: Settings) -> int:
    """How many connections wait for an advisory lock."""
    with connect(settings.as_writer) as connection:
        row = connection.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted"
            " and database = (select oid from pg_database where datname = current_database())"
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_takeover_does_not_wait_for_ever_for_a_writer_that_hangs(
    things: Connection, database: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    old = start_writer(things, "things", "stream")
    with connect(database.as_writer) as hanging:
        check_generation(hanging, old)  # and now it does nothing, its transaction open
        assert start_writer(things, "things", "stream").generation == 2
        with pytest.raises(psycopg.OperationalError):
            hanging.execute("select 1")
    assert "terminated 1 transaction(s) of an older writer" in caplog.text


def test_one_of_two_writers_that_start_at_once_is_fenced(things: Connection, database: Settings) -> None:
    def take(_: int) -> Writer:
        with connect(database.as_writer, autocommit=True) as connection:
            return start_writer(connection, "things", "stream")

    with ThreadPoolExecutor(4) as pool:
        writers = list(pool.map(take, range(4)))
    assert sorted(writer.generation for writer in writers) == [1, 2, 3, 4]
    fenced = 0
    for writer in writers:
        try:
            draw_load(things, writer)
        except Fenced:
            fenced += 1
    assert fenced == 3


def test_a_writer_that_comes_back_does_not_take_the_door_from_a_newer_one(things: Connection) -> None:
    first, second = uuid4(), uuid4()
    begun = start_writer(things, "things", "stream", first)
    again = start_writer(things, "things", "stream", first, had=begun)
    newest = start_writer(things, "things", "stream", second)
    with pytest.raises(Fenced, match="another writer took over while this one was down"):
        start_writer(things, "things", "stream", first, had=again)
    draw_load(things, newest)


def test_a_writer_whose_door_was_lost_with_the_server_takes_it_again(things: Connection) -> None:
    before, mine = uuid4(), uuid4()
    start_writer(things, "things", "stream", before)
    writer = start_writer(things, "things", "stream", mine)
    # as a standby has it that had not received the second start
    things.execute("update landing.writers set generation = 1, owner = %s", (before,))
    with pytest.raises(WentBack, match="Postgres has gone back to generation 1 of the landing, and this one is 2"):
        draw_load(things, writer)
    again = start_writer(things, "things", "stream", mine, had=writer)
    assert again.generation == 3, "no copy of this writer from before can write"
    things.execute("delete from landing.writers")
    with pytest.raises(WentBack):
        draw_load(things, again)
    draw_load(things, start_writer(things, "things", "stream", mine, had=again))


def gaps(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select kafka_partition, from_offset, until_offset from landing.gaps order by 1, 2"
    ).fetchall()


def test_a_start_is_where_the_ledger_stands_or_the_earliest_offset(things: Connection) -> None:
    writer = start_writer(things, "things", "stream")
    assert starting_offsets(things, writer, TOPIC, {0: 0, 1: 40}, {0: 9, 1: 50}) == {0: 0, 1: 40}
    load = draw_load(things, writer)
    finish_load_with_holes(things, writer, load, TOPIC, [Span(0, 0, 9), Span(1, 40, 44)])
    assert starting_offsets(things, writer, TOPIC, {0: 0, 1: 40, 2: 5}, {0: 9, 1: 50, 2: 5}) == {0: 9, 1: 44, 2: 5}
    assert gaps(things) == []


def test_another_topic_of_the_same_name_starts_anew(things: Connection) -> None:
    writer = start_writer(things, "things", "stream")
    finish_load_with_holes(things, writer, draw_load(things, writer), TOPIC, [Span(0, 0, 9)])
    assert starting_offsets(things, writer, UUID(int=8), {0: 0}, {0: 3}) == {0: 0}


def test_what_retention_took_is_stepped_over_and_recorded_once(
    things: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    writer = start_writer(things, "things", "stream")
    starting_offsets(things, writer, TOPIC, {0: 0}, {0: 9})
    for _ in range(2):
        assert starting_offsets(things, writer, TOPIC, {0: 6}, {0: 9}) == {0: 6}
    assert gaps(things) == [(0, 0, 6)]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_ledger_ahead_of_the_topics_end_is_an_error_that_moves_nothing(things: Connection) -> None:
    writer = start_writer(things, "things", "stream")
    finish_load_with_holes(things, writer, draw_load(things, writer), TOPIC, [Span(0, 0, 9)])
    with pytest.raises(LedgerError, match=r"offsets below 9 have landed, but the topic ends at 4$"):
        starting_offsets(things, writer, TOPIC, {0: 0, 1: 7}, {0: 4, 1: 7})
    assert things.execute("select kafka_partition, next_offset from landing.offsets").fetchall() == [(0, 9)]


def partitions(connection: Connection) -> list[str]:
    rows = connection.execute(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'landing.things'::regclass order by 1"
    )
    return [name for (name,) in rows]


def test_the_partitions_of_a_day_and_the_next_are_there_before_midnight(things: Connection) -> None:
    things.execute("set timezone = 'Pacific/Kiritimati'")  # days are those of UTC, whatever the session's zone
    ensure_day_partitions(things, "things", dt.date(2026, 12, 31))
    assert partitions(things) == ["landing.things_20261231", "landing.things_20270101"]
    moments = ("2026-12-31 23:59:59.999999+00", "2027-01-01 00:00:00+00")
    for number, moment in enumerate(moments):
        things.execute(
            "insert into landing.things (load_id, topic_id, kafka_partition, kafka_offset, landed_at)"
            " values (1, gen_random_uuid(), 0, %s, %s)",
            (number, moment),
        )
    for partition, number in (("things_20261231", 0), ("things_20270101", 1)):
        rows = things.execute(f"select kafka_offset from landing.{partition}").fetchall()
        assert rows == [(number,)]


def test_partitions_may_be_made_by_several_writers_at_once(things: Connection, database: Settings) -> None:
    def make(_: int) -> None:
        with connect(database.as_writer, autocommit=True) as connection:
            ensure_day_partitions(connection, "things", dt.date(2026, 3, 28))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    assert partitions(things) == ["landing.things_20260328", "landing.things_20260329"]


def test_a_partition_is_made_while_a_long_query_reads_the_table(things: Connection, database: Settings) -> None:
    with connect(database.as_transformer) as reader:
        reader.execute("select * from landing.things")
        things.execute("set lock_timeout = '1s'")
        ensure_day_partitions(things, "things", dt.date(2026, 3, 28))
    assert len(partitions(things)) == 2


def test_the_days_of_now_and_of_tomorrow_are_made_by_postgres_clock(things: Connection) -> None:
    done: set[dt.date] = set()
    prepare_partitions(things, "things", done)
    prepare_partitions(things, "things", done)
    assert len(partitions(things)) == 2
    assert len(done) == 1
    writer = start_writer(things, "things", "stream")
    load = draw_load(things, writer)
    assert load.landed_at.astimezone(dt.UTC).date() - next(iter(done)) in (dt.timedelta(0), dt.timedelta(days=1))


def test_a_contract_that_grows_adds_columns_behind_extra_and_keeps_rows(things: Connection) -> None:
    before = existing_columns(things, "things")
    ensure_tables(things, [contract("things", fields=("id", "new one", "v"))])
    assert existing_columns(things, "things") == [*before, "new one"]


def test_a_table_waits_for_a_reader_before_it_grows(things: Connection, database: Settings) -> None:
    grown = threading.Event()

    def grow() -> None:
        with connect(database.as_writer, autocommit=True) as connection:
            ensure_tables(connection, [contract("things", fields=("id", "v", "new"))])
        grown.set()

    with connect(database.as_transformer) as reader:
        reader.execute("select * from landing.things")
        thread = threading.Thread(target=grow)
        thread.start()
        query = "select count(*) from pg_locks where not granted and relation = 'landing.things'::regclass"
        wait_until(lambda: things.execute(query).fetchone() == (1,), "the change waits for its lock")
        wait_until(lambda: things.execute(query).fetchone() == (0,), "and gives way to later readers")
        things.execute("select * from landing.things")
        assert not grown.is_set()
    thread.join(30)
    assert grown.is_set()


def test_a_stream_that_moves_to_another_topic_says_so_in_the_ledger(things: Connection) -> None:
    ensure_tables(things, [contract("things.v2")])
    row = things.execute("select topic from landing.streams where stream = 'things'").fetchone()
    assert row == ("things.v2",)


def test_what_stands_in_the_schema_is_no_name_for_a_stream(landing: Connection) -> None:
    kinds = "select relkind, relname from pg_class where relnamespace = 'landing'::regnamespace and relkind <> 'p'"
    taken = landing.execute(kinds).fetchall()
    assert {name for kind, name in taken if kind in "rv"} == set(LEDGER_RELATIONS)
    ensure_tables(landing, [contract("things")])
    ensure_day_partitions(landing, "things", dt.date(2026, 3, 28))
    before = landing.execute("select * from landing.streams").fetchall()
    for stream in (*(name for _, name in taken), "things_20260328", "things_load_id_idx"):
        with pytest.raises(UserError, match=f"Stream {stream}: the name is taken"):
            ensure_tables(landing, [replace(contract("other"), stream=stream)])
    assert landing.execute("select * from landing.streams").fetchall() == before
    assert existing_columns(landing, "files")[-1] == "finished_at"
