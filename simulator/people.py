"""The shop's people: accounts, their devices, and who comes back, for a cart that was left or for another look."""

import random
from typing import TypeVar

from simulator import visitors
from simulator.batch import pick
from simulator.journeys import Journey
from simulator.sources import Source
from simulator.stores import Store, stores

KEPT_SHARE = 0.4  # of newcomers: those who keep the shop in mind
_ACCOUNT_SHARE = 0.4  # of those
_MOST_DEVICES = (1, 1, 1, 2, 2, 2, 2, 3, 3, 4)
_OTHER_DEVICE_SHARE = 0.45  # of later visits, until there are as many devices
_SHARED_DEVICE_SHARE = 0.05  # of further devices: a tablet at home, which is somebody else's too
_LOGGED_IN, _LOGGED_IN_BACK, _LOGGED_IN_BUYER = 0.3, 0.6, 0.95
_GUEST_EMAIL = 0.7  # of orders without an account
_PAUSE_SECONDS = 4 * 3_600.0
_KNOWN = 400  # people a store
_REPLACED_SHARE = 0.1
_LEFT_CARTS = 60  # a store
_NOBODY = b'"user_id_db":"","email_address":"",'

_T = TypeVar("_T")


class Person:
    """Somebody, with the JSON members that they show of each device and of their account, if they have one.

    `last_seen`: event time (epoch seconds) at which their newest visit began.
    """

    __slots__ = ("account", "devices", "last_seen", "most_devices")

    def __init__(self, rng: random.Random, device: bytes, *, may_return: bool) -> None:
        self.devices = [device]
        self.most_devices = pick(rng, _MOST_DEVICES) if may_return else 1
        has_account = may_return and rng.random() < _ACCOUNT_SHARE
        self.account = _login(rng, str(10_000 + int(rng.random() * 8_990_000))) if has_account else None
        self.last_seen = 0.0

    def login(self, rng: random.Random, *, logged_in: float, buys: bool) -> bytes:
        """What a visit shows of who it is. `logged_in`: how often people with an account are."""
        if self.account is not None and rng.random() < (_LOGGED_IN_BUYER if buys else logged_in):
            return self.account
        return _login(rng, "") if buys and rng.random() < _GUEST_EMAIL else _NOBODY


class People:
    """Those who are known, by store.

    Nobody comes twice within four hours, so a crowd that is made within minutes has hardly anybody who returns.
    """

    def __init__(self) -> None:
        self._known: dict[int, list[Person]] = {store.store_id: [] for store in stores()}
        self._left_cart: dict[int, list[Person]] = {store.store_id: [] for store in stores()}

    def for_cart(self, rng: random.Random, store: Store, source: Source, second: float) -> Person | None:
        """Somebody who left a cart and is reminded of it; None mostly. `second`: event time, epoch seconds."""
        left = self._left_cart[store.store_id]
        if not left or rng.random() >= source.reminds:
            return None
        place = int(rng.random() * len(left))
        return left.pop(place) if is_due(left[place], second) else None

    def visit(self, rng: random.Random, journey: Journey, second: float, person: Person | None = None) -> bytes:
        """The JSON members that all events of a visit share, ending in a comma. `person`: who comes, if known."""
        known = self._known[journey.store.store_id]
        if person is None and known and rng.random() < journey.source.returning:
            # more likely one of the last who came to be known
            someone = known[-1 - int(len(known) * rng.random() ** 2)]
            person = someone if is_due(someone, second) else None
        if person is None:
            may_return = rng.random() < KEPT_SHARE
            shown, logged_in = device(rng, journey.store, is_bot=False), _LOGGED_IN
            if not (may_return or journey.has_order or journey.leaves_cart):
                return shown + _NOBODY  # nothing to remember
            person = Person(rng, shown, may_return=may_return)
            if may_return:
                keep(rng, known, person, _KNOWN, _REPLACED_SHARE)
        else:
            shown, logged_in = self._device(rng, journey.store, person), _LOGGED_IN_BACK
        person.last_seen = second
        if journey.leaves_cart:
            keep(rng, self._left_cart[journey.store.store_id], person, _LEFT_CARTS, 1.0)
        return shown + person.login(rng, logged_in=logged_in, buys=journey.has_order)

    def _device(self, rng: random.Random, store: Store, person: Person) -> bytes:
        """One of a person's devices; now and then another one than before."""
        if len(person.devices) < person.most_devices and rng.random() < _OTHER_DEVICE_SHARE:
            known = self._known[store.store_id]
            at_home = known and rng.random() < _SHARED_DEVICE_SHARE
            person.devices.append(pick(rng, known).devices[0] if at_home else device(rng, store, is_bot=False))
        return person.devices[int(rng.random() * len(person.devices))]


def is_due(person: Person, second: float) -> bool:
    """Whether a visit at this event time would be one apart from their newest."""
    return abs(second - person.last_seen) > _PAUSE_SECONDS


def keep(rng: random.Random, kept: list[_T], one: _T, most: int, replaced: float) -> None:
    """Add one to a list of at most `most`; a full one changes by this share, so that some of long ago stay."""
    if len(kept) < most:
        kept.append(one)
    elif rng.random() < replaced:
        del kept[int(rng.random() * most)]
        kept.append(one)


def device(rng: random.Random, store: Store, *, is_bot: bool) -> bytes:
    """The JSON members of a device in a store, ending in a comma."""
    agent = f'"user_agent":"{_agent(rng, is_bot)}",' if rng.random() > 0.004 else ""
    crawler = (is_bot and rng.random() < 0.5) or rng.random() < 0.002
    screen = visitors.CRAWLER_RESOLUTION if crawler else visitors.resolution(rng)
    return (
        f'"ip":"{visitors.address(rng)}",{agent}"resolution":"{screen}","device_id":"{visitors.device_id(rng)}",'
        f'"api_version":"1.0","store_id":"{store.store_id}",{_recommendations(rng)}'
    ).encode()


def robot(rng: random.Random, store: Store) -> bytes:
    """What a robot shows: a device, and nobody."""
    return device(rng, store, is_bot=True) + _NOBODY


def _login(rng: random.Random, user: str) -> bytes:
    """The JSON members of a user (none: "") and an e-mail address of theirs, ending in a comma."""
    field = "email" if rng.random() < 0.03 else "email_address"
    return f'"user_id_db":"{user}","{field}":"{visitors.email(rng)}",'.encode()


def _agent(rng: random.Random, is_bot: bool) -> str:
    if is_bot and rng.random() < 0.85:
        return pick(rng, visitors.BOTS)
    return "" if rng.random() < 0.003 else pick(rng, visitors.BROWSERS)


def _recommendations(rng: random.Random) -> str:
    """`show_recommendation`: a text, sometimes with a leaked cookie behind it, sometimes null or absent."""
    drawn = rng.random()
    if drawn < 0.05:
        return "" if drawn < 0.02 else '"show_recommendation":null,'
    if drawn > 0.0538:
        return '"show_recommendation":"true",' if drawn < 0.6 else '"show_recommendation":"false",'
    return f'"show_recommendation":"true; _ga=GA1.2.{rng.randrange(10**9)}; frontend={rng.getrandbits(64):016x}",'
