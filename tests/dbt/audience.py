"""Who came, what brought them and what became of their carts, counted without SQL from the words of the definitions."""

import datetime as dt
import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.dbt.events import Event

Visitor = tuple[str, str]
GAP = dt.timedelta(minutes=30)
LOOKBACK, CART_GAP = dt.timedelta(hours=720), dt.timedelta(hours=168)
MAX_DEVICES, MAX_TOUCHES, WEEKS = 50, 100, 26
IGNORED = {"-1", "null", "none", "nan", "undefined", "false", "true", "guest", "anonymous"}
HOSTS = {"www.glamira.de": "Germany", "www.glamira.co.uk": "Britain (UK)"}
CURRENCIES = {
    ("€", "Germany"): "EUR",
    ("€", "Britain (UK)"): "EUR",
    ("£", "Germany"): "GBP",
    ("£", "Britain (UK)"): "GBP",
}
MEDIUMS = {
    None: "direct",
    "https://www.google.com/": "search",
    "https://www.facebook.com/": "social",
    "https://chatgpt.com/": "ai",
    "https://blog.example/": "other",
    "https://www.glamira.de/": "internal",
    "https://www.paypal.com/pay": "other",
}
"""Pages before, with what is known of them. The last but one is a shop's, the last one a payment provider's."""
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
STEPS = {"add_to_cart_action": 4, "view_shopping_cart": 5, "checkout": 6, "checkout_success": 7}


@dataclass
class Seen:
    """One event as the definitions speak of it."""

    key: uuid.UUID
    at: dt.datetime
    device: str | None
    user: str | None
    email: str | None
    kind: str
    country: str
    channel: str
    touch: str
    is_bot: bool
    raw: Event

    @property
    def place(self) -> tuple[dt.datetime, uuid.UUID]:
        return self.at, self.key


@dataclass
class Session:
    """A visit of a device, and whose it is."""

    events: list[Seen]
    visitor: Visitor = ("", "")
    is_shared: bool = False

    @property
    def first(self) -> Seen:
        return self.events[0]

    @property
    def last_at(self) -> dt.datetime:
        return self.events[-1].at

    @property
    def is_bot(self) -> bool:
        return any(event.is_bot for event in self.events)

    @property
    def day(self) -> dt.date:
        return self.first.at.date()


@dataclass
class Order:
    """An order by its earliest report, with the session that this is in."""

    report: Seen
    session: Session | None
    amounts: dict[str, Decimal] = field(default_factory=dict)


def read(event: Event) -> Seen | None:
    """An event of a production shop, else None."""
    host = str(event["current_url"]).split("/")[2]
    if host not in HOSTS:
        return None
    user = (event.get("user_id_db") or "").strip(" ")
    if user.lower() in IGNORED or set(user) <= {"0"}:
        user = ""
    email = (event.get("email_address") or event.get("email") or "").strip(" ").lower()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@") or " " in email:
        email = ""
    medium = MEDIUMS[event.get("referrer_url")]
    is_paid = event.get("utm_source") not in (None, "false")
    excluded = event.get("referrer_url") == "https://www.paypal.com/pay"
    return Seen(
        key=uuid.UUID(hashlib.md5(str(event["id"]).encode()).hexdigest()),
        at=dt.datetime.fromtimestamp(int(str(event["time_stamp"])), dt.UTC),
        device=event.get("device_id"),
        user=user or None,
        email=email or None,
        kind=str(event["collection"]),
        country=HOSTS[host],
        channel="paid" if is_paid else medium,
        touch="paid" if is_paid else "direct" if medium == "internal" or excluded else medium,
        is_bot=event.get("user_agent") == BOT,
        raw=event,
    )


def sessions_of(events: Iterable[Seen]) -> list[Session]:
    """Events of a device with pauses of at most half an hour."""
    by_device: dict[str, list[Seen]] = defaultdict(list)
    for event in events:
        if event.device:
            by_device[event.device].append(event)
    sessions: list[Session] = []
    for found in by_device.values():
        last: Seen | None = None
        for event in sorted(found, key=lambda each: each.place):
            if last is None or event.at - last.at > GAP:
                sessions.append(Session([]))
            sessions[-1].events.append(event)
            last = event
    return sessions


def give_visitors(sessions: list[Session]) -> None:
    """Decide whose each session is."""
    events = [event for session in sessions for event in session.events]
    users_of: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.email and event.user:
            users_of[event.email].add(event.user)

    def login(event: Seen) -> Visitor | None:
        if event.user:
            return "user", event.user
        if event.email is None:
            return None
        users = users_of[event.email]
        return ("user", min(users)) if len(users) == 1 else ("email", event.email)

    devices_of: dict[Visitor, set[str]] = defaultdict(set)
    for event in events:
        if found := login(event):
            devices_of[found].add(str(event.device))
    kept = {found for found, devices in devices_of.items() if len(devices) <= MAX_DEVICES}
    logins_of: dict[str, set[Visitor]] = defaultdict(set)
    for event in events:
        if (found := login(event)) in kept and found is not None:
            logins_of[str(event.device)].add(found)
    for session in sessions:
        device = str(session.first.device)
        own = {found for event in session.events if (found := login(event)) in kept and found is not None}
        session.is_shared = len(logins_of[device]) > 1
        if len(own) == 1:
            (session.visitor,) = own
        elif not own and len(logins_of[device]) == 1:
            (session.visitor,) = logins_of[device]
        else:
            session.visitor = "device", device


def price(text: object) -> Decimal | None:
    """A price as the shops of the test's events write it."""
    plain = str(text or "").replace(",", ".")
    if plain.count(".") > 1:
        head, _, tail = plain.rpartition(".")
        plain = head.replace(".", "") + "." + tail
    return Decimal(plain) if plain.replace(".", "", 1).isdigit() else None


def lines_of(event: Seen) -> list[dict[str, Any]] | None:
    """Lines of a cart; None where the list is absent or cannot be read."""
    try:
        found = json.loads(event.raw.get("cart_products") or "null")
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def orders_of(events: Iterable[Seen], sessions: list[Session]) -> list[Order]:
    """Each order by its earliest report."""
    session_of = {event.key: session for session in sessions for event in session.events}
    first: dict[object, Seen] = {}
    for event in sorted(events, key=lambda each: each.place):
        if event.kind == "checkout_success":
            number = event.raw.get("order_id")
            first.setdefault((number, event.raw.get("cart_products")) if number else event.key, event)
    orders = []
    for report in first.values():
        amounts: dict[str, Decimal] = defaultdict(Decimal)
        lines = lines_of(report)
        for line in lines or []:
            amounts[CURRENCIES.get((line.get("currency", ""), report.country), "XXX")] += (
                price(line.get("price")) or Decimal()
            ) * line["amount"]
        if not lines:
            amounts["XXX"] = Decimal()
        orders.append(Order(report, session_of.get(report.key), amounts))
    return orders


class World:
    """All of it for a set of events."""

    def __init__(self, landed: Iterable[Event]) -> None:
        unique = {event["id"]: event for event in landed}
        self.all_events = [seen for event in unique.values() if (seen := read(event))]
        self.newest = max(dt.datetime.fromtimestamp(int(str(event["time_stamp"])), dt.UTC) for event in unique.values())
        self.sessions = sessions_of(self.all_events)
        give_visitors(self.sessions)
        self.orders = orders_of(self.all_events, self.sessions)
        self.by_visitor: dict[Visitor, list[Session]] = defaultdict(list)
        for session in sorted(self.sessions, key=lambda each: each.first.place):
            self.by_visitor[session.visitor].append(session)
        self.orders_by_visitor: dict[Visitor, list[Order]] = defaultdict(list)
        for order in sorted(self.orders, key=lambda each: each.report.place):
            if order.session:
                self.orders_by_visitor[order.session.visitor].append(order)

    def sessions_table(self) -> dict[uuid.UUID, tuple[Any, ...]]:
        """First event → first event of the visitor, shared, first of visitor, touch channel."""
        return {
            session.first.key: (
                self.by_visitor[session.visitor][0].first.key,
                session.is_shared,
                self.by_visitor[session.visitor][0] is session,
                session.first.touch,
            )
            for session in self.sessions
        }

    def visitors(self) -> dict[uuid.UUID, tuple[Any, ...]]:
        """Rows of dim_visitor by their first event."""
        found: dict[uuid.UUID, tuple[Any, ...]] = {}
        for visitor, sessions in self.by_visitor.items():
            orders = self.orders_by_visitor[visitor]
            found[sessions[0].first.key] = (
                visitor[0],
                len({session.first.device for session in sessions}),
                any(session.is_shared for session in sessions),
                len(sessions),
                sum(not session.is_bot for session in sessions),
                sum(len(session.events) for session in sessions),
                sum(event.kind == "view_product_detail" for session in sessions for event in session.events),
                len(orders),
                min((order.report.at for order in orders), default=None),
                sessions[0].first.at,
                max(session.last_at for session in sessions),
                sessions[0].first.channel,
                sessions[0].first.country,
            )
        return found

    def daily(self, *, by_channel: bool) -> dict[tuple[Any, ...], tuple[int, ...]]:
        """Rows of kpi_visitors_daily, or of kpi_acquisition_daily."""
        groups: dict[tuple[Any, ...], list[Session]] = defaultdict(list)
        for session in self.sessions:
            grain = (session.first.country, session.first.channel) if by_channel else ()
            groups[(session.day, *grain)].append(session)
        return {
            grain: (*self._figures(sessions, self.sessions), *self._figures(
                [session for session in sessions if not session.is_bot],
                [session for session in self.sessions if not session.is_bot],
            ))
            for grain, sessions in groups.items()
        }  # fmt: skip

    def _figures(self, sessions: list[Session], among: list[Session]) -> tuple[int, ...]:
        first: dict[Visitor, Session] = {}
        for session in sorted(among, key=lambda each: each.first.place):
            first.setdefault(session.visitor, session)
        return (
            len(sessions),
            len({session.visitor for session in sessions}),
            sum(first[session.visitor] is session for session in sessions),
            len({session.visitor for session in sessions if first[session.visitor].day < session.day}),
            sum(any(order.session is session for session in sessions) for order in self.orders),
        )

    def retention(self) -> dict[tuple[str, dt.date, int], tuple[Any, ...]]:
        """Rows of kpi_retention_weekly."""
        cells: dict[tuple[str, bool, dt.date, int], int] = defaultdict(int)
        for visitor in self.by_visitor:
            for only_human in (False, True):
                for cohort, moments in (
                    ("first_visit", [s.first.at for s in self.by_visitor[visitor] if not (only_human and s.is_bot)]),
                    (
                        "first_order",
                        [o.report.at for o in self.orders_by_visitor[visitor] if not (only_human and o.report.is_bot)],
                    ),
                ):
                    weeks = {monday(moment.date()) for moment in moments}
                    for week in weeks:
                        cells[cohort, only_human, min(weeks), (week - min(weeks)).days // 7] += 1
        newest = self.newest.date()
        found = {}
        for cohort, week in {(cohort, week) for cohort, _, week, _ in cells}:
            size, human_size = cells.get((cohort, False, week, 0), 0), cells.get((cohort, True, week, 0), 0)
            for since in range(min(WEEKS, max(0, (monday(newest) - week).days // 7)) + 1):
                back, human_back = cells.get((cohort, False, week, since), 0), cells.get((cohort, True, week, since), 0)
                found[cohort, week, since] = (
                    *(size, back, share(back, size), human_size, human_back, share(human_back, human_size)),
                    week + dt.timedelta(days=7 * since + 6) < newest,
                )
        return found

    def attribution(self) -> dict[tuple[Any, ...], tuple[float, ...]]:
        """Rows of kpi_attribution_daily: credits of orders and revenue, of all and of people."""
        found: dict[tuple[Any, ...], list[Fraction]] = defaultdict(lambda: [Fraction()] * 4)
        for order in self.orders:
            for model, channel, credit in self.credits(order):
                for currency, amount in order.amounts.items():
                    human = not order.report.is_bot
                    row = found[order.report.at.date(), order.report.country, currency, channel, model]
                    worth = credit, credit * Fraction(amount), credit * human, credit * Fraction(amount) * human
                    found[order.report.at.date(), order.report.country, currency, channel, model] = [
                        a + b for a, b in zip(row, worth, strict=True)
                    ]
        return {grain: tuple(round(float(figure), 9) for figure in row) for grain, row in found.items()}

    def credits(self, order: Order) -> list[tuple[str, str, Fraction]]:
        """What each model credits an order's touches with."""
        models = ("last", "first", "last_non_direct", "linear", "position")
        if order.session is None:
            return [(model, "(none)", Fraction(1)) for model in models]
        at = order.report.at
        path = [s for s in self.by_visitor[order.session.visitor] if at - LOOKBACK <= s.first.at <= at][-MAX_TOUCHES:]
        touches = [session.first.touch for session in path or [order.session]]
        known = [touch for touch in touches if touch != "direct"] or touches
        n = len(known)
        ends, between = {1: (Fraction(1), None), 2: (Fraction(1, 2), None)}.get(
            n, (Fraction(2, 5), Fraction(1, 5) / max(n - 2, 1))
        )
        return [
            ("last", touches[-1], Fraction(1)),
            ("first", known[0], Fraction(1)),
            ("last_non_direct", known[-1], Fraction(1)),
            *(("linear", touch, Fraction(1, n)) for touch in known),
            *(
                ("position", touch, ends if place in (0, n - 1) else between or Fraction())
                for place, touch in enumerate(known)
            ),
        ]


def monday(day: dt.date) -> dt.date:
    """The first day of a day's week."""
    return day - dt.timedelta(days=day.weekday())


def share(part: int, whole: int) -> float | None:
    """A share as far as the digits count."""
    return round(part / whole, 9) if whole else None
