"""What `make setup` installs, and what it leaves out."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from landfall.layout import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
SUPERSET_LOCK = (PROJECT / "requirements-superset.lock").read_text(encoding="utf-8")
PARSER = "dbt-core-experimental-parser"
"""A compiled dbt of the next generation, which no command of ours starts. Its build downloads from elsewhere."""


@pytest.mark.parametrize("lock", [LOCK, SUPERSET_LOCK], ids=["ours", "Superset's"])
def test_every_package_is_pinned_with_hashes_and_no_registry_is_named(lock: str) -> None:
    pinned = re.split(r"\n(?=[a-z])", lock)
    assert len(pinned) > 150
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ \\\n +--hash=sha256:", one) for one in pinned)
    assert "://" not in lock


def test_dbt_parses_without_the_parser_that_the_lock_leaves_out(tmp_path: Path) -> None:
    assert not re.search(rf"^{PARSER}==", LOCK, re.MULTILINE)
    assert importlib.util.find_spec(PARSER.replace("-", "_")) is None
    command = [sys.executable, "-m", "dbt.cli.main", "--no-partial-parse", "parse", "--target-path", str(tmp_path)]
    paths = {"DBT_PROJECT_DIR": "dbt_project", "DBT_PROFILES_DIR": "dbt_project", "DBT_LOG_PATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "manifest.json").stat().st_size > 1_000_000
