"""The ledger: who may write a stream, which loads there are, and up to which offset everything has landed.

Postgres is the authority. Each function is one transaction (or takes part in the caller's), and fails with Fenced when
a newer writer has taken the stream's door. See docs of the tables in database/migrations/0001_landing.sql.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import sql

from database.lock_keys import HashedHere, writer_of
from landfall.failures import NeedsPerson, Passing
from landing_stream.tables import ensure_day_partitions
from landing_stream.witness import Witness

logger = logging.getLogger(__name__)

_TAKE_OVER_TIMEOUT = "5s"


class Fenced(RuntimeError):
    """A newer writer has taken this door: stop, and do not come back by yourself."""


class WentBack(Passing):
    """The database is of a time before this writer took the door: a standby that was behind has become the server. What
    it lacks is taken from Kafka again, by the same writer."""


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
    connection: psycopg.Connection, stream: str, door: str, owner: UUID | None = None, *, had: Writer | None = None
) -> Writer:
    """Takes the door: raises its generation and seals what an older generation left open.

    Slices that committed stay, whole. A transaction of the older generation that does not end within 5 s is terminated:
    a COPY that waits for a dead client never ends. `owner`: who writes; `had`: what it was when it took the door
    before, and then Fenced is raised when somebody else has taken it since.
    """
    unnumbered = Writer(stream, door, 0)
    while True:
        try:
            with connection.transaction():
                return _take_door(connection, unnumbered, owner, had.generation if had else 0)
        except psycopg.errors.LockNotAvailable:
            _terminate_holders(connection, unnumbered.lock)


def _take_door(connection: psycopg.Connection, door: Writer, owner: UUID | None, had: int) -> Writer:
    connection.execute(f"set local lock_timeout = '{_TAKE_OVER_TIMEOUT}'")
    connection.execute(sql.SQL("select pg_advisory_xact_lock({})").format(door.lock.key))
    key = (door.stream, door.door)
    holder = connection.execute(
        "select generation, owner from landing.writers where stream = %s and door = %s", key
    ).fetchone()
    # Of an older generation than ours, the database has gone back, and nobody has taken over.
    if had and holder is not None and holder[0] >= had and holder[1] != owner:
        raise Fenced(f"stream {door.stream}: another writer took over while this one was down")
    row = connection.execute(
        """
        insert into landing.writers as w (stream, door, generation, owner, started_at)
        values (%s, %s, %s, %s, clock_timestamp())
        on conflict (stream, door) do update
        set
            generation = greatest(w.generation + 1, excluded.generation), owner = excluded.owner,
            started_at = excluded.started_at
        returning generation
        """,
        (*key, had + 1, owner),
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
    """Holds the door open until the transaction ends. Raises Fenced when it is not this writer's any more, and WentBack
    when it is not its yet.

    Two statements: the second one's snapshot is taken after the lock is held, so it sees who took over while we waited.
    """
    connection.execute(sql.SQL("select pg_advisory_xact_lock_shared({})").format(writer.lock.key))
    row = connection.execute(
        "select generation from landing.writers where stream = %s and door = %s", (writer.stream, writer.door)
    ).fetchone()
    newest = row[0] if row else 0
    if newest > writer.generation:
        raise Fenced(
            f"stream {writer.stream}: another writer has taken over (generation {newest},"
            f" this one is {writer.generation})"
        )
    if newest < writer.generation:
        raise WentBack(
            f"stream {writer.stream}: Postgres has gone back to generation {newest} of the landing, and this one is"
            f" {writer.generation}: what it lost lands again"
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


@dataclass(frozen=True)
class Position:
    """Where the ledger stands in a partition: the next offset, and the last record that landed below it, or none."""

    next_offset: int
    last: Witness | None


@dataclass
class Account:
    """What became of a slice's offsets: landed + quarantined + holes = until_offset - from_offset.

    `before`: the last record that had landed of the partition; `last`: the last one of the slice.
    """

    from_offset: int
    until_offset: int
    landed: int = 0
    quarantined: int = 0
    first_timestamp: dt.datetime | None = None
    last_timestamp: dt.datetime | None = None
    before: Witness | None = None
    last: Witness | None = None

    @property
    def holes(self) -> int:
        return self.until_offset - self.from_offset - self.landed - self.quarantined


def close_slices(
    connection: psycopg.Connection, stream: str, load: Load, topic_id: UUID, accounts: Mapping[int, Account]
) -> None:
    """Writes down a slice a partition, and moves the ledger over them: the only way in which it moves by a load.

    Raises LedgerError where an account does not add up, or the ledger does not stand where its slice begins.
    """
    for partition, account in accounts.items():
        if account.holes < 0:
            raise LedgerError(
                f"stream {stream}, partition {partition}: more records than offsets from {account.from_offset} to"
                f" {account.until_offset}; a record came twice"
            )
    columns = (
        "kafka_partition", "from_offset", "until_offset", "landed", "quarantined", "holes", "min_kafka_timestamp",
        "max_kafka_timestamp",
    )  # fmt: skip
    types = ("integer", "bigint", "bigint", "bigint", "bigint", "bigint", "timestamptz", "timestamptz")
    rows = [
        (p, a.from_offset, a.until_offset, a.landed, a.quarantined, a.holes, a.first_timestamp, a.last_timestamp)
        for p, a in accounts.items()
    ]
    connection.execute(
        sql.SQL(
            "insert into landing.slices (stream, topic_id, load_id, {columns})"
            " select %s, %s, %s, s.* from unnest({arrays}) as s"
        ).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            arrays=sql.SQL(", ".join(f"%s::{kind}[]" for kind in types)),
        ),
        (stream, topic_id, load.load_id, *([row[place] for row in rows] for place in range(len(columns)))),
    )
    spans = [Span(p, a.from_offset, a.until_offset) for p, a in accounts.items()]
    advance(connection, stream, topic_id, spans, [account.last or account.before for account in accounts.values()])


def advance(
    connection: psycopg.Connection, stream: str, topic_id: UUID, spans: Sequence[Span], last: Sequence[Witness | None]
) -> None:
    """Moves the ledger over spans that are accounted for, one a partition. `last`: of each, the last record that landed
    before the span's end; None where Kafka has none any more.

    Raises LedgerError when the ledger does not stand where a span begins.
    """
    moved = connection.execute(
        """
        update landing.offsets as o
        set
            next_offset = s.until_offset, last_offset = s.last_offset, last_timestamp = s.last_timestamp,
            last_digest = s.last_digest
        from
            unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[])
                as s (kafka_partition, from_offset, until_offset, last_offset, last_timestamp, last_digest)
        where o.stream = %s and o.topic_id = %s and o.kafka_partition = s.kafka_partition
            and o.next_offset = s.from_offset
        """,
        (
            [span.kafka_partition for span in spans],
            [span.from_offset for span in spans],
            [span.until_offset for span in spans],
            [each and each.offset for each in last],
            [each and each.timestamp for each in last],
            [each and each.digest for each in last],
            stream,
            topic_id,
        ),
    )
    if moved.rowcount != len(spans):
        raise LedgerError(f"stream {stream}: the ledger moved under {', '.join(map(str, spans))}")


def lock_offsets(
    connection: psycopg.Connection, stream: str, topic_id: UUID, spans: Sequence[Span]
) -> dict[int, Position]:
    """Locks the ledger's rows of the spans' partitions and gives where they stand.

    Raises LedgerError when a span starts behind a stretch that has not landed: landing it would lose that stretch.
    """
    partitions = [span.kafka_partition for span in spans]
    connection.execute(
        """
        insert into landing.offsets (stream, topic_id, kafka_partition, first_offset, next_offset)
        select %s, %s, s.kafka_partition, s.from_offset, s.from_offset
        from unnest(%s::integer[], %s::bigint[]) as s (kafka_partition, from_offset)
        order by s.kafka_partition
        on conflict do nothing
        """,
        (stream, topic_id, partitions, [span.from_offset for span in spans]),
    )
    rows = connection.execute(
        """
        select kafka_partition, next_offset, last_offset, last_timestamp, last_digest from landing.offsets
        where stream = %s and topic_id = %s and kafka_partition = any(%s)
        order by kafka_partition for update
        """,
        (stream, topic_id, partitions),
    )
    found = {partition: position(*values) for partition, *values in rows}
    for span in spans:
        if span.from_offset > found[span.kafka_partition].next_offset:
            raise LedgerError(
                f"stream {stream}, partition {span.kafka_partition}: planned from offset {span.from_offset},"
                f" but the ledger is at {found[span.kafka_partition].next_offset}"
            )
    return found


def position(
    next_offset: int, last_offset: int | None, last_timestamp: dt.datetime | None, last_digest: int | None
) -> Position:
    """From the ledger's columns."""
    if last_offset is None or last_digest is None:
        return Position(next_offset, None)
    return Position(next_offset, Witness(last_offset, last_timestamp, last_digest))


def owed_accounts(
    connection: psycopg.Connection, stream: str, topic_id: UUID, spans: Sequence[Span]
) -> dict[int, Account]:
    """Locks the spans' partitions as `lock_offsets` does; an account by partition of what has not landed yet."""
    positions = lock_offsets(connection, stream, topic_id, spans)
    return {
        span.kafka_partition: Account(at.next_offset, span.until_offset, before=at.last)
        for span in spans
        if (at := positions[span.kafka_partition]).next_offset < span.until_offset
    }


def close_empty(
    connection: psycopg.Connection, writer: Writer, load: Load, topic_id: UUID, spans: Sequence[Span]
) -> None:
    """Closes planned spans in which Kafka had no record at all (compacted, or transaction markers only): all holes."""
    if spans and (left := owed_accounts(connection, writer.stream, topic_id, spans)):
        close_slices(connection, writer.stream, load, topic_id, left)


def finish_load(connection: psycopg.Connection, writer: Writer, load: Load) -> None:
    """Marks a load finished, of which every span is closed. Raises Fenced and LoadNotOpen."""
    with connection.transaction():
        check_generation(connection, writer)
        _finish(connection, writer, load)


def finish_load_with_holes(
    connection: psycopg.Connection, writer: Writer, load: Load, topic_id: UUID, spans: Sequence[Span]
) -> None:
    """As `finish_load`, closing first the planned spans that no task has closed: Kafka had no record in them."""
    with connection.transaction():
        check_generation(connection, writer)
        close_empty(connection, writer, load, topic_id, spans)
        _finish(connection, writer, load)


def _finish(connection: psycopg.Connection, writer: Writer, load: Load) -> None:
    done = connection.execute(
        "update landing.loads set state = 'finished', finished_at = clock_timestamp()"
        " where stream = %s and load_id = %s and state = 'open'",
        (writer.stream, load.load_id),
    )
    if done.rowcount != 1:
        raise LoadNotOpen(f"stream {writer.stream}: load {load.load_id} is not open any more")
