"""Who may import whom: every room has its place, and an import that goes up is found."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from landfall.layout import PROJECT

SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
ROOMS = {init.parent.name for init in PROJECT.glob("*/__init__.py")}
LAYERS = [set(re.split(r" \| ", line)) for line in SETTINGS["importlinter"]["contracts"][0]["layers"]]


def test_every_room_has_its_place() -> None:
    assert set.union(*LAYERS) == ROOMS
    assert set(SETTINGS["importlinter"]["root_packages"]) == ROOMS
    assert {name.rstrip("*") for name in SETTINGS["setuptools"]["packages"]["find"]["include"]} == ROOMS
    assert set(SETTINGS["ruff"]["lint"]["isort"]["known-first-party"]) == ROOMS | {"tests"}


def test_the_architecture_shows_the_rooms_in_their_order() -> None:
    architecture = (PROJECT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    tree = re.search(r"## The repository\n\n```\n(.*?)```", architecture, re.DOTALL)
    assert tree is not None
    assert "\n".join(["```", *SETTINGS["importlinter"]["contracts"][0]["layers"], "```"]) in architecture
    shown = [name for name in re.findall(r"^([a-z_]+)/", tree[1], re.MULTILINE) if name in ROOMS]
    place = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    assert set(shown) == ROOMS
    assert [place[room] for room in shown] == sorted(place[room] for room in shown)


def test_no_room_knows_the_tests() -> None:
    knowing = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for room in sorted(ROOMS)
        for path in (PROJECT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tests"
    ]
    assert knowing == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"landfall/wrong.py": "from cli.main import main"}, "landfall.wrong ->"),
        ({"health/wrong.py": "def check() -> None:\n    from reports.write import write_report"}, "health.wrong ->"),
        ({"health/one.py": "import health.two", "health/two.py": "def of() -> None:\n    import health.one"}, "health"),
    ],
    ids=["upwards", "to a room beside", "in a circle"],
)
def test_an_import_that_does_not_go_down_is_found(files: dict[str, str], said: str, tmp_path: Path) -> None:
    for name in ROOMS:
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n", encoding="utf-8")
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stdout.partition("Broken contracts")[2]
