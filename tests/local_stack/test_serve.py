"""`landfall serve` and a service that cannot stay."""

import datetime as dt
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.children import Child, Children
from cli.keeper import HEALTHY_SECONDS, Keeper, Service, command
from health.checks.services import judge
from health.limits import Limits
from landfall.processes import free_port
from landfall.services import End, ServiceRecord, kept_services, service_port

PORT = free_port(None)


def test_what_dies_again_and_again_keeps_its_log_and_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "land.log").write_text("of an earlier `landfall serve`\n", encoding="utf-8")
    children, land = Children(tmp_path), Service("land", command("land", "--no-such-option"))
    keeper, deadline = Keeper(tmp_path, children, [land]), time.monotonic() + 60
    try:
        while land.restarts < 3 and time.monotonic() < deadline:
            keeper.poll(time.monotonic())
            land.due = 0.0  # without its pauses
            time.sleep(0.05)
    finally:
        children.stop()
    said = (tmp_path / "land.log").read_text(encoding="utf-8")
    assert said.count("No such option") == 3
    assert "earlier" not in said, "it begins anew with each `landfall serve`"
    (found,) = judge(kept_services(tmp_path), dt.datetime.now(dt.UTC), Limits())
    assert (found.check, found.subject, found.severity, found.value) == ("services", "land", "error", 3)
    assert "It ended 3 times" in found.message
    assert "exit code 2" in found.message
    assert "No such option" in found.message


@pytest.mark.parametrize(
    ("ends_ago", "severity"), [([], "ok"), ([3_600], "ok"), ([60], "warn"), ([5, 35, 65], "error")]
)
def test_only_ends_of_the_last_minutes_count(ends_ago: list[int], severity: str) -> None:
    now = dt.datetime(2026, 3, 28, tzinfo=dt.UTC)
    ends = [End(now.timestamp() - ago, "with exit code 1", "Port 9464 is taken") for ago in ends_ago]
    (found,) = judge([ServiceRecord("metrics", 1, 0.0, ends=ends)], now, Limits())
    assert found.severity == severity
    assert bool(found.advice) == (severity != "ok")


def test_a_service_that_gave_up_says_so_and_one_whose_keeper_is_gone_says_nothing(tmp_path: Path) -> None:
    land, gone = ServiceRecord.of_this_process("land"), ServiceRecord("refresh", 2**22, 1.0)
    land.ended(tmp_path, "with exit code 3", "", given_up="another `landfall land` has taken over")
    gone.ended(tmp_path, "with exit code 1", "")
    (found,) = judge(kept_services(tmp_path), dt.datetime.now(dt.UTC), Limits())
    assert (found.subject, found.severity) == ("land", "warn")
    assert "another `landfall land` has taken over" in found.message


def test_services_of_two_state_folders_do_not_fight_over_a_port(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for home in (first, second):
        home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        usual = server.getsockname()[1]
        moved = service_port(second, "metrics", usual)
        assert moved != usual
        record = ServiceRecord.of_this_process("metrics")
        record.started(second, 1, moved)
    assert service_port(first, "metrics", usual) == usual
    assert service_port(second, "metrics", usual) == moved, "it keeps the one that it had, for who knows it"


def test_a_service_whose_port_somebody_else_took_meanwhile_is_started_again(tmp_path: Path) -> None:
    children, idle = Children(tmp_path), Service("metrics", sleeper)
    keeper = Keeper(tmp_path, children, [idle])
    try:
        keeper.poll(0.0)
        keeper.poll(HEALTHY_SECONDS)
        assert idle.child is not None, "nobody has its port: it may still be starting"
        with socket.create_server(("127.0.0.1", PORT)):
            keeper.poll(3 * HEALTHY_SECONDS)
        assert idle.child is None
    finally:
        children.stop()
    assert idle.record.ends[0].how == f"without its port {PORT}, which another process has"


def sleeper(children: Children) -> Child:
    """A process that never listens."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    return children.adopt(Child("sleeper", process, children.folder / "sleeper.log", port=PORT))
