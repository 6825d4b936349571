"""The ledger: who may write a stream, which loads there are, and up to which offset everything has landed.

Postgres is the authority. Each function is one transaction (or takes part in the caller's), and fails with Fenced when
a newer writer has taken the stream's door. See docs of the tables in database/migrations/0001_landing.sql.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import sql

from database.lock_keys import HashedHere, writer_of
from landfall.failures import NeedsPerson, Passing
from landing_stream.tables import ensure_day_partitions

logger = logging.getLogger(__name__)

_TAKE_OVER_TIMEOUT = "5s"


class Fenced(RuntimeError):
    """A newer writer has taken this door: stop, and do not come back by yourself."""


class LoadNotOpen(Passing):
    """The load was sealed or finished meanwhile: nothing may be written to it."""


class LedgerError(NeedsPerson):
    """The plan and the ledger contradict each other; nothing was written. The next try begins at the ledger's offsets,
    yet nothing of ours can have moved them: somebody has, or Kafka has lost records.
    """


@dataclass(frozen=True)
class Writer:
    """A writer of one stream through one door, of one generation."""

    stream: str
    door: str
    generation: int

    @property
    def lock(self) -> HashedHere:
        """Of this door."""
        return writer_of(self.stream, self.door)


@dataclass(frozen=True)
class Load:
    """A load that was drawn. `landed_at` is one reading of Postgres' clock for all its rows."""

    load_id: int
    landed_at: dt.datetime


def start_writer(
    connection: psycopg.Connection, stream: str, door: str, owner: UUID | None = None, *, again: bool = False
) -> Writer:
    """Takes the door: raises its generation and seals what an older generation left open.

    Slices that committed stay, whole. A transaction of the older generation that does not end within 5 s is terminated:
    a COPY that waits for a dead client never ends. `owner`: who writes; with `again`, an owner that has had the door
    before: Fenced is raised when somebody else has taken it meanwhile.
    """
    unnumbered = Writer(stream, door, 0)
    while True:
        try:
            with connection.transaction():
                return _take_door(connection, unnumbered, owner, again)
        except psycopg.errors.LockNotAvailable:
            _terminate_holders(connection, unnumbered.lock)


def _take_door(connection: psycopg.Connection, door: Writer, owner: UUID | None, again: bool) -> Writer:
    connection.execute(f"set local lock_timeout = '{_TAKE_OVER_TIMEOUT}'")
    connection.execute(sql.SQL("select pg_advisory_xact_lock({})").format(door.lock.key))
    key = (door.stream, door.door)
    holder = connection.execute("select owner from landing.writers where stream = %s and door = %s", key).fetchone()
    if again and holder != (owner,):
        raise Fenced(f"stream {door.stream}: another writer took over while this one was down")
    row = connection.execute(
        """
        insert into landing.writers as w (stream, door, generation, owner, started_at)
        values (%s, %s, 1, %s, clock_timestamp())
        on conflict (stream, door) do update
        set generation = w.generation + 1, owner = excluded.owner, started_at = excluded.started_at
        returning generation
        """,
        (*key, owner),
    ).fetchone()
    assert row is not None
    sealed = connection.execute(
        "update landing.loads set state = 'sealed', finished_at = clock_timestamp()"
        " where stream = %s and door = %s and state = 'open' and generation < %s returning load_id",
        (door.stream, door.door, row[0]),
    ).fetchall()
    if sealed:
        logger.warning("stream %s: sealed %d load(s) that an older writer left open", door.stream, len(sealed))
    return Writer(door.stream, door.door, row[0])


def _terminate_holders(connection: psycopg.Connection, lock: HashedHere) -> None:
    rows = connection.execute(
        """
        select pid, pg_terminate_backend(pid, 5000) from pg_locks
        where locktype = 'advisory' and granted and objsubid = 1 and classid = %s and objid = %s
            and database = (select oid from pg_database where datname = current_database()) and pid <> pg_backend_pid()
        """,
        lock.halves,
    ).fetchall()
    if rows:
        logger.warning("terminated %d transaction(s) of an older writer", len(rows))


def check_generation(connection: psycopg.Connection, writer: Writer) -> None:
    """Holds the door open until the transaction ends. Raises Fenced when it is not this writer's any more.

    Two statements: the second one's snapshot is taken after the lock is held, so it sees who took over while we waited.
    """
    connection.execute(sql.SQL("select pg_advisory_xact_lock_shared({})").format(writer.lock.key))
    row = connection.execute(
        "select generation from landing.writers where stream = %s and door = %s", (writer.stream, writer.door)
    ).fetchone()
    if row is None or row[0] != writer.generation:
        newest = row[0] if row else "none"
        raise Fenced(
            f"stream {writer.stream}: another writer has taken over (generation {newest},"
            f" this one is {writer.generation})"
        )


def draw_load(connection: psycopg.Connection, writer: Writer, kind: str = "events") -> Load:
    """Opens the stream's next load.

    The stream's row is locked until the commit, so that ids become visible in order.
    """
    with connection.transaction():
        check_generation(connection, writer)
        row = connection.execute(
            """
            with drawn as (
                update landing.streams set last_load_id = last_load_id + 1 where stream = %(stream)s
                returning last_load_id
            )
            insert into landing.loads (stream, load_id, door, generation, kind, landed_at)
            select %(stream)s, last_load_id, %(door)s, %(generation)s, %(kind)s, clock_timestamp() from drawn
            returning load_id, landed_at
            """,
            {"stream": writer.stream, "door": writer.door, "generation": writer.generation, "kind": kind},
        ).fetchone()
        assert row is not None, f"stream {writer.stream} is not registered"
        return Load(*row)


def prepare_partitions(connection: psycopg.Connection, stream: str, done: set[dt.date]) -> None:
    """Makes the day partitions that a load drawn now, or a day from now, needs. `done` remembers days between calls."""
    row = connection.execute("select (clock_timestamp() at time zone 'UTC')::date").fetchone()
    assert row is not None
    if row[0] not in done:
        ensure_day_partitions(connection, stream, row[0])
        done.add(row[0])


@dataclass(frozen=True)
class Span:
    """Offsets [from_offset, until_offset) of one Kafka partition."""

    kafka_partition: int
    from_offset: int
    until_offset: int


def close_empty(connection: psycopg.Connection, writer: Writer, load: Load, topic_id: UUID, span: Span) -> None:
    """Closes a planned span in which Kafka had no record at all (compacted, or transaction markers only): all holes."""
    position = lock_offset(connection, writer.stream, topic_id, span)
    if position >= span.until_offset:
        return
    left = Span(span.kafka_partition, position, span.until_offset)
    connection.execute(
        """
        insert into landing.slices
            (stream, load_id, topic_id, kafka_partition, from_offset, until_offset, landed, quarantined, holes)
        values (%s, %s, %s, %s, %s, %s, 0, 0, %s)
        """,
        (
            *(writer.stream, load.load_id, topic_id),
            *(left.kafka_partition, left.from_offset, left.until_offset, left.until_offset - left.from_offset),
        ),
    )
    advance(connection, writer.stream, topic_id, left)


def advance(connection: psycopg.Connection, stream: str, topic_id: UUID, span: Span) -> None:
    """Moves the ledger of a partition over a span that is accounted for: the only way in which it moves.

    Raises LedgerError when the ledger does not stand where the span begins.
    """
    moved = connection.execute(
        """
        update landing.offsets set next_offset = %s
        where stream = %s and topic_id = %s and kafka_partition = %s and next_offset = %s
        """,
        (span.until_offset, stream, topic_id, span.kafka_partition, span.from_offset),
    )
    if moved.rowcount != 1:
        raise LedgerError(f"stream {stream}: the ledger moved under {span}")


def lock_offset(connection: psycopg.Connection, stream: str, topic_id: UUID, span: Span) -> int:
    """Locks the ledger's row of a partition and gives its next offset.

    Raises LedgerError when the span starts behind a stretch that has not landed: landing it would lose that stretch.
    """
    key = (stream, topic_id, span.kafka_partition)
    connection.execute(
        """
        insert into landing.offsets (stream, topic_id, kafka_partition, first_offset, next_offset)
        values (%s, %s, %s, %s, %s) on conflict do nothing
        """,
        (*key, span.from_offset, span.from_offset),
    )
    row = connection.execute(
        """
        select next_offset from landing.offsets
        where stream = %s and topic_id = %s and kafka_partition = %s for update
        """,
        key,
    ).fetchone()
    assert row is not None
    if span.from_offset > row[0]:
        raise LedgerError(
            f"stream {stream}, partition {span.kafka_partition}: planned from offset {span.from_offset},"
            f" but the ledger is at {row[0]}"
        )
    return int(row[0])


def finish_load(connection: psycopg.Connection, writer: Writer, load: Load) -> None:
    """Marks a load finished, of which every span is closed. Raises Fenced and LoadNotOpen."""
    with connection.transaction():
        check_generation(connection, writer)
        _finish(connection, writer, load)


def finish_load_with_holes(
    connection: psycopg.Connection, writer: Writer, load: Load, topic_id: UUID, spans: list[Span]
) -> None:
    """As `finish_load`, closing first the planned spans that no task has closed: Kafka had no record in them."""
    with connection.transaction():
        check_generation(connection, writer)
        for span in spans:
            close_empty(connection, writer, load, topic_id, span)
        _finish(connection, writer, load)


def _finish(connection: psycopg.Connection, writer: Writer, load: Load) -> None:
    done = connection.execute(
        "update landing.loads set state = 'finished', finished_at = clock_timestamp()"
        " where stream = %s and load_id = %s and state = 'open'",
        (writer.stream, load.load_id),
    )
    if done.rowcount != 1:
        raise LoadNotOpen(f"stream {writer.stream}: load {load.load_id} is not open any more")
