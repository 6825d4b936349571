"""A state folder that is not ours, damaged or of another version is refused before anything is written to it."""

import json
import stat
from pathlib import Path

import psutil
import pytest

from cli.prepare import up
from landfall.errors import UserError
from landfall.settings import Settings
from landfall.state import MARKER, SECRETS
from local_stack.kafka import Kafka
from local_stack.postgres import Postgres
from local_stack.stack import down


def test_a_folder_with_other_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is not a Landfall state folder"):
        up(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(UserError, match="set LANDFALL_HOME to a folder"):
        up(tmp_path / "home")


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ("", "damaged"),
        ("[]", "damaged"),
        ('{"product": "other", "version": 1}', "damaged"),
        ('{"product": "landfall", "version": 99}', "state version 99"),
    ],
)
def test_a_marker_that_does_not_fit_is_refused(tmp_path: Path, marker: str, said: str) -> None:
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(UserError, match=said):
        up(tmp_path)


def test_down_where_nothing_was_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Nothing was started"):
        down(tmp_path / "none")


@pytest.mark.parametrize("server", ["postgres", "kafka"])
def test_a_data_folder_that_lost_its_heart_is_damaged(tmp_path: Path, server: str) -> None:
    (tmp_path / MARKER).write_text(json.dumps({"product": "landfall", "version": 1}))
    (tmp_path / server / "data").mkdir(parents=True)
    with pytest.raises(UserError, match=r"damaged.*Restore it from a backup"):
        up(tmp_path)


def test_lost_passwords_are_damage_not_a_new_start(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(json.dumps({"product": "landfall", "version": 1}))
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("18\n")
    with pytest.raises(UserError, match=SECRETS):
        up(tmp_path)


def test_what_holds_a_password_is_for_the_owner_only(stack: Path) -> None:
    for name in (SECRETS, "endpoints.json"):
        assert stat.S_IMODE((stack / name).stat().st_mode) == 0o600
    # A system user may pass through (x) when Landfall is run as root; nobody else may read or list.
    assert stack.stat().st_mode & 0o066 == 0


def test_no_password_stands_in_a_command_line_an_environment_or_a_log(stack: Path) -> None:
    words = json.loads((stack / SECRETS).read_text()).values()
    seen = []
    for process in psutil.process_iter():
        try:
            seen.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    kafka, postgres = Kafka(stack / "kafka").broker(), Postgres(stack / "postgres").postmaster()
    for server in (kafka, postgres):
        assert server is not None
        seen.append(str(server.environ()))
    seen += [path.read_text(errors="replace") for path in stack.rglob("*.log")]
    assert not [word for word in words if any(word in text for text in seen)]


def test_the_servers_listen_on_loopback_only(stack: Path) -> None:
    for server in (Kafka(stack / "kafka").broker(), Postgres(stack / "postgres").postmaster()):
        assert server is not None
        listening = [c.laddr.ip for c in server.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_each_state_folder_has_addresses_of_its_own(stack: Path, tmp_path: Path) -> None:
    assert Settings.of_home(stack).dsns
    assert not Settings.of_home(tmp_path / "other").dsns
