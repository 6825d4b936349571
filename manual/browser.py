"""Debian's Chromium, headless: it shows a page of this machine, and asks no other host for anything."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, sync_playwright

from manual.chromium import chromium

LOOPBACK = {"127.0.0.1", "localhost"}
SCALE = 2
"""Pixels of a picture by pixel of the page: text stays sharp where the picture is shown larger."""
COLOURS = 128
"""Of a picture's palette: a page's flat colours need no more, and a file takes a third."""
SECONDS = 60.0
"""Longest wait for something to be seen, on a machine that runs all servers beside."""


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium, for the time of the block."""
    found = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found.program, env={**os.environ, **found.variables})
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(width: int, height: int, scale: int = SCALE) -> Iterator[Page]:
    """A page of this many pixels, each `scale` of the picture's, for the time of the block."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page.set_default_timeout(SECONDS * 1000)
        page.route("**/*", of_this_machine)
        yield page


def of_this_machine(route: Route) -> None:
    """Lets a request through that stays on this machine."""
    parts = urlsplit(route.request.url)
    if parts.scheme in ("data", "blob") or parts.hostname in LOOPBACK:
        route.continue_()
    else:
        route.abort()


def save(shown: Page | Locator, path: Path) -> None:
    """What is shown as a PNG."""
    picture = Image.open(io.BytesIO(shown.screenshot(animations="disabled")))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
