"""The short form of `landfall-bench recovery`: what refreshes the models is killed, and comes right by itself."""

import json
import subprocess
from pathlib import Path

from tests.e2e.commands import LANDFALL


def test_a_killed_refresh_run_daemon_and_supervisor_need_no_hand(tmp_path: Path) -> None:
    """The command itself fails unless afterwards every dbt test passes and every landed record is accounted for."""
    figures = tmp_path / "figures.json"
    bench = LANDFALL.with_name("landfall-bench")
    done = subprocess.run(
        [bench, "recovery", "--rounds", "1", "--json", str(figures)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    killed = json.loads(figures.read_text(encoding="utf-8"))["recovery"]["seconds"]
    assert {kind: len(seconds) for kind, seconds in killed.items()} == {
        "refresh": 1, "hand-over": 1, "run": 1, "daemon": 1
    }  # fmt: skip
