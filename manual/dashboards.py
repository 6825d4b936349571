"""The dashboards as a person sees them who logs in."""

from pathlib import Path

from cli.superset_server import SupersetServer
from dashboards.superset.state import ADMIN, PASSWORD, folder_of
from manual.browser import browser_page, save
from manual.superset_page import log_in, refresh, show, wait_until_drawn

PICTURES = {
    "dashboard-shop.png": ("landfall-shop", 1440, 1450),
    "dashboard-shop-phone.png": ("landfall-shop", 390, 1400),
    "dashboard-audience.png": ("landfall-audience", 1440, 1900),
    "dashboard-shop-log.png": ("landfall-shop-log", 1440, 1000),
    "dashboard-recruitment.png": ("landfall-recruitment", 1440, 1000),
    "dashboard-trust.png": ("landfall-trust", 1440, 1225),
}
"""File, dashboard, and how much of it is seen: width and height in pixels."""
TALL = 6_000
"""Superset draws what is in sight, and here all of it is; the picture is of the top."""
SETTLE_SECONDS = 2.0
"""Charts grow into their place for a second after they are drawn."""


def dashboard_pictures(server: SupersetServer, home: Path, folder: Path) -> list[Path]:
    """A picture of the top of each dashboard, and one of a phone's; returns their paths. `home`: the state folder."""
    password = (folder_of(home) / PASSWORD).read_text(encoding="utf-8").strip()
    for name, (slug, width, height) in PICTURES.items():
        with browser_page(width, TALL, 1) as page:
            log_in(page, server.address, ADMIN, password)
            show(page, server.address, slug)
            refresh(page)
            page.set_viewport_size({"width": width, "height": height})
            wait_until_drawn(page)
            page.wait_for_timeout(SETTLE_SECONDS * 1000)
            save(page, folder / name)
    return [folder / name for name in PICTURES]
