"""What the ledger records as lost: offsets that Kafka deleted before they landed, and those cut off its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from landfall.wording import at_utc, counted, listed

QUERY = """
select kafka_partition, from_offset, until_offset, reason, detected_at from landing.gaps
where stream = %s order by detected_at, kafka_partition, from_offset
"""
CUT_ADVICE = (
    "Look for an unclean leader election or a restored disk. What the old log had behind the ledger never landed:"
    " replay it from its source (`landfall replay`)."
)


@dataclass(frozen=True)
class Gap:
    """Offsets [first, until) of one partition. `reason`: `deleted` or `cut`, as in landing.gaps."""

    partition: int
    first: int
    until: int
    reason: str
    detected_at: datetime


def read(connection: psycopg.Connection, stream: str) -> list[Gap]:
    """The stream's gaps, the oldest first."""
    return [Gap(*row) for row in connection.execute(QUERY, (stream,))]


def sentences(gaps: Sequence[Gap]) -> str:
    """What was lost, and where."""
    deleted, cut = ([gap for gap in gaps if gap.reason == reason] for reason in ("deleted", "cut"))
    said = []
    if deleted:
        said.append(
            f"Kafka deleted {counted(offsets(deleted), 'offset')} before they could land, in"
            f" {counted(len(deleted), 'span')}, last noticed {at_utc(deleted[-1].detected_at)}: {places(deleted)}."
            " They are lost here."
        )
    if cut:
        said.append(
            f"Kafka's log was cut beneath what has landed, last noticed {at_utc(cut[-1].detected_at)}: {places(cut)} of"
            " the old log had landed and stay, what it had behind them is lost, and what is there now lands."
        )
    return " ".join(said)


def offsets(gaps: Sequence[Gap]) -> int:
    """How many they are."""
    return sum(gap.until - gap.first for gap in gaps)


def places(gaps: Sequence[Gap]) -> str:
    """`partition 0 offsets 300 to 499`, the newest first."""
    return listed([f"partition {gap.partition} offsets {gap.first} to {gap.until - 1}" for gap in gaps[::-1]], 4)
