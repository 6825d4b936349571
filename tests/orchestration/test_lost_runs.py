"""A run whose process was killed does not hold up the refreshes after it."""

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
from dagster._core.test_utils import create_run_for_test

from database.connect import connect
from landfall.layout import PROJECT
from landfall.settings import Settings
from orchestration.lost_runs import report_lost_runs
from orchestration.refresh import JOB_NAME, read_situation

Environ = Callable[[Settings], dict[str, str]]
HOLD = """
import sys, time
from landfall.settings import Settings
from orchestration.lost_runs import sign_of_life
with sign_of_life(Settings.load(), sys.argv[1]):
    print("holding", flush=True)
    time.sleep(120)
"""

RUN = """
import dagster as dg
from landfall.settings import Settings
from orchestration.lost_runs import living_executor
from database.connect import connect
from database.advisory_locks import is_held_advisory
from database.lock_keys import dagster_run

@dg.op
def nothing(): ...

@dg.job(executor_def=living_executor)
def brief():
    nothing()

if __name__ == "__main__":
    with dg.DagsterInstance.ephemeral() as instance, connect(Settings.load().as_transformer) as connection:
        with dg.execute_job(dg.reconstructable(brief), instance=instance) as result:
            print(result.success, is_held_advisory(connection, dagster_run(result.run_id)))
"""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def a_refresh_is_running(instance: dg.DagsterInstance, settings: Settings) -> bool:
    with connect(settings.as_transformer) as connection:
        return read_situation(instance, connection, []).own_run


def test_a_killed_run_is_found_and_one_that_lives_is_left_alone(database: Settings, environ_of: Environ) -> None:
    soon = dt.timedelta(minutes=2)
    with dg.DagsterInstance.ephemeral() as instance:
        run = create_run_for_test(instance, job_name=JOB_NAME, status=dg.DagsterRunStatus.STARTED)
        worker = subprocess.Popen(
            [sys.executable, "-c", HOLD, run.run_id], env=environ_of(database), stdout=subprocess.PIPE
        )
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"holding\n"
            assert report_lost_runs(instance, database, now() + soon) == []
            assert a_refresh_is_running(instance, database)
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.communicate()

        assert report_lost_runs(instance, database, now()) == [], "it has just started"
        assert report_lost_runs(instance, database, now() + soon) == [run.run_id]
        assert not a_refresh_is_running(instance, database)


def test_a_run_gives_a_sign_of_life_until_dagster_has_written_how_it_ended(
    database: Settings, environ_of: Environ, tmp_path: Path
) -> None:
    """Else a look in between takes a long run for lost that has just gone well."""
    program = tmp_path / "run.py"
    program.write_text(RUN, encoding="utf-8")
    environ = {**environ_of(database), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, program], env=environ, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True True", done.stderr
