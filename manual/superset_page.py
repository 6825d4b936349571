"""A dashboard of Superset in Chromium: log in, open it, wait until its last chart is drawn."""

import time

from playwright.sync_api import Page, Request, expect

SECONDS = 240.0
"""Longest wait for something to be drawn, on a machine that runs all servers beside."""
LOG_INS = 3
LOADING = "[data-test=dashboard-component-chart-holder] .loading, [data-test=loading-indicator], .ant-skeleton"
FIGURES = "/api/v1/chart/data"
CHARTS = "[data-test=chart-grid-component]"
DRAWN = "canvas, svg:not(.anticon svg), table, .header-line, .ant-empty, [role=alert], .ant-alert"
"""What a chart is drawn as; the small pictures of its buttons are none."""
ALL_DRAWN = """([charts, drawn]) => {
    const inSight = [...document.querySelectorAll(charts)].filter(
        chart => chart.getBoundingClientRect().top < innerHeight);
    return inSight.length > 0 && inSight.every(
        chart => chart.querySelector(`[data-test=slice-container] :is(${drawn})`) || chart.querySelector(".ant-alert"));
}"""


def log_in(page: Page, address: str, user: str, password: str) -> None:
    """Log in. `address`: of Superset, as http://127.0.0.1:8088.

    Once in some hundred times Superset 6.1.0 loses who has just logged in (its log: "Failed to add user to db session")
    and shows the same page again, as a person sees it too, who then logs in once more.
    """
    for _ in range(LOG_INS):
        page.goto(f"{address}/login/")
        page.fill("#username", user)
        page.fill("#password", password)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        if "/login" not in page.url:
            return
    raise AssertionError(f"Superset at {address} does not let {user} in.")


def show(page: Page, address: str, slug: str) -> None:
    """Open a dashboard and wait until its last chart that is in sight is drawn."""
    page.goto(f"{address}/superset/dashboard/{slug}/", wait_until="domcontentloaded")
    page.locator(CHARTS).first.wait_for()
    wait_until_drawn(page)


def wait_until_drawn(page: Page) -> None:
    """No loading mark is left, and each chart that is in sight shows something, be it that there are no rows."""
    page.wait_for_timeout(500)  # a click's own loading marks are there by then
    expect(page.locator(LOADING)).to_have_count(0, timeout=SECONDS * 1000)
    page.wait_for_function(ALL_DRAWN, arg=[CHARTS, DRAWN], timeout=SECONDS * 1000)


def refresh(page: Page) -> None:
    """Have every chart ask again, and wait until all have their answer: figures of one moment."""
    asked: set[Request] = set()
    page.on("request", lambda request: asked.add(request) if FIGURES in request.url else None)
    page.on("requestfinished", lambda request: asked.discard(request))
    page.on("requestfailed", lambda request: asked.discard(request))
    page.locator("[data-test=refresh-button]").click()
    page.mouse.move(1, page.evaluate("innerHeight") - 1)  # away from the button, which says what it does
    page.wait_for_timeout(1000)
    until = time.monotonic() + SECONDS
    while asked and time.monotonic() < until:
        page.wait_for_timeout(100)
