"""What `landfall` asks of dbt, as argument lists. Pure: nothing here starts dbt."""

import datetime as dt
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from landfall.errors import UserError

RUN_TABLES = ("run", "--no-populate-cache")
"""Our tables ask the database what is there: what dbt would ask about every schema first is not needed."""
NO_PASS = ("config.materialized:view", "config.materialized:table")
"""Views show new rows by themselves; a user's `table` is made anew whole, which drops the views above it. A whole
refresh makes both."""
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class EventDays:
    """Days of events, both included, in the reporting timezone."""

    first: dt.date
    last: dt.date

    @classmethod
    def parse(cls, first: str | None, last: str | None) -> "EventDays | None":
        """The days of --from and --to, None without either. Raises UserError for what are no two days in order."""
        if first is None and last is None:
            return None
        if first is None or last is None:
            raise UserError("--from and --to go together: name the first and the last day, for a single day the same.")
        days = cls(day_of("--from", first), day_of("--to", last))
        if days.last < days.first:
            raise UserError(f"--to {days.last} is before --from {days.first}: name the earlier day with --from.")
        return days


def day_of(option: str, text: str) -> dt.date:
    """A day as ISO 8601 writes it. Raises UserError by the option's name."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise UserError(f"{option} is {text!r}: write a day like 2026-03-28.")


def global_arguments(folder: Path) -> list[str]:
    """dbt's events go to a file in `folder`/logs and never to stdout.

    Written are the log (10 MB a file) and compiled SQL; no artifacts: they would be rewritten at every pass of a watch.
    """
    return [
        "--quiet",
        *("--log-level", "none"),
        *("--log-level-file", "info"),
        *("--log-path", str(folder / "logs")),
        "--no-write-json",
        "--no-use-colors",
        "--no-version-check",
    ]


def path_arguments(project: Path, folder: Path) -> list[str]:
    """Options that dbt takes behind its subcommand: the project, its profiles, and where compiled SQL goes."""
    return [
        *("--project-dir", str(project)),
        *("--profiles-dir", str(project)),
        *("--target-path", str(folder / "target")),
    ]


def create_arguments() -> tuple[list[str], ...]:
    """Every relation, empty where it is new; what is in existing ones stays, and so does their progress.

    Two runs: seeds hold their rows from the start, and dbt's `--empty` leaves these out too.
    """
    return ["seed"], ["build", "--empty", *NO_TESTS, "--exclude-resource-type", "seed"]


def refresh_arguments(*, full_refresh: bool = False) -> list[str]:
    """One whole refresh: seeds, snapshots and models, without tests."""
    return ["build", *NO_TESTS, *(["--full-refresh"] if full_refresh else [])]


def recount_arguments(days: EventDays) -> list[str]:
    """A refresh that also counts the tables beneath the marts again, for these days, from the facts."""
    variables = {"from_day": days.first.isoformat(), "to_day": days.last.isoformat()}
    return [*refresh_arguments(), "--vars", json.dumps(variables)]


def rebuild_arguments(model: str, *, downstream: bool) -> list[str]:
    """A full refresh of one model and, with `downstream`, of every model that reads it."""
    return [*refresh_arguments(full_refresh=True), "--select", f"{model}+" if downstream else model]


def history_arguments() -> list[str]:
    """The versions of the master data, after it was loaded: two loads between two refreshes are two versions."""
    return ["snapshot"]


def pass_arguments(streams: Collection[str], *, cold: bool = True) -> list[str]:
    """One pass of a watch: the tables that read these streams, but for dbt's `table`.

    Without `cold`, tables of that tag are left out: sessions, funnels, what data quality counts. They are dear to keep
    up to the second, and no other reads them.
    Raises UserError when no stream is named: dbt would run everything.
    """
    if not streams:
        raise UserError("No stream to refresh.")
    return [
        *RUN_TABLES,
        *("--select", *(f"source:landing.{stream}+" for stream in sorted(streams))),
        *("--exclude", *NO_PASS, *([] if cold else ["tag:cold"])),
    ]


def cold_arguments(stream: str) -> list[str]:
    """The tables that such passes without `cold` leave out, of one stream."""
    return [*RUN_TABLES, "--select", f"tag:cold,source:landing.{stream}+", "--exclude", *NO_PASS]


def models_arguments(names: Collection[str]) -> list[str]:
    """These models and no others."""
    return [*RUN_TABLES, "--select", *sorted(names)]
