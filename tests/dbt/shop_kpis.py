"""The shop's KPIs as kpis.md words them, counted from events without SQL. Each gives {grain: figures}."""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any

from tests.dbt.events import Event
from tests.dbt.shop_events import AGENTS, PAGES, REFERRERS, Agent, Page, page_of

Rows = dict[tuple[Any, ...], tuple[Any, ...]]
STEPS = {
    "view_listing_page": 1,
    "view_product_detail": 2,
    "select_product_option": 3,
    "select_product_option_quality": 3,
    "add_to_cart_action": 4,
    "view_shopping_cart": 5,
    "checkout": 6,
    "checkout_success": 7,
}
STEP_NAMES = ["listing", "detail", "option", "add to cart", "cart", "checkout", "success"]
GAP = dt.timedelta(minutes=30)
# What the prices of shop_events.PAGES mean.
AMOUNTS = dict.fromkeys(("4.990,00", "4,990.00", "4 990,00", "4'990.00", "4990"), Decimal(4990))


@dataclass(frozen=True)
class Seen:
    """An event as the KPIs look at it."""

    key: str
    moment: dt.datetime
    kind: str
    product: str
    device: str | None
    store: str
    page: Page
    agent: Agent
    is_bot: bool
    referrer: str
    channel: str
    order_id: str | None
    lines: tuple[tuple[Any, ...], ...]

    @property
    def day(self) -> dt.date:
        return self.moment.date()

    @property
    def is_view(self) -> bool:
        return self.kind == "view_product_detail"


def seen(events: Iterable[Event], *, known_bots: frozenset[str | None] = frozenset()) -> list[Seen]:
    """Events of production shops, each key once, by time. `known_bots`: agents that came to be known as bots."""
    found = []
    for event in {event["id"]: event for event in events}.values():
        url, referrer = str(event["current_url"]), event.get("referrer_url")
        page = max((page for page in PAGES if url.startswith(page.origin + "/")), key=lambda page: len(page.origin))
        agent = next(agent for agent in AGENTS if agent.text == event["user_agent"])
        if not page.is_production:
            continue
        paid = any(event.get(name) not in (None, "", "false") for name in ("utm_source", "utm_medium"))
        found.append(
            Seen(
                key=str(event["id"]),
                moment=dt.datetime.fromtimestamp(int(str(event["time_stamp"])), dt.UTC),
                kind=str(event["collection"]),
                product=event.get("product_id") or event.get("viewing_product_id") or "(none)",
                device=event["device_id"],
                store=event["store_id"] or "(none)",
                page=page,
                agent=agent,
                is_bot=agent.is_bot or agent.text in known_bots or event["resolution"] == "2000x2000",
                referrer=page_of(referrer),
                channel="paid" if paid else REFERRERS[referrer],
                order_id=(event.get("order_id") or "").removesuffix(".0") or None,
                lines=cart(event.get("cart_products")),
            )
        )
    # of several at one instant, the lowest key is first
    return sorted(found, key=lambda event: (event.moment, hashlib.md5(event.key.encode()).digest()))


def cart(text: str | None) -> tuple[tuple[Any, ...], ...]:
    """(product, amount, price as sent, currency as sent) of each line; none where the text is no JSON."""
    try:
        lines = json.loads(text or "[]")
    except json.JSONDecodeError:
        return ()
    return tuple((str(line["product_id"]), int(line["amount"]), line["price"], line.get("currency")) for line in lines)


def grouped(events: Iterable[Seen], key: Callable[[Seen], tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Seen]]:
    groups: dict[tuple[Any, ...], list[Seen]] = defaultdict(list)
    for event in events:
        groups[key(event)].append(event)
    return groups


def views_by(events: Iterable[Seen], key: Callable[[Seen], tuple[Any, ...]], *, visitors: bool = False) -> Rows:
    """views and human_views, and with `visitors` visitors and human_visitors."""
    rows: Rows = {}
    for grain, views in grouped((event for event in events if event.is_view), key).items():
        people = [event for event in views if not event.is_bot]
        rows[grain] = (len(views), len(people))
        if visitors:
            rows[grain] += tuple(len({event.device for event in part if event.device}) for part in (views, people))
    return rows


def ranked(rows: Rows, *, within: int = 1, by: int = 0, only: Callable[[tuple[Any, ...]], bool] | None = None) -> Rows:
    """{grain: (place,)}: by a figure, the greatest first, ties by the bytes of the grain's last part."""
    places: Rows = {}
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for grain in rows:
        if only is None or only(grain):
            groups[grain[:within]].append(grain)
    for grains in groups.values():
        grains.sort(key=lambda grain: (-rows[grain][by], str(grain[-1]).encode()))
        places |= {grain: (place,) for place, grain in enumerate(grains, 1)}
    return places


def sessions(events: Iterable[Seen]) -> list[list[Seen]]:
    """Events of a device with pauses of at most 30 minutes."""
    found: list[list[Seen]] = []
    for (device,), visit in grouped(events, lambda event: (event.device,)).items():
        if device is None:
            continue
        for number, event in enumerate(visit):
            if number == 0 or event.moment - visit[number - 1].moment > GAP:
                found.append([])
            found[-1].append(event)
    return found


def sessions_daily(events: Iterable[Seen]) -> Rows:
    """sessions, engaged, bounce_rate, views_per_session, median seconds, human sessions."""
    groups: dict[tuple[Any, ...], list[list[Seen]]] = defaultdict(list)
    for session in sessions(events):
        groups[session[0].day, session[0].page.country, session[0].channel].append(session)
    return {
        grain: (
            len(group),
            sum(
                sum(event.is_view for event in session) >= 2 or any(STEPS.get(event.kind, 0) >= 4 for event in session)
                for session in group
            ),
            Fraction(sum(len(session) == 1 for session in group), len(group)),
            Fraction(sum(event.is_view for session in group for event in session), len(group)),
            median((session[-1].moment - session[0].moment).total_seconds() for session in group),
            sum(not any(event.is_bot for event in session) for session in group),
        )
        for grain, group in groups.items()
    }


def funnel_daily(events: Iterable[Seen]) -> Rows:
    """(day, country, step_order) → step, devices, human devices, conversion from the step before, from the first."""
    rows: Rows = {}
    steps = [event for event in events if event.kind in STEPS and event.device]
    for (day, country), group in grouped(steps, lambda event: (event.day, event.page.country)).items():
        reached = [
            [
                {event.device for event in group if STEPS[event.kind] >= step and (everyone or not event.is_bot)}
                for step in range(1, 8)
            ]
            for everyone in (True, False)
        ]
        counts = [len(devices) for devices in reached[0]]
        for step, (name, count) in enumerate(zip(STEP_NAMES, counts, strict=True), 1):
            before = counts[step - 2] if step > 1 else count
            rows[day, country, step] = (
                name,
                count,
                len(reached[1][step - 1]),
                Fraction(count, before) if before else None,
                Fraction(count, counts[0]),
            )
    return rows


def orders(events: Iterable[Seen]) -> list[Seen]:
    """The earliest report of each order."""
    found: dict[Hashable, Seen] = {}
    for event in events:
        if event.kind == "checkout_success":
            identity = (event.store, event.order_id, tuple(line[:3] for line in event.lines))
            found.setdefault(identity if event.order_id else event.key, event)
    return list(found.values())


def orders_daily(events: Iterable[Seen]) -> Rows:
    """(day, country) → orders, human orders, items."""
    return {
        grain: (
            len(group),
            sum(not event.is_bot for event in group),
            sum(amount for event in group for _, amount, _, _ in event.lines),
        )
        for grain, group in grouped(orders(events), lambda event: (event.day, event.page.country)).items()
    }


def revenue_daily(events: Iterable[Seen]) -> Rows:
    """(day, country, currency) → orders, items, revenue, unreadable prices."""
    rows: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), 0])
    for event in orders(events):
        lines: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for line in event.lines:
            lines[event.page.currency if line[3] else "XXX"].append(line)
        for currency, part in (lines or {"XXX": []}).items():
            row = rows[event.day, event.page.country, currency]
            row[0] += 1
            for _, amount, price, _ in part:
                row[1] += amount
                row[2] += amount * AMOUNTS.get(price, Decimal(0))
                row[3] += price not in AMOUNTS
    return {grain: tuple(row) for grain, row in rows.items()}
