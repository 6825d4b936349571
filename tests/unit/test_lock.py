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
DEV_LOCK = (PROJECT / "requirements-dev.lock").read_text(encoding="utf-8")
BUILD_LOCK = (PROJECT / "requirements-build.lock").read_text(encoding="utf-8")
SUPERSET_LOCK = (PROJECT / "requirements-superset.lock").read_text(encoding="utf-8")
PARSER = "dbt-core-experimental-parser"
"""A compiled dbt of the next generation, which no command of ours starts. Its build downloads from elsewhere."""


LOCKS = {
    "ours": (LOCK, 120),
    "development": (DEV_LOCK, 180),
    "build": (BUILD_LOCK, 1),
    "Superset's": (SUPERSET_LOCK, 150),
}


@pytest.mark.parametrize(("lock", "least"), LOCKS.values(), ids=LOCKS)
def test_every_package_is_pinned_with_hashes_and_no_registry_is_named(lock: str, least: int) -> None:
    pinned = re.split(r"\n(?=[a-z])", lock)
    assert len(pinned) >= least
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+ \\\n +--hash=sha256:", one) for one in pinned)
    assert "://" not in lock


def pins(lock: str) -> set[str]:
    """name==version of each package."""
    return set(re.findall(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?==\S+)", lock, re.MULTILINE))


def test_what_is_developed_with_is_what_runs_and_more() -> None:
    assert pins(LOCK) < pins(DEV_LOCK)
    assert pins(BUILD_LOCK) < pins(LOCK)
    tools = {"pytest", "mypy", "ruff", "moto", "sqlfluff", "playwright"}
    assert tools & {pin.split("==")[0].split("[")[0] for pin in pins(LOCK)} == set()


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
