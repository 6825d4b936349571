"""Events of the jewellery shop: visitors from 86 stores walk rendered journeys, with the type drift of the real log.

Each event is put together from four ready parts: its ids, its clocks (one text per second and clock), its visitor and
its page.
"""

import random
import time
from collections.abc import Callable

import numpy as np

from simulator import visitors
from simulator.batch import Batch, Seconds, pick, population
from simulator.identifiers import object_ids, random_uuids
from simulator.journeys import ORDER_PLACEHOLDER, Journey, render
from simulator.stores import Store, stores

BOT_VISIT_SHARE = 0.045
RETURNING_SHARE = 0.25
MEAN_BYTES = 890
"""About what one event weighs, as JSON."""

_RENDERED_JOURNEYS = 2_500
_FRESH_JOURNEY_SHARE = 0.04  # keeps the pool of pages changing; 1 in 25 costs 0.7 µs an event
_KEPT_VISITORS = 40  # a store
_FIRST_ORDER = 720_000_000

# How a visit writes its event time, with weights. The last two cannot be used as a time, and dbt rejects such events.
_TIME_STYLES: tuple[tuple[str, float, Callable[[int], str]], ...] = (
    ("number", 0.985, lambda second: str(second)),
    ("digits in a text", 0.008, lambda second: f'"{second}"'),
    ("milliseconds", 0.004, lambda second: f"{second}000"),
    ("fraction", 0.0026, lambda second: f"{second}.5"),
    ("true", 0.0002, lambda second: "true"),
    ("ISO text", 0.0002, lambda second: time.strftime('"%Y-%m-%dT%H:%M:%SZ"', time.gmtime(second))),
)
_UNUSABLE_STYLE = 4
_STYLE_WEIGHTS = tuple(weight for _, weight, _ in _TIME_STYLES)

# How a visit's events are identified: both ids, `_id` alone, or neither (dbt rejects those).
_BOTH_IDS, _OLD_ID, _NO_ID = 0, 1, 2
_ID_WEIGHTS = (0.9497, 0.05, 0.0003)


class _Visit:
    """A visit under way: what all its events share, and the pages still to come (last first)."""

    __slots__ = ("clock", "ids", "pages", "unusable", "visitor")

    def __init__(self, visitor: bytes, clock: int, ids: int, pages: list[bytes]) -> None:
        self.visitor = visitor
        self.clock = clock
        self.ids = ids
        self.pages = pages
        self.unusable = ids == _NO_ID or clock // 2 % len(_TIME_STYLES) >= _UNUSABLE_STYLE


class ProductViews:
    """Seeded generator of the stream `product_views`.

    `pace`: events a second of event time, which sets how many visits are under way; `count`: how many events will be
    made in all, if known.
    """

    def __init__(self, seed: int, *, pace: float, count: int | None = None) -> None:
        self._rng = random.Random(f"product_views {seed}")
        self._numbers = np.random.default_rng([seed, 1])
        self._offsets = sorted({store.utc_offset_minutes for store in stores()})
        self._journeys: list[Journey] = []
        self._known: dict[int, list[bytes]] = {store.store_id: [] for store in stores()}
        self._orders = _FIRST_ORDER + self._rng.randrange(250_000_000)
        self._stamps: dict[int, bytes] = {}
        size = population(pace, seconds_between=8, count=count, visit_length=7)
        self._visits = [self._arrival() for _ in range(size)]
        for visit in self._visits:  # at the start, visits are anywhere on their way
            del visit.pages[self._rng.randrange(len(visit.pages)) + 1 :]

    def batch(self, seconds: Seconds) -> Batch:
        """One event for each event time (epoch seconds); an event belongs to a visit under way."""
        count = len(seconds)
        slots = self._numbers.integers(len(self._visits), size=count).tolist()
        visits, stamps = self._visits, self._stamps
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        unusable: list[int] = []
        if len(stamps) > 200_000:
            stamps.clear()
        for slot, second, uuid, object_id in zip(
            slots,
            seconds.astype(np.int64).tolist(),
            random_uuids(self._numbers, count),
            object_ids(self._numbers, seconds),
            strict=True,
        ):
            visit = visits[slot]
            moment = second * 512 + visit.clock
            stamp = stamps.get(moment) or self._stamp(moment)
            page = visit.pages.pop()
            if visit.ids == _BOTH_IDS:
                keys.append(uuid)
                values.append(b'{"_id":"%b",%b%b%b"id":"%b"}' % (object_id, stamp, visit.visitor, page, uuid))
            elif visit.ids == _OLD_ID:
                keys.append(object_id)
                values.append(b'{"_id":"%b",%b%b%b"v":"1"}' % (object_id, stamp, visit.visitor, page))
            else:
                keys.append(None)
                values.append(b'{"_id":"",%b%b%b"id":null}' % (stamp, visit.visitor, page))
            if visit.unusable:
                unusable.append(len(values) - 1)
            if not visit.pages:
                visits[slot] = self._arrival()
        return Batch(keys, values, unusable)

    def _stamp(self, moment: int) -> bytes:
        """The JSON members with the event's clocks; `moment` is a second and a clock (see `_arrival`)."""
        second, clock = divmod(moment, 512)
        rest, unpadded = divmod(clock, 2)
        offset, style = divmod(rest, len(_TIME_STYLES))
        local = time.gmtime(second + 60 * self._offsets[offset])
        hour = str(local.tm_hour) if unpadded else f"{local.tm_hour:02d}"
        text = (
            f'"time_stamp":{_TIME_STYLES[style][2](second)},'
            f'"local_time":"{time.strftime("%Y-%m-%d", local)} {hour}:{local.tm_min:02d}:{local.tm_sec:02d}",'
        ).encode()
        self._stamps[moment] = text
        return text

    def _arrival(self) -> _Visit:
        """A visit that begins."""
        rng = self._rng
        journey = self._journey()
        store = journey.store
        known = self._known[store.store_id]
        if known and not journey.is_bot and rng.random() < RETURNING_SHARE:
            visitor = pick(rng, known)
        else:
            visitor = _visitor(rng, store, is_bot=journey.is_bot)
            if not journey.is_bot:
                if len(known) < _KEPT_VISITORS:
                    known.append(visitor)
                else:
                    known[int(rng.random() * _KEPT_VISITORS)] = visitor
        pages = list(reversed(journey.pages))
        if journey.has_order:
            pages = [self._numbered(page) for page in pages]
        style = 0 if rng.random() < _STYLE_WEIGHTS[0] else rng.choices(range(6), (0, *_STYLE_WEIGHTS[1:]))[0]
        clock = (self._offsets.index(store.utc_offset_minutes) * len(_TIME_STYLES) + style) * 2 + (rng.random() < 0.01)
        ids = _BOTH_IDS if rng.random() < _ID_WEIGHTS[0] else rng.choices((1, 2), _ID_WEIGHTS[1:])[0]
        return _Visit(visitor, clock, ids, pages)

    def _journey(self) -> Journey:
        """A journey of the pool, which fills as visitors come and changes slowly."""
        rng = self._rng
        full = len(self._journeys) >= _RENDERED_JOURNEYS
        if full and rng.random() > _FRESH_JOURNEY_SHARE:
            return self._journeys[int(rng.random() * _RENDERED_JOURNEYS)]
        journey = render(rng, is_bot=rng.random() < BOT_VISIT_SHARE)
        if full:
            self._journeys[int(rng.random() * _RENDERED_JOURNEYS)] = journey
        else:
            self._journeys.append(journey)
        return journey

    def _numbered(self, page: bytes) -> bytes:
        """The page with an order number of this visit's own: an integer, or a number with `.0` (one in three)."""
        if ORDER_PLACEHOLDER not in page:
            return page
        self._orders += self._rng.randrange(1, 4)
        number = b"%d.0" % self._orders if self._rng.random() < 0.33 else b"%d" % self._orders
        return page.replace(b'"' + ORDER_PLACEHOLDER + b'"', number)


def _visitor(rng: random.Random, store: Store, *, is_bot: bool) -> bytes:
    """The JSON members that all events of one visitor share, ending in a comma."""
    agent = f'"user_agent":"{_agent(rng, is_bot)}",' if rng.random() > 0.004 else ""
    crawler = (is_bot and rng.random() < 0.5) or rng.random() < 0.002
    screen = visitors.CRAWLER_RESOLUTION if crawler else visitors.resolution(rng)
    member = not is_bot and rng.random() < 0.07
    mail = visitors.email(rng) if member else ""
    mail_field = "email" if rng.random() < 0.03 else "email_address"
    return (
        f'"ip":"{visitors.address(rng)}",{agent}"resolution":"{screen}",'
        f'"user_id_db":"{rng.randrange(10_000, 900_000) if member else ""}","device_id":"{visitors.device_id(rng)}",'
        f'"api_version":"1.0","store_id":"{store.store_id}",{_recommendations(rng)}'
        f'"{mail_field}":"{mail}",{_utm(rng)}'
    ).encode()


def _agent(rng: random.Random, is_bot: bool) -> str:
    if is_bot and rng.random() < 0.85:
        return rng.choice(visitors.BOTS)
    return "" if rng.random() < 0.003 else rng.choice(visitors.BROWSERS)


def _recommendations(rng: random.Random) -> str:
    """`show_recommendation`: a text, sometimes with a leaked cookie behind it, sometimes null or absent."""
    drawn = rng.random()
    if drawn < 0.05:
        return "" if drawn < 0.02 else '"show_recommendation":null,'
    shown = "true" if drawn < 0.6 else "false"
    cookie = f"; _ga=GA1.2.{rng.randrange(10**9)}; frontend={rng.getrandbits(64):016x}" if rng.random() < 0.004 else ""
    return f'"show_recommendation":"{shown}{cookie}",'


def _utm(rng: random.Random) -> str:
    """`recommendation`, `utm_source`, `utm_medium`: false, text or absent; now and then a field of no contract."""
    drawn = rng.random()
    if drawn < 0.20:
        return ""
    if drawn < 0.21:
        return f'"recommendation":false,"utm_source":false,"utm_medium":false,"ab_test":"{rng.choice("AB")}",'
    if drawn < 0.86:
        return '"recommendation":false,"utm_source":false,"utm_medium":false,'
    source, medium = rng.choice(
        (
            ("criteo", "retargeting"),
            ("google", "cpc"),
            ("facebook", "social"),
            ("newsletter", "email"),
            ("idealo", "psm"),
        )
    )
    return f'"recommendation":false,"utm_source":"{source}","utm_medium":"{medium}",'
