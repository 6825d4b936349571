"""Keeps files from growing for ever: logs that processes append to, dbt's older logs, and SQLite's free pages."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg

from orchestration.upkeep.runs import is_run_id

MEGABYTE = 1_000_000
# A vacuum writes what stays anew, and writers wait for it: a second or so for 100 MB.
WORTH_A_VACUUM_BYTES = 20 * MEGABYTE


def logs(home: Path) -> list[Path]:
    """Logs below the state folder that are opened to append, and so can be cut while a process writes them."""
    return sorted(path for folder in ("dagster", "demo", "serve", "superset") for path in (home / folder).glob("*.log"))


def older_dbt_logs(home: Path) -> list[Path]:
    """dbt's log goes on in a new file every 10 MB, and it keeps five of the older ones, 50 MB a folder."""
    return sorted(path for folder in ("dbt", "dagster") for path in (home / folder).rglob("dbt.log.[1-9]"))


def cut_logs(home: Path, megabytes: int, *, dry_run: bool = False) -> int:
    """Cut logs that are larger than `megabytes` to the newest half of that, and delete dbt's older ones.

    Returns how many bytes went.
    """
    gone = 0
    for path in logs(home):
        if path.stat().st_size > megabytes * MEGABYTE:
            gone += cut(path, megabytes * MEGABYTE // 2, dry_run=dry_run)
    for path in older_dbt_logs(home):
        gone += path.stat().st_size
        if not dry_run:
            path.unlink()
    return gone


def cut(path: Path, keep: int, *, dry_run: bool) -> int:
    """Leave the last `keep` bytes of a log, from the start of a line; returns how many bytes go.

    In place, because a process has it open; lines that it writes in this instant can be lost.
    """
    with path.open("r+b") as log:
        size = log.seek(0, 2)
        log.seek(size - keep)
        log.readline()
        newest = log.read()
        if not dry_run:
            log.seek(0)
            log.write(newest)
            log.truncate()
    return size - len(newest)


def databases(instance: dg.DagsterInstance) -> Iterator[Path]:
    """SQLite files that live on; those of single runs go with their run."""
    root = Path(instance.root_directory)
    for folder in (root / "history", root / "schedules"):
        yield from (path for path in sorted(folder.rglob("*.db")) if not is_run_id(path.stem))


def vacuum(instance: dg.DagsterInstance, *, least_bytes: int = WORTH_A_VACUUM_BYTES, dry_run: bool = False) -> int:
    """Give free pages back to the disk where they are most of a SQLite file, and at least `least_bytes`.

    Otherwise they are filled again, for what was deleted returns. Returns how many bytes went.
    """
    if instance.is_ephemeral:
        return 0
    gone = 0
    for path in databases(instance):
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
            free, pages, page_bytes = (
                database.execute(f"pragma {name}").fetchone()[0]
                for name in ("freelist_count", "page_count", "page_size")
            )
            if free * page_bytes < least_bytes or free * 2 < pages:
                continue
            gone += free * page_bytes
            if not dry_run:
                database.execute("vacuum")
                database.execute("pragma wal_checkpoint(truncate)")
    return gone
