"""Which path an order had, and what each attribution model gave to its touches."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from explain.credits import MODELS, credits
from explain.marts import Marts, Row, key_of, let_go_until, rows
from landfall.errors import UserError

NO_CHANNEL = "(none)"
"""Of an order without a device, which has no session."""

_KEYS = """
select distinct order_key from marts.fct_product_events
where order_key is not null and is_production and (order_key = %(key)s or order_id = %(number)s)
limit 20
"""
_REPORTS = """
select
    event_key, event_at, order_id, device_key, country_name, is_bot, kafka_partition, kafka_offset
from marts.fct_product_events
where order_key = %(key)s and is_production
order by event_at, event_key
"""
_AMOUNTS = """
select currency, count(*) as lines, coalesce(sum(line_total), 0) as revenue
from marts.fct_order_lines where event_key = %(event)s and is_counted
group by currency order by currency collate "C"
"""
_OWN = """
select session_key, visitor_key, started_at from marts.fct_product_sessions
where device_key = %(device)s and %(at)s between started_at and ended_at and visitor_key is not null
"""
_PATH = """
select
    sessions.session_key, sessions.device_key, sessions.started_at, sessions.channel, sessions.touch_channel,
    first.kafka_partition, first.kafka_offset
from marts.fct_product_sessions as sessions
left join lateral (
    select events.kafka_partition, events.kafka_offset from marts.fct_product_events as events
    where
        events.device_key = sessions.device_key and events.event_at = sessions.started_at
        and events.event_key = sessions.first_event_key
) as first on true
where
    sessions.visitor_key = %(visitor)s
    and (sessions.session_key = %(only)s or %(only)s::uuid is null)
    and (sessions.started_at between %(from)s and %(at)s or %(only)s::uuid is not null)
order by sessions.started_at desc, sessions.first_event_key desc
limit %(most)s
"""


@dataclass(frozen=True)
class Rules:
    """The dbt project's vars of attribution."""

    lookback_hours: int
    max_touches: int


@dataclass(frozen=True)
class Order:
    """A counted order.

    `reports`: each time that it was reported, the earliest first, which counts. `own`: its session and visitor, None
    without a device. `path`: the sessions that count as touches, the oldest first.
    """

    key: uuid.UUID
    reports: Sequence[Row]
    amounts: Sequence[Row]
    own: Row | None
    path: Sequence[Row]

    @property
    def report(self) -> Row:
        """The report that counts."""
        return self.reports[0]

    @property
    def channels(self) -> list[str]:
        """Touch channels of the path."""
        return [str(touch["touch_channel"]) for touch in self.path]

    @property
    def credits(self) -> dict[str, list[Fraction]]:
        """Model → the credit of each touch."""
        return credits(self.channels) if self.path else {model: [] for model in MODELS}

    def by_channel(self, model: str) -> dict[str, Fraction]:
        """Channel → its credit, as `orders` of marts.kpi_attribution_daily; of those that have some."""
        found: dict[str, Fraction] = {}
        for channel, credit in zip(self.channels, self.credits[model], strict=True):
            if credit:
                found[channel] = found.get(channel, Fraction(0)) + credit
        return found or {NO_CHANNEL: Fraction(1)}


def find_order(marts: Marts, text: str, rules: Rules) -> Order:
    """An order by its key or its number. Raises UserError for one that is not there, and for a number of several."""
    key = key_of(text)
    found = rows(marts, _KEYS, key=key, number=text)
    if not found and (until := let_go_until(marts)):
        raise UserError(
            f"There is no order {text!r} in the facts that are kept: those of before {until:%Y-%m-%d} (UTC) were let go"
            " (LANDFALL_FACT_RETENTION_DAYS), and orders of then with them. What the marts counted of these stays as it"
            " was; of an order since, take an order_key or an order_id of marts.fct_order_lines."
        )
    if not found:
        raise UserError(
            f"There is no order {text!r}: take an order_key or an order_id of marts.fct_order_lines, of a shop in"
            " production."
        )
    if len(found) > 1:
        keys = ", ".join(sorted(str(row["order_key"]) for row in found))
        raise UserError(f"Several orders have the number {text!r}: take one of their keys, {keys}.")
    reports = rows(marts, _REPORTS, key=found[0]["order_key"])
    report = reports[0]
    owns = rows(marts, _OWN, device=report["device_key"], at=report["event_at"])
    return Order(
        key=found[0]["order_key"],
        reports=reports,
        amounts=rows(marts, _AMOUNTS, event=report["event_key"]),
        own=owns[0] if owns else None,
        path=path_of(marts, owns[0], report["event_at"], rules) if owns else [],
    )


def path_of(marts: Marts, own: Row, at: dt.datetime, rules: Rules) -> Sequence[Row]:
    """The touches of an order at an instant, whose own session is given; the oldest first."""
    wanted = {"visitor": own["visitor_key"], "from": at - dt.timedelta(hours=rules.lookback_hours), "at": at}
    found = rows(marts, _PATH, **wanted, only=None, most=rules.max_touches)
    return list(reversed(found or rows(marts, _PATH, **wanted, only=own["session_key"], most=1)))


def money(amount: Decimal, credit: Fraction) -> str:
    """A part of an amount, with two decimals."""
    return f"{float(Fraction(amount) * credit):,.2f}"
