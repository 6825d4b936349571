"""What `landfall` asks of dbt, as argument lists. Pure: nothing here starts dbt."""

from collections.abc import Collection
from pathlib import Path

from landfall.errors import UserError

NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


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


def create_arguments() -> list[str]:
    """Every relation, empty where it is new; what is in existing ones stays, and so does their progress."""
    return ["build", "--empty", *NO_TESTS]


def refresh_arguments(*, full_refresh: bool = False) -> list[str]:
    """One whole refresh: seeds, snapshots and models, without tests."""
    return ["build", *NO_TESTS, *(["--full-refresh"] if full_refresh else [])]


def history_arguments() -> list[str]:
    """The versions of the master data, after it was loaded: two loads between two refreshes are two versions."""
    return ["snapshot"]


def pass_arguments(streams: Collection[str]) -> list[str]:
    """One pass of a watch: the tables that read these streams. Views show new rows by themselves.

    Raises UserError when no stream is named: dbt would run everything.
    """
    if not streams:
        raise UserError("No stream to refresh.")
    return [
        "run",
        *("--select", *(f"source:landing.{stream}+" for stream in sorted(streams))),
        *("--exclude", "config.materialized:view"),
    ]
