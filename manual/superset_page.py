"""A dashboard of Superset in Chromium: log in, open it, wait until its last chart is drawn."""

from playwright.sync_api import Page, expect

SECONDS = 120.0
"""Longest wait for something to be drawn, on a machine that runs all servers beside."""
LOADING = "[data-test=dashboard-component-chart-holder] .loading, [data-test=loading-indicator], .ant-skeleton"
CHARTS = "[data-test=chart-grid-component]"


def log_in(page: Page, address: str, user: str, password: str) -> None:
    """Log in. `address`: of Superset, as http://127.0.0.1:8088."""
    page.goto(f"{address}/login/")
    page.fill("#username", user)
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/login" not in address)


def show(page: Page, address: str, slug: str) -> None:
    """Open a dashboard and wait until its last chart that is in sight is drawn."""
    page.goto(f"{address}/superset/dashboard/{slug}/", wait_until="domcontentloaded")
    page.locator(CHARTS).first.wait_for()
    wait_until_drawn(page)


def wait_until_drawn(page: Page) -> None:
    """No loading mark is left, and each chart has something in it."""
    page.wait_for_timeout(500)  # a click's own loading marks are there by then
    expect(page.locator(LOADING)).to_have_count(0, timeout=SECONDS * 1000)
    empty = page.locator(CHARTS).filter(has_not=page.locator("[data-test=slice-container]"))
    expect(empty).to_have_count(0, timeout=SECONDS * 1000)
