"""Dagster's graph of assets, as its page shows it."""

from pathlib import Path

from manual.browser import browser_page, save

GROUPS = ()


def graph_picture(address: str, path: Path) -> Path:
    """The way of the data from a topic to a mart. `address`: of Dagster, as http://127.0.0.1:3000."""
    with browser_page(1500, 900) as page:
        page.goto(f"{address}/asset-groups/", wait_until="networkidle")
        page.wait_for_timeout(5000)
        save(page, path)
    return path
