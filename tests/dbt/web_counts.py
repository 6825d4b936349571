"""Requests of the web shop, and the KPIs that they must give, counted without SQL."""

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.dbt.events import DAY, Event

Key = tuple[Any, ...]
PERSON = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
)
KNOWN_BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
BOUND = 10
GAP = dt.timedelta(minutes=30)
STEPS = ("view", "cart", "checkout", "paid")


def web_traffic(count: int, seed: int) -> list[Event]:
    """Requests over two days in visits of a few minutes, from few addresses; a fifth of them are bursts."""
    chance = random.Random(seed)
    events: list[Event] = []
    while len(events) < count:
        start = DAY + dt.timedelta(seconds=chance.uniform(0, 172_800))
        burst = chance.random() < 0.2
        address = f"203.0.113.{chance.randrange(8)}"
        pause = 4 if burst else 600
        for _ in range(chance.randrange(8, 25) if burst else chance.randrange(1, 8)):
            start += dt.timedelta(seconds=chance.uniform(0, pause))
            events.append(
                {
                    "event_id": f"web-{len(events)}",
                    "timestamp": start.isoformat(),
                    "user_id": chance.choice([f"u{n}" for n in range(12)] + [None]),
                    "ip_address": chance.choice([address, address, address, f" {address} ", None]),
                    "action": chance.choice(
                        ["view_product"] * 4 + ["add_to_cart", "checkout", "purchase", "payment_error", "search", None]
                    ),
                    "product_id": chance.choice(["p1", "p2", "p3", None]),
                    "user_agent": chance.choice([PERSON] * 8 + [KNOWN_BOT, None]),
                    "response_time": chance.choice(["0.2", "1.5", "0.05", "3e-1", "12", None, "slow"]),
                    "status_code": chance.choice(["200", "204", "302", "404", "500", "503.0", None]),
                }
            )
    return events[:count]


@dataclass(frozen=True)
class Request:
    """A request as an event says it."""

    key: str
    at: dt.datetime
    user: str | None
    address: str | None
    action: str
    product: str
    agent: str | None
    seconds: Decimal | None
    status: int | None

    @property
    def minute(self) -> dt.datetime:
        return self.at.replace(second=0, microsecond=0)

    @property
    def window(self) -> dt.datetime:
        return self.minute - dt.timedelta(minutes=self.at.minute % 5)

    @property
    def status_class(self) -> str:
        return f"{self.status // 100}xx" if self.status else "(none)"

    @property
    def step(self) -> int:
        """How far along the funnel the request is, 0 for not at all."""
        if self.action == "purchase" or (self.action == "checkout" and self.status_class == "2xx"):
            return 4
        return {"view_product": 1, "add_to_cart": 2, "checkout": 3}.get(self.action, 0)


def read(events: Iterable[Event]) -> list[Request]:
    """The requests of the events, each key once."""
    return [
        Request(
            key=key,
            at=dt.datetime.fromisoformat(str(event["timestamp"])),
            user=event["user_id"],
            address=(event["ip_address"] or "").strip() or None,
            action=event["action"] or "(none)",
            product=event["product_id"] or "(none)",
            agent=event["user_agent"],
            seconds=None if event["response_time"] in (None, "slow") else Decimal(str(event["response_time"])),
            status=int(float(event["status_code"])) if event["status_code"] else None,
        )
        for key, event in {str(event["event_id"]): event for event in events}.items()
    ]


def bot_ips(requests: list[Request]) -> dict[Key, int]:
    """(minute, address) → requests, where there are more than the bound."""
    counts = Counter((request.minute, request.address) for request in requests if request.address)
    return {key: count for key, count in counts.items() if count > BOUND}


def people(requests: list[Request]) -> list[Request]:
    """The requests that no bot made."""
    busy = bot_ips(requests)
    return [r for r in requests if r.agent != KNOWN_BOT and (r.minute, r.address) not in busy]


def product_views(requests: list[Request]) -> dict[Key, Key]:
    """(window, product) → views, human views."""
    every, human = (
        Counter((r.window, r.product) for r in some if r.action == "view_product")
        for some in (requests, people(requests))
    )
    return {key: (count, human[key]) for key, count in every.items()}


def actions(requests: list[Request]) -> dict[Key, Key]:
    """(window, action) → requests, their share of the window, the same of people."""
    every, human = (Counter((r.window, r.action) for r in some) for some in (requests, people(requests)))
    of_window, human_of_window = (Counter(r.window for r in some) for some in (requests, people(requests)))
    return {
        key: (
            count,
            count / of_window[key[0]],
            human[key],
            human[key] / human_of_window[key[0]] if human_of_window[key[0]] else None,
        )
        for key, count in every.items()
    }


def response_times(requests: list[Request]) -> dict[Key, Key]:
    """(window, action) → requests, average, median, 95th and 99th percentile; the same of people."""
    found: dict[Key, Key] = {}
    by_key, human = (group(some, lambda r: (r.window, r.action)) for some in (requests, people(requests)))
    for key, some in by_key.items():
        found[key] = (len(some), *times(some), len(human.get(key, [])), *times(human.get(key, [])))
    return found


def group(requests: list[Request], key: Any) -> dict[Key, list[Request]]:
    groups: dict[Key, list[Request]] = defaultdict(list)
    for request in requests:
        groups[key(request)].append(request)
    return groups


def times(requests: list[Request]) -> Key:
    """Average and three percentiles of the times that are there."""
    seconds = sorted(float(r.seconds) for r in requests if r.seconds is not None)
    if not seconds:
        return (None, None, None, None)
    return (sum(seconds) / len(seconds), *(percentile(seconds, share) for share in (0.5, 0.95, 0.99)))


def percentile(ordered: list[float], share: float) -> float:
    """The value at `share` of the way from the first to the last, between two values in proportion."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def payment_errors(requests: list[Request]) -> dict[Key, Key]:
    """(window,) → checkouts, payment errors, their share; the same of people."""
    found: dict[Key, Key] = {}
    human = {r.key for r in people(requests)}
    tries = [r for r in requests if r.action in ("checkout", "payment_error")]
    for key, some in group(tries, lambda r: (r.window,)).items():
        figures: list[Any] = []
        for tried in (some, [r for r in some if r.key in human]):
            checkouts = sum(r.action == "checkout" for r in tried)
            errors = sum(r.action == "payment_error" or r.status_class == "5xx" for r in tried)
            figures += [checkouts, errors, errors / len(tried) if tried else None]
        found[key] = tuple(figures)
    return found


def statuses(requests: list[Request]) -> dict[Key, Key]:
    """(hour, status class) → requests, their share of the hour; the same of people."""
    found: dict[Key, list[Any]] = defaultdict(list)
    hours = {(r.minute.replace(minute=0), r.status_class) for r in requests}
    for some in (requests, people(requests)):
        counts = Counter((r.minute.replace(minute=0), r.status_class) for r in some)
        of_hour = Counter(r.minute.replace(minute=0) for r in some)
        for key in hours:
            found[key] += [counts[key], counts[key] / of_hour[key[0]] if of_hour[key[0]] else None]
    return {key: tuple(figures) for key, figures in found.items()}


def funnel(requests: list[Request]) -> dict[Key, Key]:
    """(day, step) → users that came so far or further; of them by people's requests."""
    human = {r.key for r in people(requests)}
    found: dict[Key, Key] = {}
    for (day,), some in group([r for r in requests if r.user and r.step], lambda r: (r.at.date(),)).items():
        for order, step in enumerate(STEPS, start=1):
            came = [r for r in some if r.step >= order]
            found[day, step] = (len({r.user for r in came}), len({r.user for r in came if r.key in human}))
    return found


def sessions(requests: list[Request]) -> set[Key]:
    """(user, start, end, events, views, carts, checkouts, engaged, bot) of each session."""
    human = {r.key for r in people(requests)}
    found: set[Key] = set()
    for (user,), some in group([r for r in requests if r.user], lambda r: (r.user,)).items():
        some.sort(key=lambda r: r.at)
        visit = [some[0]]
        for request in some[1:]:
            if request.at - visit[-1].at > GAP:
                found.add(session(user, visit, human))
                visit = []
            visit.append(request)
        found.add(session(user, visit, human))
    return found


def session(user: str, visit: list[Request], human: set[str]) -> Key:
    kinds = Counter(r.action for r in visit)
    views, carts, checkouts = (kinds[name] for name in ("view_product", "add_to_cart", "checkout"))
    engaged = views >= 2 or carts > 0 or checkouts > 0
    bot = any(r.key not in human for r in visit)
    return (user, visit[0].at, visit[-1].at, len(visit), views, carts, checkouts, engaged, bot)
