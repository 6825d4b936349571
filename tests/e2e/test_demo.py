"""`landfall demo` as a user runs it: with real servers, Spark, dbt and Dagster, from the first process to the last."""

import re
import signal
import time
from pathlib import Path

import pytest

from database.connect import connect
from landfall.settings import Settings
from local_stack.stack import running
from simulator.simulation import STREAMS
from tests.e2e.commands import demo, landfall, processes_of

STOP_SECONDS = 10.0
START_SECONDS = 400.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that the tests of this module use one after the other."""
    return tmp_path_factory.mktemp("demo") / "home"


def test_a_demo_accounts_for_every_event_beside_another_stack_and_leaves_no_process(
    home: Path, stack: Path, settings: Settings
) -> None:
    loads = "select count(*) from landing.loads"
    with connect(settings.as_transformer, autocommit=True) as beside:
        before = beside.execute(loads).fetchone()
        with demo(home, "--duration", "15", "--history", "2", "--headless") as run:
            assert run.exit_code(START_SECONDS) == 0, run.said
            assert processes_of(home) == []
        assert "6,000 events of the 2 days before now land first" in run.said
        assert "Nothing is lost, nothing is doubled." in run.said
        for stream in STREAMS:
            produced, landed, quarantined, lost, doubled = account_of(run.said, stream)
            assert produced == landed + quarantined > 0
            assert (lost, doubled) == (0, 0)
            assert quarantined > 0 or produced < 1_000
        assert running(stack) == ["Kafka", "Postgres"]
        assert beside.execute(loads).fetchone() == before


def test_ctrl_c_stops_within_10_s_also_when_pressed_again_and_leaves_servers_that_ran_before(home: Path) -> None:
    landfall(home, "up")
    with demo(home) as run:
        run.wait_for("Postgres and Kafka run already", START_SECONDS)
        run.wait_for("landed +[1-9]", START_SECONDS)
        began = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        run.wait_for("Stopping", STOP_SECONDS)
        run.process.send_signal(signal.SIGINT)
        assert run.exit_code(STOP_SECONDS) == 0, run.said
        assert time.monotonic() - began < STOP_SECONDS
        assert running(home) == ["Kafka", "Postgres"]
        landfall(home, "down")
        assert processes_of(home) == []


def test_ctrl_c_while_the_servers_start_leaves_no_process_either(tmp_path: Path) -> None:
    with demo(tmp_path / "home") as run:
        run.wait_for("Starting Postgres and Kafka", START_SECONDS)
        began = time.monotonic()
        while not running(tmp_path / "home") and time.monotonic() < began + START_SECONDS:
            time.sleep(0.05)
        run.process.send_signal(signal.SIGINT)
        assert run.exit_code(STOP_SECONDS) == 0, run.said
        assert processes_of(tmp_path / "home") == []


def test_a_second_demo_in_one_state_folder_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with demo(home) as first:
        first.wait_for("Starting Postgres and Kafka", START_SECONDS)
        with pytest.raises(AssertionError, match="Another demo runs in"):
            landfall(home, "demo")


def account_of(said: str, stream: str) -> tuple[int, ...]:
    """(produced, landed, quarantined, lost, doubled) of a stream, from the table at the end."""
    found = re.search(rf"^{stream} +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) ", said, re.MULTILINE)
    assert found is not None, said
    return tuple(int(number.replace(",", "")) for number in found.groups())
