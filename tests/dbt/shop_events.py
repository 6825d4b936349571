"""Shop events with all that drifts in real ones: visits of a few devices over four days, some long, some of bots."""

import datetime as dt
import json
import random
from dataclasses import dataclass

from tests.dbt.events import DAY, Event


@dataclass(frozen=True)
class Agent:
    """A user agent with what the field's libraries say of it."""

    text: str | None
    browser: str
    os: str
    is_bot: bool


@dataclass(frozen=True)
class Page:
    """A page of a host, with the country that the seed gives it; `symbol` is what its carts call their money."""

    origin: str
    country: str
    code: str | None
    is_production: bool
    symbol: str | None
    currency: str
    notation: str


AGENTS = (
    Agent(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/120.0.0.0 Safari/537.36",
        "Chrome",
        "Windows",
        False,
    ),
    Agent(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 13_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/13.1 Mobile/15E148 Safari/604.1",
        "Mobile Safari",
        "iOS",
        False,
    ),
    Agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "Other", True),
    Agent(None, "(none)", "(none)", False),
)
PAGES = (
    Page("https://www.glamira.de", "Germany", "DE", True, "€", "EUR", "4.990,00"),
    Page("https://www.glamira.co.uk", "Britain (UK)", "GB", True, "£", "GBP", "4,990.00"),
    Page("https://www.glamira.com", "International", None, True, "$", "USD", "4,990.00"),
    Page("https://www.glamira.se", "Sweden", "SE", True, "kr", "SEK", "4 990,00"),
    Page("https://www.glamira.ch/it", "Switzerland", "CH", True, "CHF", "CHF", "4'990.00"),
    Page("https://www.glamira.de.mirror.example", "Unmapped", None, True, None, "XXX", "4990"),
    Page("https://stage.glamira.de/glde", "Germany", "DE", False, "€", "EUR", "4.990,00"),
    Page("https://dev12.glamira.com", "Unmapped", None, False, "$", "XXX", "4,990.00"),
    Page("file:///C:/Users/me/ring.html", "Unmapped", None, False, None, "XXX", "4990"),
)
REFERRERS: dict[str | None, str] = {
    None: "direct",
    "": "direct",
    "https://www.glamira.de/men-s-necklaces/": "internal",
    "https://www.google.com/": "search",
    "https://www.google.com/search?q=ring": "search",
    "https://www.facebook.com/": "social",
    "https://chatgpt.com/": "ai",
    "https://blog.example/rings": "other",
    "about:blank": "other",
}


def page_of(url: str | None) -> str:
    """What marts show of a page before: its address without the query."""
    return (url or "").partition("?")[0]


MEDIUMS = {page_of(url): medium for url, medium in REFERRERS.items()}
"""By what marts show."""


TYPES = (
    ("view_product_detail", 30),
    ("view_listing_page", 20),
    ("select_product_option", 8),
    ("select_product_option_quality", 3),
    ("add_to_cart_action", 8),
    ("view_shopping_cart", 6),
    ("checkout", 5),
    ("checkout_success", 6),
    ("view_static_page", 6),
    ("made_up", 1),
)
STARTS = [DAY + dt.timedelta(hours=hour) for hour in (0.2, 9, 9.3, 10, 18, 23.6, 24.1, 33, 47.7, 60, 71.9, 90)]


def shop_visits(seed: int, devices: int = 12, visits: int = 60) -> list[Event]:
    """Events in order of time, each with its own id."""
    chance = random.Random(seed)
    events: list[Event] = []
    for _ in range(visits):
        device = chance.choice([f"device-{number}" for number in range(devices)] + [None])
        moment = chance.choice(STARTS) + dt.timedelta(seconds=chance.randrange(3_000))
        agent, page = chance.choices(AGENTS, (6, 4, 2, 1))[0], chance.choices(PAGES, (8, 5, 4, 3, 3, 2, 2, 1, 1))[0]
        resolution = chance.choice(["2000x2000", "1280x720", "360x771", "360x771", None])
        campaign = chance.choice(["false", "false", "false", None, "criteo"])
        for _ in range(chance.choice((1, 1, 2, 4, 9))):
            # a pause of 30:00 is none, one of 30:01 is
            moment += dt.timedelta(seconds=chance.choice((0, 5, 40, 300, 1_800, 1_801)))
            events.append(
                {
                    "time_stamp": str(int(moment.timestamp())),
                    "collection": chance.choices([name for name, _ in TYPES], [weight for _, weight in TYPES])[0],
                    "device_id": device,
                    "user_agent": agent.text,
                    "resolution": resolution,
                    "store_id": chance.choice(["7", "12", None]),
                    "current_url": page.origin + "/ring.html?alloy=red-750",
                    "referrer_url": chance.choice([*REFERRERS]),
                    "utm_source": campaign,
                    "utm_medium": "false",
                    "product_id": chance.choice(["100", "101", "102", None]),
                    "viewing_product_id": chance.choice(["100", None]),
                }
            )
            if events[-1]["collection"] == "checkout_success":
                events[-1].update(order(chance, page))
    events.sort(key=lambda event: int(str(event["time_stamp"])))
    for number, event in enumerate(events):
        event["id"] = f"visit-{number}"
    return events


def order(chance: random.Random, page: Page) -> Event:
    """An order's number and cart; few numbers and carts, so that some orders are reported more than once."""
    price = chance.choice([page.notation, page.notation, "on request"])
    lines: list[object] = [
        {"product_id": chance.choice((100, 101)), "amount": chance.choice((1, "2")), "price": price, "option": ""}
        | ({"currency": page.symbol} if page.symbol else {})
        for _ in range(chance.choice((0, 1, 1, 2)))
    ]
    number = chance.choice(["", "720251727", "720251727.0", "720251728"])
    return {"order_id": number, "cart_products": chance.choice([json.dumps(lines), json.dumps(lines), '[{"broken'])}


def purchase(moment: dt.datetime) -> list[Event]:
    """Somebody who logs in, puts a thing into a cart, and buys it, ten seconds after each other from this moment on."""
    line = {"product_id": 1, "amount": 1, "price": "100,00", "currency": "€"}
    steps: list[Event] = [
        {"collection": "view_product_detail"},
        {"collection": "add_to_cart_action", "price": "100,00", "currency": "€"},
        {"collection": "checkout_success", "order_id": "bought", "cart_products": json.dumps([line])},
    ]
    return [
        {
            "id": f"purchase-{number}",
            "time_stamp": str(int(moment.timestamp()) + 10 * number),
            "device_id": "device-of-a-buyer",
            "user_id_db": "4711",
            "email_address": "buyer@shop.example",
            "current_url": "https://www.glamira.de/ring",
            **step,
        }
        for number, step in enumerate(steps)
    ]
