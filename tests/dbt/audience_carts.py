"""Carts of visitors, counted without SQL: event by event, with the cart that is open in the hand."""

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.dbt.audience import CART_GAP, CURRENCIES, STEPS, Seen, World, lines_of, price


@dataclass
class Cart:
    """A cart with its events, the one that closed it last."""

    events: list[Seen] = field(default_factory=list)
    closed: str | None = None

    def figures(self) -> tuple[int, str, Decimal, int]:
        """Adds, currency, value, adds without a value."""
        adds = [event for event in self.events if event.kind == "add_to_cart_action"]
        priced = [(worth, currency_of(event)) for event in adds if (worth := price(event.raw.get("price"))) is not None]
        currency = priced[0][1] if priced else "(none)"
        valued = [worth for worth, of in priced if of == currency]
        return len(adds), currency, sum(valued, Decimal()), len(adds) - len(valued)

    def outcome(self, newest: dt.datetime) -> str:
        """What became of it, by the newest event of the stream."""
        return self.closed or ("abandoned" if newest - self.events[-1].at > CART_GAP else "open")


def currency_of(event: Seen) -> str:
    """What an add's currency is called."""
    return CURRENCIES.get((event.raw.get("currency") or "", event.country), "XXX")


def carts_of(world: World) -> list[tuple[uuid.UUID, Cart]]:
    """Each cart with the first event of its visitor."""
    counted = {order.report.key for order in world.orders}
    found: list[tuple[uuid.UUID, Cart]] = []
    for sessions in world.by_visitor.values():
        events = [event for session in sessions for event in session.events if event.kind in STEPS]
        open_cart: Cart | None = None
        for event in sorted(events, key=lambda each: (each.at, STEPS[each.kind], each.key)):
            if open_cart and event.at - open_cart.events[-1].at > CART_GAP:
                open_cart = None
            lines = lines_of(event)
            if event.kind == "view_shopping_cart" and lines == []:
                if open_cart and open_cart.events[-1].device == event.device:
                    open_cart.events.append(event)
                    open_cart.closed, open_cart = "emptied", None
                continue
            if event.kind in ("view_shopping_cart", "checkout") and not lines:
                continue
            if event.kind == "checkout_success" and event.key not in counted:
                continue
            if open_cart is None:
                open_cart = Cart()
                found.append((sessions[0].first.key, open_cart))
            open_cart.events.append(event)
            if event.kind == "checkout_success":
                open_cart.closed, open_cart = "bought", None
    return found


def carts_table(world: World) -> dict[uuid.UUID, tuple[Any, ...]]:
    """Rows of fct_carts by their first event."""
    return {
        cart.events[0].key: (
            *(visitor, cart.events[0].at, cart.events[-1].at, cart.outcome(world.newest), *cart.figures()),
            any(event.is_bot for event in cart.events),
            cart.events[0].country,
        )
        for visitor, cart in carts_of(world)
    }


def carts_daily(world: World) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Rows of kpi_carts_daily."""
    groups: dict[tuple[Any, ...], list[Cart]] = defaultdict(list)
    for _, cart in carts_of(world):
        groups[cart.events[0].at.date(), cart.events[0].country, cart.figures()[1]].append(cart)
    found = {}
    for grain, carts in groups.items():
        outcomes = [cart.outcome(world.newest) for cart in carts]
        human = [o for o, cart in zip(outcomes, carts, strict=True) if not any(event.is_bot for event in cart.events)]
        ended = outcomes.count("abandoned") + outcomes.count("bought")
        found[grain] = (
            *(len(carts), *(outcomes.count(name) for name in ("bought", "emptied", "abandoned", "open"))),
            *(len(human), human.count("bought"), human.count("abandoned")),
            sum((cart.figures()[2] for cart in carts), Decimal()),
            sum((c.figures()[2] for c, o in zip(carts, outcomes, strict=True) if o == "abandoned"), Decimal()),
            round(outcomes.count("abandoned") / ended, 9) if ended else None,
        )
    return found
