"""One stream's records as the simulator makes them, with late ones, repetitions and broken ones among them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any

from simulator.mixture import Shares
from simulator.simulation import Options, ticks

SHARES = Shares(late=0.05, duplicates=0.02, malformed=0.005)
"""Late up to three days; repetitions are the same bytes."""

DAYS = 2.0
_UUID_EPOCH = 122_192_928_000_000_000
"""100 ns from 1582-10-15 to 1970: RFC 9562, 5.1."""


def records(stream: str, count: int, seed: int, now: float) -> list[bytes | None]:
    """About `count` values of two days before `now` (epoch seconds), as they would have come.

    Without the few requests that have no id: their place in the topic is their key, so in another order they differ.
    """
    seconds = DAYS * 86_400
    options = Options(
        streams=(stream,), rate=count / seconds, count=count, seed=seed, shares=SHARES, start=now - seconds
    )
    values = [value for tick in ticks(options) for batch in tick.batches.values() for value in batch.values]
    return [value for value in values if stream != "web_logs" or not _is_known_by_its_place(value)]


def _is_known_by_its_place(value: bytes | None) -> bool:
    try:
        event = json.loads(value or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and not event.get("event_id")


def in_order(stream: str, values: list[bytes | None]) -> list[bytes | None]:
    """By event time; what has none comes last."""
    return sorted(values, key=lambda value: _time_of(stream, value))


def _time_of(stream: str, value: bytes | None) -> float:
    try:
        return _TIMES[stream](json.loads(value or b""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return float("inf")


_TIMES: dict[str, Callable[[Any], float]] = {
    "product_views": lambda event: float(event["time_stamp"]),
    "web_logs": lambda event: dt.datetime.fromisoformat(event["timestamp"]).timestamp(),
    "job_tracking": lambda event: (uuid.UUID(event["create_time"]).time - _UUID_EPOCH) / 1e7,
}
