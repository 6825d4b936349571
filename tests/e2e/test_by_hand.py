"""The whole way typed by hand: servers, reference data, a file into Kafka, landing, plain dbt, plain psql."""

import csv
import json
import shlex
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from landfall.layout import PROJECT
from simulator import reference
from tests.dbt.events import Event, job_events, jobs_hourly
from tests.e2e.commands import LANDFALL, environment, landfall, processes_of

FACT = "select * from marts.fct_job_events order by event_key"
KPI = "select * from marts.kpi_jobs_hourly order by event_date, event_hour, job_id, publisher_id, campaign_id, group_id"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A state folder of its own, whose servers are stopped afterwards."""
    home = tmp_path / "home"
    yield home
    if home.exists():
        landfall(home, "down")
    assert processes_of(home) == []


def test_a_job_log_gives_the_same_fact_and_kpi_once_shuffled_and_in_full_again(home: Path, tmp_path: Path) -> None:
    events = job_events(400, seed=11)
    log = write_log(tmp_path / "tracking.csv", events)
    landfall(home, "up")
    reference.write(tmp_path / "reference")
    landfall(home, "reference", "load", str(tmp_path / "reference"))

    fact, kpi = after_replay(home, tmp_path, log)
    assert len(fact) == len(events)
    assert {
        (row["event_date"], *(int(row[name]) for name in list(row)[1:6])): (
            int(row["clicks"]),
            Decimal(row["spend_hour"]),
            *(int(row[name]) for name in ("conversions", "qualified", "unqualified")),
        )
        for row in kpi
    } == {
        (str(date), *key): (clicks, spend, *others)
        for (date, *key), (clicks, _, spend, *others) in jobs_hourly(events).items()
    }
    companies = {str(row["id"]): str(row["company_id"]) for row in reference.tables()["job"]}
    assert all(row["company_id"] == companies.get(row["job_id"], "") for row in kpi)

    assert after_replay(home, tmp_path, log, "--shuffle", "7") == (fact, kpi)
    assert after_replay(home, tmp_path, log) == (fact, kpi)
    job_tracking = next(s for s in json.loads(landfall(home, "status", "--json"))["streams"] if s["landed"])
    assert (job_tracking["landed"], job_tracking["quarantined"], job_tracking["lag"]) == (3 * len(events), 3, 0)


def write_log(path: Path, events: list[Event]) -> Path:
    """The events as a CSV file, with a line that is no record in its middle."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(events[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(events[:200])
        file.write("what is this\n")
        writer.writerows(events[200:])
    return path


def after_replay(home: Path, scratch: Path, log: Path, *options: str) -> tuple[list[dict[str, str]], ...]:
    """The rows of the fact and of the KPI after this file has come once more."""
    landfall(home, "replay", "job_tracking", str(log), *options)
    landfall(home, "land", "--once", "--stream", "job_tracking")
    printed = typed(home, scratch, f"cd dbt_project && dbt --quiet build; {psql(FACT)}; echo ---; {psql(KPI)}")
    fact, kpi = printed.split("---\n")
    return rows(fact), rows(kpi)


def typed(home: Path, scratch: Path, line: str) -> str:
    """What a line prints in a shell after eval "$(landfall env)". dbt's own files stay out of the clone."""
    done = subprocess.run(
        ["bash", "-ec", f'eval "$({shlex.quote(str(LANDFALL))} env)"; {line}'],
        cwd=PROJECT,
        env={**environment(home), "DBT_TARGET_PATH": str(scratch / "target"), "DBT_LOG_PATH": str(scratch / "logs")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def psql(query: str) -> str:
    """The command line that prints a query's rows as CSV."""
    return f"psql --no-psqlrc --csv --command {shlex.quote(query)}"


def rows(printed: str) -> list[dict[str, str]]:
    """CSV with a header as rows by name."""
    return list(csv.DictReader(printed.splitlines()))
