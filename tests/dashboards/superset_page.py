"""A dashboard as a person sees it in Chromium: what is written on the page, and what can be clicked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page

from manual.superset_page import CHARTS, FIGURES, SECONDS, log_in, show, wait_until_drawn
from tests.dashboards.superset_server import Superset

ROWS = "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"
TALL = 6_000
"""Pixels: Superset draws what is in sight, and here all of it is."""


@dataclass
class Opened:
    """A page and what went wrong on it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def show(self, slug: str) -> None:
        """Open a dashboard and wait until its last chart is drawn."""
        show(self.page, self.address, slug)

    def wait_until_drawn(self) -> None:
        """No loading mark is left, and each chart has something in it."""
        wait_until_drawn(self.page)

    @contextmanager
    def figures_asked(self) -> Iterator[None]:
        """Waits until what is done in the block has had charts ask again, and until they are drawn."""
        with self.page.expect_response(lambda response: FIGURES in response.url):
            yield
        self.wait_until_drawn()

    def chart(self, name: str) -> Locator:
        """A chart by its name."""
        return self.page.locator(f'{CHARTS}[data-test-chart-name="{name}"]')

    def number(self, name: str) -> str:
        """What a big number says."""
        return self.chart(name).locator(".header-line").inner_text()

    def rows(self, name: str) -> list[list[str]]:
        """The rows of a table that are on its page, as written."""
        found: list[list[str]] = self.chart(name).locator("tbody tr").evaluate_all(ROWS)
        return found

    def has_rows(self, name: str, expected: list[list[str]]) -> bool:
        """Whether a table has these rows, in any order, at once or within a minute: it is drawn after its answer.

        Rows are compared in as many of their first columns as the expected ones have.
        """
        for _ in range(600):
            shown = self.rows(name)
            if sorted(row[: len(expected[0])] for row in shown) == sorted(expected):
                return True
            self.page.wait_for_timeout(100)
        return False

    def click(self, name: str, value: str) -> None:
        """Click a cell of a table, and wait until all is drawn again."""
        with self.figures_asked():
            self.chart(name).locator("tbody td").filter(has_text=value).first.click()

    def choose(self, name: str, value: str) -> None:
        """Choose a value of a filter, apply it, and wait until all is drawn again."""
        label = self.page.locator("[data-test=filter-control-name]").filter(has_text=name)
        key = (label.get_attribute("id") or "").removeprefix("filter-name-")
        self.page.locator(f'[data-test="{key}"]').click()
        self.page.locator(f"#{key}").fill(value)
        self.page.locator(f".ant-select-item-option >> text={quoted(value)}").first.click()
        self.page.keyboard.press("Escape")
        with self.figures_asked():
            self.page.locator("[data-test=filter-bar__apply-button]").click()

    def wrong_charts(self) -> list[str]:
        """Names of charts in error, with what they say."""
        return [
            f"{chart.get_attribute('data-test-chart-name')}: {chart.inner_text()[:200]}"
            for chart in self.page.locator(CHARTS).all()
            if chart.locator(".ant-alert-error, [role=alert], .error-container").count()
        ]


def quoted(text: str) -> str:
    """For a selector by text that is equal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def opened(
    browser: Browser, superset: Superset, *, width: int = 1440, height: int = TALL, zone: str = "UTC"
) -> Iterator[Opened]:
    """A page of a browser in this time zone, logged in."""
    context: BrowserContext = browser.new_context(viewport={"width": width, "height": height}, timezone_id=zone)
    try:
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        shown = Opened(page, superset.address)
        page.on("console", lambda said: shown.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: shown.errors.append(str(error)))
        page.on("request", lambda asked: shown.hosts.add(urlsplit(asked.url).hostname or ""))
        log_in(page, superset.address, superset.user, superset.password)
        yield shown
    finally:
        context.close()
