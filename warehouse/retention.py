"""Old data goes: landing partitions that every model has read, the single loads of these in the ledger, records in
quarantine, the end of addresses, identifiers, and queries of pages; where asked for, old facts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from warehouse.letting_go import LetGo, drop_between_readers, let_facts_go
from warehouse.merging import merge_loads
from warehouse.readers import Reader, read_readers
from warehouse.shorten import shorten_identifiers

Connection = psycopg.Connection[tuple[Any, ...]]

REFRESH_LOCK_TIMEOUT_MS = 60_000
"""How long to wait for models that are being filled; an ordinary refresh takes seconds."""


@dataclass(frozen=True)
class Partition:
    """One day of a landing table, old enough to go.

    `last_load_id`: newest load in it, 0 when it is empty. `rows`: landed rows.
    """

    stream: str
    day: dt.date
    last_load_id: int
    rows: int

    @property
    def name(self) -> str:
        return f"{self.stream}_{self.day:%Y%m%d}"


@dataclass(frozen=True)
class Done:
    """What went, or would go. `held`: partitions that stay, each with the reader that has not read it whole.
    `addresses`, `identifiers`, `pages`: how many were shortened; `loads`: how many were merged into others.
    `facts`: old facts.
    """

    dropped: tuple[Partition, ...]
    held: tuple[tuple[Partition, Reader], ...]
    quarantined: int
    addresses: int
    identifiers: int = 0
    pages: int = 0
    loads: int = 0
    facts: LetGo = field(default_factory=LetGo)


@contextmanager
def open_ledger(settings: Settings, lock_timeout_ms: int) -> Iterator[tuple[Connection, Connection]]:
    """Sessions of the owner of the models, who waits so long for a lock, and of the owner of the landing."""
    with (
        connect(
            settings.as_transformer,
            autocommit=True,
            application_name="landfall retention",
            lock_timeout_ms=lock_timeout_ms,
        ) as ops,
        connect(settings.as_writer, autocommit=True, application_name="landfall retention") as landing,
    ):
        yield ops, landing


def retain(settings: Settings, *, dry_run: bool = False) -> Done:
    """Drop and shorten what is older than the settings say; with `dry_run` only count it.

    Raises UserError when a refresh is under way for longer than the lock timeout, or readers never let a table go.
    """
    with open_ledger(settings, REFRESH_LOCK_TIMEOUT_MS) as (ops, landing):
        old = old_partitions(landing, settings.landing_retention_days)
        dropped, held = note_dropped(ops, old, dry_run=dry_run)
        if not dry_run:
            for partition in dropped:
                drop_between_readers(landing, f"landing.{partition.stream}", f"landing.{partition.name}")
        facts = let_facts_go(settings, ops, dry_run=dry_run)
        quarantined = delete_quarantined(landing, settings.quarantine_retention_days, dry_run=dry_run)
        days = settings.identifier_retention_days
        identifiers, pages = shorten_identifiers(ops, load_contracts(), days, dry_run=dry_run)
        return Done(
            dropped=tuple(dropped),
            held=tuple(held),
            quarantined=quarantined,
            addresses=shorten_addresses(ops, settings.address_retention_days, dry_run=dry_run),
            identifiers=identifiers,
            pages=pages,
            loads=merge_loads(ops, landing, settings.ledger_detail_hours, dry_run=dry_run),
            facts=facts,
        )


def split_partitions(
    partitions: Sequence[Partition], readers: Sequence[Reader]
) -> tuple[list[Partition], list[tuple[Partition, Reader]]]:
    """Those that everybody has read, and those that somebody has not, each with the one who is furthest behind.

    A stream that nobody reads keeps everything: its models were never made.
    """
    free: list[Partition] = []
    held: list[tuple[Partition, Reader]] = []
    for partition in partitions:
        of_stream = [reader for reader in readers if reader.stream == partition.stream]
        slowest = min(of_stream, key=lambda reader: reader.position, default=Reader(partition.stream, "no model", -1))
        if slowest.position >= partition.last_load_id:
            free.append(partition)
        else:
            held.append((partition, slowest))
    return free, held


def old_partitions(landing: Connection, days: int) -> list[Partition]:
    """Day partitions whose last instant is more than `days` ago, by Postgres' clock."""
    # Materialized: else the day of every relation whose name ends with digits is read, and 10835366 is none.
    rows = landing.execute(
        """
        with partitions as materialized (
            select s.stream, to_date(right(c.relname, 8), 'YYYYMMDD') as day
            from landing.streams as s
            inner join pg_inherits as i on i.inhparent = to_regclass(format('landing.%%I', s.stream))
            inner join pg_class as c on c.oid = i.inhrelid
            where c.relname = s.stream || '_' || right(c.relname, 8) and right(c.relname, 8) ~ '^[0-9]{8}$'
        )
        select p.stream, p.day, coalesce(max(l.load_id), 0), coalesce(sum(landed.landed), 0)::bigint
        from partitions as p
        left join landing.loads as l
            on l.stream = p.stream and l.kind = 'events' and l.landed_at >= p.day::timestamp at time zone 'UTC'
            and l.landed_at < (p.day + 1)::timestamp at time zone 'UTC'
        left join lateral (
            select sum(s.landed) as landed from landing.slices as s where s.stream = l.stream and s.load_id = l.load_id
        ) as landed on true
        where p.day < (clock_timestamp() at time zone 'UTC')::date - %s
        group by p.stream, p.day
        order by p.stream, p.day
        """,
        (days,),
    )
    return [Partition(*row) for row in rows.fetchall()]


def note_dropped(
    ops: Connection, partitions: Sequence[Partition], *, dry_run: bool
) -> tuple[list[Partition], list[tuple[Partition, Reader]]]:
    """Note in ops.dropped_landing which of the partitions go; returns them, and those that stay with their reader.

    The models' rows are held meanwhile, so no full refresh can begin to read the landing whole between the look at how
    far everybody is and the note, by which it leaves its facts alone.
    """
    try:
        with ops.transaction(force_rollback=dry_run):
            if not dry_run:
                ops.execute("select 1 from ops.model_progress order by relation, source for share")
            free, held = split_partitions(partitions, read_readers(ops))
            if not dry_run:
                with ops.cursor() as cursor:
                    cursor.executemany(
                        "insert into ops.dropped_landing (stream, landed_on, until_load_id) values (%s, %s, %s)"
                        " on conflict do nothing",
                        [(partition.stream, partition.day, partition.last_load_id) for partition in free],
                    )
    except psycopg.errors.LockNotAvailable as error:
        raise UserError(
            "A refresh is filling tables, and may still read what is old: try again when it is done."
        ) from error
    return free, held


def delete_quarantined(landing: Connection, days: int, *, dry_run: bool) -> int:
    """Delete records that came into quarantine more than `days` ago; returns how many."""
    with landing.transaction(force_rollback=dry_run):
        return landing.execute(
            "delete from landing.quarantine where landed_at < clock_timestamp() - make_interval(days => %s)", (days,)
        ).rowcount


def shorten_addresses(ops: Connection, days: int, *, dry_run: bool) -> int:
    """Shorten addresses that came first more than `days` ago: IPv4 to /24, IPv6 to /48, other texts to nothing.

    Their keys stay, so requests of one address are still told from those of another. Returns how many.
    """
    with ops.transaction(force_rollback=dry_run):
        return ops.execute(
            """
            update enrichment.ip_address as a set ip_address = s.shortened
            from (
                select
                    ip_key,
                    case when pg_input_is_valid(ip_address, 'inet') then network(
                        set_masklen(ip_address::inet, case family(ip_address::inet) when 4 then 24 else 48 end)
                    )::text end as shortened
                from enrichment.ip_address
                where ip_address is not null and enriched_at < clock_timestamp() - make_interval(days => %s)
            ) as s
            where s.ip_key = a.ip_key and a.ip_address is distinct from s.shortened
            """,
            (days,),
        ).rowcount
