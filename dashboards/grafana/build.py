"""Writes the boards as JSON: `python -m dashboards.grafana.build`. What is committed is what this writes."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.operations import operations
from dashboards.grafana.shop_kpis import shop_kpis

FOLDER = Path(__file__).parent / "boards"
BOARDS = {"landfall-operations.json": operations, "shop-kpis.json": shop_kpis}


def text_of(name: str) -> str:
    """The file's content."""
    return json.dumps(BOARDS[name]().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write every board."""
    FOLDER.mkdir(exist_ok=True)
    for name in BOARDS:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
