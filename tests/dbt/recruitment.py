"""What the daily marts of the recruitment ads must hold, counted without SQL."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.dbt.events import Event, jobs_hourly

JOB, PUBLISHER, CAMPAIGN = 2, 3, 4
"""Places of the ids in the keys of jobs_hourly."""


def tracks_daily(
    events: list[Event], place: int, entity: Callable[[int], int | None] = lambda key: key
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """(date, entity) → clicks, spend, cost per click, conversions, conversion rate, cost per conversion, qualified,
    unqualified, qualified rate."""
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 5)
    for key, (clicks, _, spend, conversions, qualified, unqualified) in jobs_hourly(events).items():
        row = sums[key[0], entity(key[place])]
        sums[key[0], entity(key[place])] = [
            old + new for old, new in zip(row, (clicks, spend, conversions, qualified, unqualified), strict=True)
        ]
    return {
        key: (
            clicks, spend, ratio(spend, clicks), conversions, ratio(conversions, clicks), ratio(spend, conversions),
            qualified, unqualified, ratio(qualified, qualified + unqualified),
        )
        for key, (clicks, spend, conversions, qualified, unqualified) in sums.items()
    }  # fmt: skip


def ratio(part: Decimal, whole: Decimal) -> float | None:
    """A share of nothing is none."""
    return float(part / whole) if whole else None
