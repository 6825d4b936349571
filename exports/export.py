"""Exports marts: writes the days whose rows have changed since the last export, and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from database.connect import connect
from database.session_settings import session_settings, set_statement
from exports.day_files import (
    PARTITION,
    day_path,
    existing_files,
    read_manifest,
    remove,
    write_days,
    write_manifest,
    write_text,
)
from exports.marts import Mart, read_marts
from exports.redshift import load_script
from exports.snapshot import Day, DayContent, open_snapshot, read_days, read_rows
from landfall.filesystems import Location, locate
from landfall.settings import Settings
from warehouse import dbt_manifest
from warehouse.catalogue import catalogue_of
from warehouse.dbt_arguments import EventDays

REDSHIFT = "redshift"
FRESHNESS = "marts.trust_freshness"
# A snapshot waits for the network between two queries; a minute may be too short for a large file.
IDLE_IN_TRANSACTION_MS = 900_000


@dataclass(frozen=True)
class Exported:
    """What became of a mart. `rows`, `files`, `size` (bytes): of all of it that is exported now; `written`, `removed`:
    files of this time; `misfits`: values among those written that became null or were cut, see exports.columns."""

    mart: str
    path: str
    rows: int
    files: int
    size: int
    written: int
    removed: int
    misfits: int


@dataclass(frozen=True)
class Plan:
    """What there is to do with a mart's files: days to write, and paths that no day has any more."""

    write: list[Day]
    remove: list[str]
    keep: dict[str, dict[str, Any]]


def export(
    settings: Settings,
    destination: str,
    tables: Sequence[str] = (),
    days: EventDays | None = None,
    *,
    redshift: bool = False,
    report: Callable[[Exported], object] = lambda exported: None,
) -> list[Exported]:
    """Brings the export at `destination`, a folder or `s3://bucket/prefix`, to what the marts hold, each at one moment.

    `tables`: default all but the `…_latest` views. `days`: only these, of the tables that have days. `redshift`: also
    writes `redshift/<mart>.sql`. Reads as bi_reader where there is such a login (LANDFALL_BI_DSN), else as transformer.
    Each file is replaced at once; an export that was broken off leaves whole files, and the next one does the rest.
    Raises UserError for a destination that cannot be written to and a mart that is not there.
    """
    root = locate(settings, destination)
    # Not ops.catalogue: who exports may read the marts and nothing else.
    catalogue = catalogue_of(dbt_manifest.read_manifest())
    done = []
    with connect(settings.as_reader, application_name="landfall export") as connection:
        marts = read_marts(connection, catalogue, tables)
        kept = read_kept(connection)
        connection.rollback()
        for mart in marts:
            done.append(_export_mart(connection, root, mart, days, kept.get(mart.name)))
            connection.rollback()
            if redshift:
                script = load_script(mart, root, done[-1].files)
                write_text(root.at(REDSHIFT, f"{mart.name}.sql"), script)
            report(done[-1])
    return done


def _export_mart(
    connection: psycopg.Connection, root: Location, mart: Mart, days: EventDays | None, kept: dt.date | None
) -> Exported:
    table, has_days = root.at(mart.name), mart.day_column is not None
    open_snapshot(connection)
    # In this transaction: behind a pooler a session's own settings are those of another of the server's processes.
    limits = {"idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS)}
    settings = session_settings(connection.info.server_version) | limits
    connection.execute(set_statement({**settings, "default_transaction_read_only": "on"}, local=True))
    contents = read_days(connection, mart, days)
    manifest = read_manifest(table)
    plan = plan_files(contents, manifest, existing_files(table), days if has_days else None, has_days, kept)
    files = dict(plan.keep)
    if files != manifest:
        write_manifest(table, mart.name, files)  # broken off from here on, it vouches for no file that is other now
    if plan.write:
        # Closed, also when broken off: a rollback would wait for the rest of a COPY that nobody reads.
        with closing(read_rows(connection, mart, plan.write)) as rows:
            for day, count, size in write_days(table, mart.columns, rows, has_days):
                _check(mart, day, contents[day], count)
                files[day_path(day, has_days)] = {"rows": count, "bytes": size, "digest": contents[day].digest}
    for path in plan.remove:
        remove(table, path)
    if files != plan.keep:
        write_manifest(table, mart.name, files)
    return Exported(
        mart=mart.name,
        path=table.shown,
        rows=sum(entry["rows"] for entry in files.values()),
        files=len(files),
        size=sum(entry["bytes"] for entry in files.values()),
        written=len(plan.write),
        removed=len(plan.remove),
        misfits=sum(contents[day].misfits for day in plan.write),
    )


def _check(mart: Mart, day: Day, content: DayContent, count: int) -> None:
    """One snapshot counted and read: another number is a fault of ours, and no manifest is to vouch for it."""
    if count != content.rows:
        raise RuntimeError(f"{mart.name}, {day}: {content.rows} rows were counted, and {count} written")


def plan_files(
    contents: dict[Day, DayContent],
    manifest: dict[str, dict[str, Any]],
    existing: dict[str, int],
    days: EventDays | None,
    has_days: bool,
    kept: dt.date | None = None,
) -> Plan:
    """What to write: days whose digest or file differs from what the manifest says. What to remove: files of days that
    the mart has no more; with `days`, the others are left as they are, and so are those before `kept`, whose rows were
    let go."""
    paths = {day_path(day, has_days): day for day in contents}
    write = [
        day
        for path, day in paths.items()
        if manifest.get(path, {}).get("digest") != contents[day].digest or existing.get(path) != manifest[path]["bytes"]
    ]
    inside = set(existing) | set(manifest)
    if days is not None:
        inside = {path for path in inside if _is_within(path, days)}
    gone = sorted(path for path in inside if path not in paths and not _is_before(path, kept))
    changed = {day_path(day, has_days) for day in write}
    keep = {path: entry for path, entry in manifest.items() if path not in changed and path not in gone}
    return Plan(sorted(write, key=lambda day: (day is None, day)), [path for path in gone if path in existing], keep)


def read_kept(connection: psycopg.Connection) -> dict[str, dt.date]:
    """By mart, the day (UTC) before which facts were let go of which it is made; none where none were."""
    query = "select exists (select from pg_attribute where attrelid = to_regclass(%s) and attname = 'facts_kept_from')"
    if connection.execute(query, (FRESHNESS,)).fetchall() != [(True,)]:
        return {}
    rows = connection.execute(
        f"select mart, (max(facts_kept_from) at time zone 'UTC')::date from {FRESHNESS}"
        " where facts_kept_from is not null group by mart"
    ).fetchall()
    return dict(rows)


def _is_before(path: str, kept: dt.date | None) -> bool:
    return kept is not None and path.startswith(PARTITION) and path.removeprefix(PARTITION) < kept.isoformat()


def _is_within(path: str, days: EventDays) -> bool:
    day = path.partition("=")[2].partition("/")[0]
    return days.first.isoformat() <= day <= days.last.isoformat()
