"""Dagster's own configuration, written to DAGSTER_HOME.

`python -m orchestration.instance [COMMAND…]` writes it there, and then becomes the command.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from landfall.errors import UserError
from landfall.login import with_password
from landfall.secret_files import with_secret_files

FILE_NAME = "dagster.yaml"
STORAGE_VARIABLE = "DAGSTER_POSTGRES_URL"
"""Where the webserver and the daemon run apart, their storage is a Postgres database; else SQLite in DAGSTER_HOME."""
STORAGE_PASSWORD_VARIABLE = "DAGSTER_POSTGRES_PASSWORD"
"""The password of that address, where it holds none; it and the address may be in files (NAME_FILE)."""
READ_ONLY_VARIABLE = "DAGSTER_WEBSERVER_READ_ONLY"
"""The webserver's own option --read-only, which `dagster dev` does not pass on otherwise."""
DRIVER = "postgresql+psycopg2://"
"""With psycopg 3, which SQLAlchemy 2.1 takes for postgresql://, every event fails: Dagster's NOTIFY has a parameter."""


def instance_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The content of dagster.yaml. Raises UserError for a storage that Dagster cannot use."""
    config: dict[str, Any] = {
        # Its webserver answers its own pages alone.
        "instance_class": {"module": "orchestration.web_guard", "class": "GuardedInstance"},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        # The console repeats each of a run's 150 events otherwise, which the run's page shows anyway.
        "python_logs": {"python_log_level": "WARNING"},
        # Run by run: a second run of dbt waits in the queue and not in a process of its own.
        "concurrency": {"pools": {"default_limit": 1, "granularity": "run"}, "runs": {"max_concurrent_runs": 4}},
        # Longest wait of a queued run: 5 s by default, of the 30 s in which events are to be seen.
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},
        },
        # For policies by the age of a materialization. Our own checks go by the age of the data (health/).
        "freshness": {"enabled": True},
        # A slow sensor (Kafka away) holds up no other.
        "sensors": {"use_threads": True, "num_workers": 4},
        "schedules": {"use_threads": True, "num_workers": 2},
        # Without free_slots_after_run_end_seconds a killed run keeps its place in the pool for ever.
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 180,
            "cancel_timeout_seconds": 60,
            "max_runtime_seconds": 3600,
            "poll_interval_seconds": 30,
            "free_slots_after_run_end_seconds": 60,
        },
        # Ticks: one a minute and schedule, two a minute and sensor. Runs are orchestration/retention.py's.
        "retention": {
            "schedule": {"purge_after_days": {"skipped": 1, "failure": 7, "success": 7}},
            "sensor": {"purge_after_days": {"skipped": 1, "failure": 7, "success": 1}},
        },
    }
    if url := environ.get(STORAGE_VARIABLE):
        if not url.startswith(DRIVER):
            raise UserError(f"{STORAGE_VARIABLE} names no driver that Dagster works with: begin it with {DRIVER}.")
        # By the variable's name: the URL holds a password.
        config["storage"] = {"postgres": {"postgres_url": {"env": STORAGE_VARIABLE}}}
    return config


def write_instance(dagster_home: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Write dagster.yaml into the folder, whole or not at all, and return its path. Changes made by hand are lost."""
    dagster_home.mkdir(parents=True, exist_ok=True)
    text = "# Written by Landfall (orchestration/instance.py); changes here are lost.\n" + yaml.safe_dump(
        instance_config(os.environ if environ is None else environ), sort_keys=False
    )
    path = dagster_home / FILE_NAME
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        fresh = dagster_home / f".{FILE_NAME}.{os.getpid()}"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    return path


def with_storage_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the storage's whole address: Dagster reads it from nowhere else.

    Raises UserError for a file that cannot be read.
    """
    found = with_secret_files(environ, (STORAGE_VARIABLE, STORAGE_PASSWORD_VARIABLE))
    if url := found.get(STORAGE_VARIABLE):
        found[STORAGE_VARIABLE] = with_password(url, found.pop(STORAGE_PASSWORD_VARIABLE, None))
    return found


def main() -> None:
    """Write it where DAGSTER_HOME points, and become the command that was given."""
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        raise UserError('DAGSTER_HOME is not set: run eval "$(landfall env)" first, or set it to a folder.')
    environ = with_storage_secrets(os.environ)
    write_instance(Path(home), environ)
    if command := sys.argv[1:]:
        os.execvpe(command[0], command, environ)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        error.show()
        sys.exit(1)
