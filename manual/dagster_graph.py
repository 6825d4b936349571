"""Dagster's graph of assets, as its page shows it."""

from pathlib import Path
from urllib.parse import quote

from manual.browser import browser_page, save

MART = "kpi_web_status_hourly"
SELECTION = f'+key:"marts/{MART}" and not (key:"*job_tracking" or key:"*product_views" or key:"*files")'
"""The way of one stream to one of its marts: all 169 assets of the graph would be dots."""
GROUPS = ("marts", "intermediate", "facts", "staging", "enrichment", "landing", "kafka")
SETTLE_SECONDS = 6.0
"""Nodes are placed first, and say what became of them later."""


def graph_picture(address: str, path: Path) -> Path:
    """The way of the data from a topic to a mart, group by group. `address`: of Dagster, as http://127.0.0.1:3000."""
    expanded = quote(",".join(f"global@global:{group}" for group in GROUPS))
    with browser_page(1500, 520) as page:
        page.goto(f"{address}/asset-groups~{quote(SELECTION, safe='')}/?expanded={expanded}", wait_until="load")
        page.get_by_text("Hide navigation").click()
        page.reload()  # it stays hidden, and the graph is fitted to the room that there is now
        page.get_by_text(MART[-13:]).last.wait_for()
        # The graph moves to the left, from beneath the buttons on its right.
        page.get_by_placeholder("Jump to").locator("xpath=following::button[1]").click()
        page.wait_for_timeout(SETTLE_SECONDS * 1000)
        save(page, path)
    return path
