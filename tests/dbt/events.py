"""Small batches of events of the three streams, and the KPIs that they must give, counted without SQL."""

import datetime as dt
import random
import uuid
from collections import defaultdict
from decimal import Decimal
from typing import Any

Event = dict[str, str | None]
DAY = dt.datetime(2026, 3, 28, tzinfo=dt.UTC)
UUID_EPOCH = dt.datetime(1582, 10, 15, tzinfo=dt.UTC)
TRACKS = ("click", "conversion", "qualified", "unqualified")


def uuid_v1(moment: dt.datetime, node: int) -> str:
    """A version-1 UUID of this moment."""
    ticks = (moment - UUID_EPOCH) // dt.timedelta(microseconds=1) * 10
    low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48
    return str(uuid.UUID(fields=(low, middle, high | 0x1000, 0x80, 0, node)))


def job_events(count: int, seed: int) -> list[Event]:
    """Ad events over three days, of all tracks, with ids that are null, whole or text floats."""
    chance = random.Random(seed)
    return [
        {
            "create_time": uuid_v1(DAY + dt.timedelta(seconds=chance.uniform(0, 259_200)), number),
            "custom_track": chance.choice([*TRACKS, "click", "click", "alive", None]),
            "job_id": chance.choice(["1", "2.0", "3", None]),
            "publisher_id": chance.choice(["1.0", None]),
            "campaign_id": chance.choice(["5", "6.0"]),
            "group_id": None,
            "bid": chance.choice(["1.0", "0.25", None]),
        }
        for number in range(count)
    ]


def jobs_hourly(events: list[Event]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """(date, hour, job, publisher, campaign, group) → clicks, bid_set, spend, conversions, qualified, unqualified."""
    counts: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    spend: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for event in {event["create_time"]: event for event in events}.values():
        track = event["custom_track"]
        if track not in TRACKS:
            continue
        clock = uuid.UUID(event["create_time"]).time // 10
        moment = UUID_EPOCH + dt.timedelta(microseconds=clock)
        ids = (int(float(event[name] or 0)) for name in ("job_id", "publisher_id", "campaign_id", "group_id"))
        key = (moment.date(), moment.hour, *ids)
        counts[key][track] += 1
        if track == "click":
            spend[key] += Decimal(event["bid"] or 0)
    return {
        key: (c["click"], spend[key] / (c["click"] or 1), spend[key], c["conversion"], c["qualified"], c["unqualified"])
        for key, c in counts.items()
    }


def shop_events(count: int, seed: int) -> list[Event]:
    """Shop events over three days, half of them views, of people and a crawler, in shops, on staging and elsewhere."""
    chance = random.Random(seed)
    return [
        {
            "id": f"shop-{number}",
            "time_stamp": str(int(DAY.timestamp()) + chance.randrange(259_200)),
            "collection": chance.choice(["view_product_detail", "view_listing_page"]),
            "product_id": chance.choice(["100", "101", "102", None]),
            "device_id": chance.choice([f"device-{n}" for n in range(20)] + [None]),
            "resolution": chance.choice(["2000x2000", "1280x720", "360x771", "360x771"]),
            "current_url": chance.choice(
                ["https://www.glamira.de/ring", "https://stage.glamira.de/ring", "https://shop.example/ring"]
            ),
        }
        for number in range(count)
    ]


def products_daily(events: list[Event]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """(date, product) → views, human_views, visitors, human_visitors."""
    seen: dict[tuple[Any, ...], list[tuple[str | None, bool]]] = defaultdict(list)
    for event in {event["id"]: event for event in events}.values():
        if event["collection"] == "view_product_detail" and "stage." not in str(event["current_url"]):
            day = dt.datetime.fromtimestamp(int(str(event["time_stamp"])), dt.UTC).date()
            human = event["resolution"] != "2000x2000"
            seen[day, event["product_id"] or "(none)"].append((event["device_id"], human))
    return {
        key: (
            len(views),
            sum(human for _, human in views),
            len({device for device, _ in views if device}),
            len({device for device, human in views if device and human}),
        )
        for key, views in seen.items()
    }


def web_requests(count: int, seed: int) -> list[Event]:
    """Requests of the web shop over an hour, with event ids."""
    chance = random.Random(seed)
    return [
        {
            "event_id": f"web-{number}",
            "timestamp": (DAY + dt.timedelta(seconds=chance.randrange(3600))).isoformat(),
            "action": chance.choice(["view_product", "view_product", "add_to_cart", "checkout", None]),
            "response_time": "0.2",
            "status_code": "200",
        }
        for number in range(count)
    ]


def web_actions(events: list[Event]) -> dict[tuple[Any, ...], int]:
    """(window start, action) → requests."""
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for event in {event["event_id"]: event for event in events}.values():
        moment = dt.datetime.fromisoformat(str(event["timestamp"]))
        window = moment - dt.timedelta(minutes=moment.minute % 5, seconds=moment.second)
        counts[window, event["action"] or "(none)"] += 1
    return dict(counts)


def views_at(moment: dt.datetime, seed: int) -> list[Event]:
    """Views of one product in a German shop at this moment, by visitors who came from a blog."""
    return [
        {
            **event,
            "time_stamp": str(int(moment.timestamp())),
            "collection": "view_product_detail",
            "product_id": "110474",
            "current_url": "https://www.glamira.de/ring",
            "referrer_url": "https://blog.example/",
        }
        for event in shop_events(20, seed=seed)
    ]
