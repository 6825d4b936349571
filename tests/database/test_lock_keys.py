"""Keys of advisory locks: no two locks share one, and none ever changes, for two releases may run side by side."""

from __future__ import annotations

import re
from pathlib import Path

from psycopg import sql

from database.lock_keys import (
    MIGRATE,
    REFERENCE,
    HashedHere,
    Lock,
    dagster_run,
    day_partition,
    holder_of_door,
    seed,
    snapshot,
    writer_of,
)
from landfall.layout import PROJECT
from landing_stream.contract import load_contracts
from tests.conftest import Connection

DOORS = ("stream", "file", "replay", "change")
SEEN = {
    MIGRATE: -1925352019654669674,
    REFERENCE: -3792561026457491407,
    writer_of("web_logs", "stream"): -8995027797454684304,
    holder_of_door("web_logs", "file", 3): -988561451973340963,
    day_partition("web_logs_20260328"): 6178795082455936653,
    dagster_run("5c1f"): 688664201166111675,
    seed("reference.host_countries"): -7992533166578454224,
    snapshot("snapshots.jobs"): -4143604960696603378,
}
"""The keys of the releases so far."""
IN_SQL = re.compile(r"hashtextextended\(\s*(?:format\()?'(landfall\.[a-z.]+/?)")
SQL_FOLDERS = ("database", "dbt_project/macros", "dbt_project/models")


def every_lock() -> list[Lock]:
    """One of each kind, and of the kinds that come in numbers a good many."""
    streams = [*load_contracts(), "things", "stream", "a", "a/stream"]
    found = [MIGRATE, REFERENCE]
    found += [writer_of(stream, door) for stream in streams for door in DOORS]
    found += [holder_of_door(stream, door, number) for stream in streams for door in DOORS for number in range(1, 30)]
    found += [day_partition(f"{stream}_202603{day:02d}") for stream in streams for day in range(1, 29)]
    found += [dagster_run(f"run-{number}") for number in range(50)]
    return found + [make(f"schema.table_{number}") for make in (seed, snapshot) for number in range(50)]


def numbers(connection: Connection, locks: list[Lock]) -> list[int]:
    """Their keys, by Postgres."""
    keys = sql.SQL(", ").join(sql.SQL("({}::bigint)").format(lock.key) for lock in locks)
    return [row[0] for row in connection.execute(sql.SQL("select key from (values {}) as k (key)").format(keys))]


def test_no_two_locks_share_a_key(transformer: Connection) -> None:
    locks = every_lock()
    assert len(set(locks)) == len(locks)
    assert len(set(numbers(transformer, locks))) == len(locks)


def test_a_key_stays_what_it_was(transformer: Connection) -> None:
    assert dict(zip(SEEN, numbers(transformer, [*SEEN]), strict=True)) == SEEN


def test_postgres_shows_a_held_lock_by_its_halves(transformer: Connection) -> None:
    for lock in (writer_of("web_logs", "stream"), dagster_run("5c1f")):
        with transformer.transaction():
            transformer.execute(sql.SQL("select pg_advisory_xact_lock({})").format(lock.key))
            held = transformer.execute(
                "select classid, objid, objsubid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
            ).fetchall()
        assert isinstance(lock, HashedHere)
        assert held == [(*lock.halves, 1)]


def test_keys_are_made_in_one_place_and_sql_uses_names_from_there() -> None:
    names = {name.partition("/")[0] for name in (lock.name for lock in every_lock())}
    in_sql = {found for text in texts(SQL_FOLDERS, "*.sql") for found in IN_SQL.findall(text)}
    assert in_sql == {"landfall.landing.holder/", "landfall.seed/", "landfall.snapshot/"}
    assert {name.rstrip("/") for name in in_sql} <= names
    rooms = [init.parent.name for init in PROJECT.glob("*/__init__.py") if init.parent.name != "tests"]
    made = re.compile(r"pg_(?:try_)?advisory\w*\(\s*hashtext|[\"']landfall\.(?:landing|seed|snapshot|dagster)[./]")
    elsewhere = [path for path in paths(rooms, "*.py") if made.search(path.read_text(encoding="utf-8"))]
    assert elsewhere == [PROJECT / "database" / "lock_keys.py"]


def paths(folders: tuple[str, ...] | list[str], pattern: str) -> list[Path]:
    return sorted(path for folder in folders for path in (PROJECT / folder).rglob(pattern))


def texts(folders: tuple[str, ...], pattern: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in paths(folders, pattern)]
