"""A run whose process was killed does not hold up the refreshes after it."""

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Callable

import dagster as dg
from dagster._core.test_utils import create_run_for_test

from landfall.settings import Settings
from orchestration.lost_runs import report_lost_runs
from orchestration.refresh import JOB_NAME, read_situation
from warehouse.connect import connect

Environ = Callable[[Settings], dict[str, str]]
HOLD = """
import sys, time
from landfall.settings import Settings
from orchestration.lost_runs import sign_of_life
with sign_of_life(Settings.load(), sys.argv[1]):
    print("holding", flush=True)
    time.sleep(120)
"""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def a_refresh_is_running(instance: dg.DagsterInstance, settings: Settings) -> bool:
    with connect(settings.postgres_dsn) as connection:
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
