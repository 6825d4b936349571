"""What became of the refreshes of `landfall refresh --watch`, as dbt's runs noted it."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

RUNS = """
select extract(epoch from ended_at - started_at)::float8, failed, skipped from ops.runs
where started_by = 'watch' and command in ('run', 'build') and started_at >= %s
order by ended_at
"""


@dataclass(frozen=True)
class Refreshes:
    """Refreshes so far: the seconds that each good one took, and what was wrong with the others."""

    seconds: tuple[float, ...] = ()
    failures: tuple[str, ...] = ()


def read_refreshes(connection: Connection, since: dt.datetime) -> Refreshes:
    """Those that began at `since` or later. `connection`: as transformer."""
    seconds, failures = [], []
    for took, failed, skipped in connection.execute(RUNS, (since,)):
        if failed or skipped:
            failures.append(", ".join(failed) or f"{skipped} models were skipped")
        else:
            seconds.append(took)
    return Refreshes(tuple(seconds), tuple(failures))
