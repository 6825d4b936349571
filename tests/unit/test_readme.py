"""What docs/ shows at length is true of the product; tests/unit/test_documentation.py asks of every page."""

import re
from pathlib import Path

from landfall.layout import PROJECT
from landing_stream.contract import load_contracts

DOCS = PROJECT / "docs"


def test_the_contract_of_the_example_is_one(tmp_path: Path) -> None:
    block = re.search(
        r"```yaml\n(.*?)```", (DOCS / "how-to" / "add-a-stream.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert block is not None
    (tmp_path / "door_openings.yaml").write_text(block[1], encoding="utf-8")
    contract = load_contracts(tmp_path)["door_openings"]
    assert contract.field_names == ("opening_id", "opened_at", "shop")


def test_every_folder_of_the_tree_exists() -> None:
    architecture = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    tree = re.search(r"## The repository\n\n```\n(.*?)```", architecture, re.DOTALL)
    assert tree is not None
    parent = ""
    for line in tree[1].splitlines():
        name = line.split()[0]
        parent = parent if line.startswith(" ") else name
        found = PROJECT / parent / name if line.startswith(" ") else PROJECT / name
        assert found.exists(), line
