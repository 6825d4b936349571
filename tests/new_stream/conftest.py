"""A copy of the project whose `landfall` writes streams into it, on servers of the session."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from landfall.layout import PROJECT, build_folder
from landfall.settings import Settings

MAIN = "from cli.main import main; main()"


class ProjectCopy:
    """A copy of the project: its folder, and its commands."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder, self._environ = folder, environ

    def run(self, *arguments: str | Path, code: str = MAIN, codes: tuple[int, ...] = (0,)) -> str:
        """What the copy's `landfall` says on stdout, or what its Python does. Fails for another exit code."""
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return self.call(command, cwd=self.folder, codes=codes)

    def call(self, command: Sequence[str | Path], cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
        """What a program says."""
        done = subprocess.run(command, cwd=cwd, env=self._environ, capture_output=True, text=True, check=False)
        assert done.returncode in codes, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if codes != (0,) else "")

    def give_topic(self, stream: str, topic: str) -> None:
        """Let the stream have a topic that no other test has."""
        path = self.folder / "landing_stream" / "contracts" / f"{stream}.yaml"
        text = path.read_text(encoding="utf-8")
        assert f"physicalName: {stream}\n" in text
        path.write_text(text.replace(f"physicalName: {stream}\n", f"physicalName: {topic}\n", 1), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, database: Settings, environ_of: Callable[[Settings], dict[str, str]]) -> ProjectCopy:
    """A copy of the project that nobody else writes into."""
    copy = tmp_path / "copy"
    for folder in ("dbt_project", *(init.parent.name for init in PROJECT.glob("*/__init__.py"))):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
    shutil.copy(PROJECT / ".sqlfluff", copy)
    variables = {"PYTHONPATH": str(copy), "LANDFALL_BUILD": str(build_folder())}
    return ProjectCopy(copy, environ_of(database) | variables | {"DBT_PROFILES_DIR": str(copy / "dbt_project")})
