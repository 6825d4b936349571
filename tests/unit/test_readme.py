"""What README.md shows is true of the product."""

import re
from pathlib import Path

import click

from cli.main import group
from landfall.layout import PROJECT
from landfall.settings_table import with_table
from landing_stream.contract import load_contracts

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_contract_of_the_example_is_one(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert block is not None
    (tmp_path / "door_openings.yaml").write_text(block[1], encoding="utf-8")
    contract = load_contracts(tmp_path)["door_openings"]
    assert contract.field_names == ("opening_id", "opened_at", "shop")


def test_every_command_is_in_the_table() -> None:
    named = set(re.findall(r"`(?:landfall )?([a-z]+)[^`]*`", "".join(re.findall(r"^\| `.*", README, re.MULTILINE))))
    assert set(group.list_commands(click.Context(group))) - named == set()


def test_the_table_of_settings_is_the_one_that_is_declared() -> None:
    assert with_table(README) == README, "run `python -m landfall.settings_table`"


def test_every_folder_of_the_tree_exists() -> None:
    tree = re.search(r"## The repository\n\n```\n(.*?)```", README, re.DOTALL)
    assert tree is not None
    parent = ""
    for line in tree[1].splitlines():
        name = line.split()[0]
        parent = parent if line.startswith(" ") else name
        found = PROJECT / parent / name if line.startswith(" ") else PROJECT / name
        assert found.exists(), line
