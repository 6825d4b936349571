"""`landfall serve` and a service that cannot stay."""

import time
from pathlib import Path

from landfall.serve import Service, Supervisor, command
from local_stack.children import Children


def test_what_a_service_said_last_stays_in_its_log_when_it_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "land.log").write_text("of an earlier `landfall serve`\n", encoding="utf-8")
    children, land = Children(tmp_path), Service("land", command("land", "--no-such-option"))
    supervisor, deadline = Supervisor(children, [land]), time.monotonic() + 60
    try:
        while land.restarts < 2 and time.monotonic() < deadline:
            supervisor.look(time.monotonic())
            time.sleep(0.05)
    finally:
        children.stop()
    said = (tmp_path / "land.log").read_text(encoding="utf-8")
    assert said.count("No such option") == 2
    assert "earlier" not in said, "it begins anew with each `landfall serve`"
