"""Events of the jewellery shop: visitors from 86 stores walk rendered journeys, with the type drift of the real log.

Each event is put together from four ready parts: its ids, its clocks (one text per second and clock), its visitor and
its page.
"""

import random
import time
from collections.abc import Callable

import numpy as np

from simulator.batch import Batch, Seconds, population
from simulator.identifiers import object_ids, random_uuids
from simulator.journeys import ORDER_PLACEHOLDER, Journey, render, render_return
from simulator.people import People, robot
from simulator.stores import stores

BOT_VISIT_SHARE = 0.045
MEAN_BYTES = 890
"""About what one event weighs, as JSON."""

_RENDERED_JOURNEYS = 2_500
_FRESH_JOURNEY_SHARE = 0.04  # keeps the pool of pages changing; 1 in 25 costs 0.7 µs an event
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
    made in all, if known; `people`: those of an earlier run, who come back in this one.
    """

    def __init__(self, seed: int, *, pace: float, count: int | None = None, people: People | None = None) -> None:
        self._rng = random.Random(f"product_views {seed}")
        self._numbers = np.random.default_rng([seed, 1])
        self._offsets = sorted({store.utc_offset_minutes for store in stores()})
        self._clocks = {offset: place * len(_TIME_STYLES) for place, offset in enumerate(self._offsets)}
        self._journeys: list[Journey] = []
        self._people = people or People()
        self._orders = _FIRST_ORDER + self._rng.randrange(250_000_000)
        self._stamps: dict[int, bytes] = {}
        self._size = population(pace, seconds_between=8, count=count, visit_length=7)
        self._visits: list[_Visit] = []

    def batch(self, seconds: Seconds) -> Batch:
        """One event for each event time (epoch seconds); an event belongs to a visit under way."""
        count = len(seconds)
        if count and not self._visits:
            self._open(float(seconds[0]))
        slots = self._numbers.integers(self._size, size=count).tolist()
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
                visits[slot] = self._arrival(second)
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

    def _open(self, second: float) -> None:
        """The visits of the start, which are anywhere on their way."""
        self._visits = [self._arrival(second) for _ in range(self._size)]
        for visit in self._visits:
            del visit.pages[self._rng.randrange(len(visit.pages)) + 1 :]

    def _arrival(self, second: float) -> _Visit:
        """A visit that begins at an event time (epoch seconds)."""
        rng = self._rng
        journey = self._journey()
        if journey.is_bot:
            visitor = robot(rng, journey.store)
        else:
            reminded = self._people.for_cart(rng, journey.store, journey.source, second)
            if reminded is not None:
                journey = render_return(rng, journey.store, journey.source)
            visitor = self._people.visit(rng, journey, second, reminded)
        pages = list(journey.pages[::-1])
        if journey.has_order:
            pages = [self._numbered(page) for page in pages]
        style = 0 if rng.random() < _STYLE_WEIGHTS[0] else rng.choices(range(6), (0, *_STYLE_WEIGHTS[1:]))[0]
        clock = (self._clocks[journey.store.utc_offset_minutes] + style) * 2 + (rng.random() < 0.01)
        ids = _BOTH_IDS if rng.random() < _ID_WEIGHTS[0] else rng.choices((1, 2), _ID_WEIGHTS[1:])[0]
        return _Visit(visitor + journey.tags, clock, ids, pages)

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
