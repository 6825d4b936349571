"""A slice is landed whole or not at all, and never twice: rows, quarantine, account and ledger commit together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest

from database.connect import connect
from landfall.settings import Settings
from landing_stream.copy_rows import RECORD_SCHEMA
from landing_stream.ledger import (
    Account,
    Fenced,
    LedgerError,
    Load,
    LoadNotOpen,
    Span,
    Writer,
    draw_load,
    finish_load,
    prepare_partitions,
    start_writer,
)
from landing_stream.parse import Parser
from landing_stream.slice import Share, land_share
from landing_stream.tables import ensure_tables
from landing_stream.topics import TopicReplaced
from tests.conftest import Connection
from tests.landing.conftest import contract

THINGS = contract("things")
TOPIC = UUID(int=7)
NOON = dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC)


def batch(
    offsets: Sequence[int], values: Sequence[bytes | None] | None = None, partitions: Sequence[int] | None = None
) -> pa.RecordBatch:
    """Records at these offsets of partition 0 or of `partitions`, sent a second after another; by default events whose
    `id` is their offset.
    """
    return pa.RecordBatch.from_pydict(
        {
            "topic_id": [TOPIC.bytes] * len(offsets),
            "kafka_partition": partitions or [0] * len(offsets),
            "kafka_offset": list(offsets),
            "kafka_timestamp": [NOON + dt.timedelta(seconds=offset) for offset in offsets],
            "kafka_key": [None] * len(offsets),
            "value": values or [b'{"id":"%d"}' % offset for offset in offsets],
        },
        schema=RECORD_SCHEMA,
    )


class Ledger:
    """A stream with one writer, whose slices the tests land by hand."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.parser = Parser(THINGS)
        ensure_tables(connection, [THINGS])
        prepare_partitions(connection, "things", set())
        self.writer = start_writer(connection, "things", "stream")
        self.load = draw_load(connection, self.writer)

    def land(
        self,
        first: int,
        until: int,
        batches: Sequence[pa.RecordBatch] | Iterator[pa.RecordBatch] | None = None,
        *,
        writer: Writer | None = None,
        load: Load | None = None,
        still_same_topic: Callable[[], None] = lambda: None,
    ) -> Account | None:
        """Lands offsets [first, until) of partition 0, all of which have an event by default."""
        share = Share(writer or self.writer, load or self.load, TOPIC, (Span(0, first, until),))
        given = [batch(range(first, until))] if batches is None else batches
        return land_share(self.connection, share, self.parser, lambda _: given, still_same_topic).get(0)

    def next_load(self) -> None:
        finish_load(self.connection, self.writer, self.load)
        self.load = draw_load(self.connection, self.writer)

    def query(self, query: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def offsets(self) -> list[int]:
        """The offsets in the landing table."""
        return [offset for (offset,) in self.query("select kafka_offset from landing.things order by 1")]

    def next_offset(self) -> int | None:
        rows = self.query("select next_offset from landing.offsets")
        return rows[0][0] if rows else None

    def slices(self) -> list[tuple[int, int, int, int, int]]:
        """(from, until, landed, quarantined, holes) of each."""
        columns = "from_offset, until_offset, landed, quarantined, holes"
        return self.query(f"select {columns} from landing.slices order by load_id")

    def untouched(self) -> bool:
        """Whether nothing has landed and nothing is written down."""
        return self.offsets() == [] and self.slices() == [] and self.query("select 1 from landing.quarantine") == []


@pytest.fixture
def ledger(landing: Connection) -> Ledger:
    return Ledger(landing)


def test_rows_quarantine_account_and_ledger_commit_together(ledger: Ledger) -> None:
    values = [b'{"id":"a"}', b"no json", None, b'{"id":"b"}']
    account = ledger.land(0, 5, [batch([0, 1, 2, 4], values)])
    assert account is not None
    assert ledger.offsets() == [0, 4]
    assert ledger.query("select kafka_offset, reason, value from landing.quarantine order by 1") == [
        (1, "not_json", b"no json"),
        (2, "tombstone", None),
    ]
    assert ledger.slices() == [(0, 5, 2, 2, 1)]
    assert ledger.next_offset() == 5
    times = ledger.query("select min_kafka_timestamp, max_kafka_timestamp from landing.slices")
    assert times == [(NOON, NOON + dt.timedelta(seconds=4))]


def test_rows_carry_their_load_and_its_one_reading_of_the_clock(ledger: Ledger) -> None:
    ledger.land(0, 3, [batch([0, 1]), batch([2], [b"bad"])])
    rows = ledger.query(
        "select load_id, landed_at from landing.things union all select load_id, landed_at from landing.quarantine"
    )
    assert rows == [(ledger.load.load_id, ledger.load.landed_at)] * 3


def test_a_slice_that_comes_again_changes_nothing(ledger: Ledger) -> None:
    ledger.land(0, 10)
    assert ledger.land(0, 10) is None
    ledger.next_load()
    assert ledger.land(0, 10) is None
    assert ledger.land(3, 7) is None
    assert ledger.offsets() == list(range(10))
    assert ledger.slices() == [(0, 10, 10, 0, 0)]


def test_of_a_slice_that_has_landed_in_part_the_rest_lands(ledger: Ledger) -> None:
    ledger.land(0, 6)
    ledger.next_load()
    ledger.land(2, 10, [batch(range(2, 5)), batch(range(5, 8)), batch(range(8, 10))])
    assert ledger.offsets() == list(range(10))
    assert ledger.slices() == [(0, 6, 6, 0, 0), (6, 10, 4, 0, 0)]


def test_records_outside_of_the_slice_are_left_alone(ledger: Ledger) -> None:
    ledger.land(0, 2)
    ledger.next_load()
    ledger.land(2, 5, [batch(range(0, 9))])
    assert ledger.offsets() == [0, 1, 2, 3, 4]
    assert ledger.next_offset() == 5


def test_offsets_without_a_record_are_holes(ledger: Ledger) -> None:
    ledger.land(0, 10, [batch([1, 2]), batch([]), batch([7])])
    ledger.next_load()
    ledger.land(10, 14, [])
    assert ledger.slices() == [(0, 10, 3, 0, 7), (10, 14, 0, 0, 4)]
    assert ledger.next_offset() == 14


def test_a_plan_ahead_of_the_ledger_is_refused_before_anything_is_written(ledger: Ledger) -> None:
    ledger.land(0, 3)
    ledger.next_load()
    with pytest.raises(LedgerError, match="planned from offset 5, but the ledger is at 3"):
        ledger.land(5, 8)
    assert ledger.offsets() == [0, 1, 2]
    assert ledger.next_offset() == 3


def test_a_fenced_writer_writes_nothing(ledger: Ledger) -> None:
    start_writer(ledger.connection, "things", "stream")
    with pytest.raises(Fenced, match="generation 2, this one is 1"):
        ledger.land(0, 3)
    with pytest.raises(Fenced):
        draw_load(ledger.connection, ledger.writer)
    with pytest.raises(Fenced):
        finish_load(ledger.connection, ledger.writer, ledger.load)
    assert ledger.untouched()


def test_a_writer_of_another_door_fences_nobody(ledger: Ledger) -> None:
    start_writer(ledger.connection, "things", "replay")
    ledger.land(0, 3)
    assert ledger.offsets() == [0, 1, 2]


def test_a_load_that_is_finished_or_sealed_takes_no_more_slices(ledger: Ledger) -> None:
    finished = ledger.load
    ledger.next_load()
    sealed = ledger.load
    newer = start_writer(ledger.connection, "things", "stream")
    for load in (finished, sealed, replace(sealed, load_id=99)):
        with pytest.raises(LoadNotOpen, match="is not open any more"):
            ledger.land(0, 3, writer=newer, load=load)
    assert ledger.untouched()


def test_a_failure_in_the_middle_leaves_nothing_behind(ledger: Ledger) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield batch(range(0, 3), [b'{"id":"a"}', b"bad", b'{"id":"b"}'])
        raise OSError("the connection to Kafka broke")

    with pytest.raises(OSError, match="broke"):
        ledger.land(0, 5, failing())
    assert ledger.untouched()
    assert ledger.next_offset() is None
    ledger.land(0, 5)
    assert ledger.offsets() == list(range(5))


def test_a_topic_made_anew_before_the_commit_undoes_the_slice(ledger: Ledger) -> None:
    def replaced() -> None:
        raise TopicReplaced("topic things was deleted and made again")

    with pytest.raises(TopicReplaced):
        ledger.land(0, 3, still_same_topic=replaced)
    assert ledger.untouched()


def test_a_record_that_comes_twice_within_a_slice_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="a record came twice"):
        ledger.land(0, 2, [batch([0, 1]), batch([1])])
    assert ledger.untouched()


def test_slices_of_several_partitions_land_together_and_each_has_its_account(ledger: Ledger) -> None:
    ledger.land(0, 2)
    ledger.next_load()
    share = Share(ledger.writer, ledger.load, TOPIC, (Span(0, 0, 4), Span(3, 0, 3), Span(5, 10, 12), Span(7, 0, 9)))
    mixed = [
        batch([0, 10, 2, 1, 0], [b"{}", b"{}", b"{}", b"no record", b"{}"], [3, 5, 0, 3, 0]),
        batch([3, 12, 1, 3], [b"{}", b"{}", b"{}", b"{}"], [0, 5, 4, 3]),
    ]
    accounts = land_share(ledger.connection, share, ledger.parser, lambda _: mixed)
    assert {partition: (a.landed, a.quarantined, a.holes) for partition, a in accounts.items()} == {
        0: (2, 0, 0), 3: (1, 1, 1), 5: (1, 0, 1), 7: (0, 0, 9)
    }  # fmt: skip
    assert ledger.query("select kafka_partition, kafka_offset from landing.things order by 1, 2") == [
        (0, 0), (0, 1), (0, 2), (0, 3), (3, 0), (5, 10)
    ]  # fmt: skip
    assert ledger.query(
        "select kafka_partition, from_offset, until_offset, landed, quarantined, holes, min_kafka_timestamp,"
        f" max_kafka_timestamp from landing.slices where load_id = {ledger.load.load_id} order by 1"
    ) == [
        (0, 2, 4, 2, 0, 0, NOON + dt.timedelta(seconds=2), NOON + dt.timedelta(seconds=3)),
        (3, 0, 3, 1, 1, 1, NOON, NOON + dt.timedelta(seconds=1)),
        (5, 10, 12, 1, 0, 1, NOON + dt.timedelta(seconds=10), NOON + dt.timedelta(seconds=10)),
        (7, 0, 9, 0, 0, 9, None, None),
    ]
    assert ledger.query("select kafka_partition, next_offset from landing.offsets order by 1") == [
        (0, 4), (3, 3), (5, 12), (7, 9)
    ]  # fmt: skip
    assert land_share(ledger.connection, share, ledger.parser, lambda _: mixed) == {}, "all of it has landed"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Span(2, 5, 6), "partition 2: planned from offset 5, but the ledger is at 1"),
        (Span(2, 1, 2), "partition 2: more records than offsets"),
    ],
)
def test_nothing_of_a_share_lands_where_one_of_its_slices_cannot(ledger: Ledger, wrong: Span, message: str) -> None:
    land_share(
        ledger.connection, Share(ledger.writer, ledger.load, TOPIC, (Span(2, 0, 1),)), ledger.parser,
        lambda _: [batch([0], partitions=[2])],
    )  # fmt: skip
    ledger.next_load()
    share = Share(ledger.writer, ledger.load, TOPIC, (Span(1, 0, 1), wrong))
    with pytest.raises(LedgerError, match=message):
        land_share(ledger.connection, share, ledger.parser, lambda _: [batch([0, 1, 1], partitions=[1, 2, 2])])
    assert ledger.query("select kafka_partition, kafka_offset from landing.things") == [(2, 0)]
    assert ledger.query("select kafka_partition, next_offset from landing.offsets") == [(2, 1)]


def test_two_tasks_with_the_same_slice_land_it_once(ledger: Ledger, database: Settings) -> None:
    """A zombie of the same generation: the second waits for the ledger's row, and then has nothing to do."""
    outcomes: list[Account | None] = []

    def second() -> Iterator[pa.RecordBatch]:
        yield batch(range(0, 3))
        with (
            connect(database.as_writer, autocommit=True, lock_timeout_ms=300) as zombie,
            pytest.raises(psycopg.errors.LockNotAvailable),
        ):
            land_share(zombie, share, Parser(THINGS), lambda _: [batch(range(0, 5))])
        yield batch(range(3, 5))

    share = Share(ledger.writer, ledger.load, TOPIC, (Span(0, 0, 5),))
    outcomes.append(ledger.land(0, 5, second()))
    outcomes.append(ledger.land(0, 5))
    assert [outcome is not None for outcome in outcomes] == [True, False]
    assert ledger.offsets() == list(range(5))


def test_rows_that_postgres_refuses_are_isolated_and_the_slice_goes_on(ledger: Ledger) -> None:
    ledger.connection.execute("alter table landing.things alter column v type varchar(3)")
    values = [b'{"v":"%b"}' % (b"long" if offset in (3, 8) else b"ok") for offset in range(12)]
    ledger.land(0, 12, [batch(range(12), values)])
    assert ledger.offsets() == [0, 1, 2, 4, 5, 6, 7, 9, 10, 11]
    assert ledger.query("select kafka_offset, reason, detail, value from landing.quarantine order by 1") == [
        (offset, "unstorable", "Postgres refused the row: StringDataRightTruncation", b'{"v":"long"}')
        for offset in (3, 8)
    ]
    assert ledger.slices() == [(0, 12, 10, 2, 0)]


def test_what_is_wrong_with_the_table_and_not_with_the_row_quarantines_nothing(ledger: Ledger) -> None:
    ledger.connection.execute("alter table landing.things drop column v")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        ledger.land(0, 3)
    assert ledger.untouched()
