"""What a check is given to judge, and how much of the ledger one evaluation reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from health.limits import Limits
from landfall.services import ServiceRecord
from landing_stream.contract import Contract
from landing_stream.topics import Topics
from warehouse.catalogue import Catalogue, of_kind

Connection = psycopg.Connection[tuple[Any, ...]]

NEWEST_LOADS = 5_000
"""An evaluation reads no more than the newest loads of a stream, 83 minutes of them at one a second: its cost is the same
behind a year of loads as behind an hour."""


@dataclass(frozen=True)
class Context:
    """One evaluation of the system. `now` is UTC."""

    connection: Connection
    """Role transformer."""
    contracts: Mapping[str, Contract]
    catalogue: Catalogue
    """What there are of models; none before they were made."""
    topics: Topics | None
    """None: Kafka is not asked, and nothing is said of it."""
    limits: Limits
    now: datetime
    services: tuple[ServiceRecord, ...] = ()
    """What `landfall serve` keeps running in this state folder; none where other means keep it running."""
    reporting_timezone: str = "UTC"
    """As it is set; the tables may be counted in another one."""

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Rows of a query with named parameters; %(newest)s is NEWEST_LOADS."""
        return self.connection.execute(query.encode(), {"newest": NEWEST_LOADS, **values}).fetchall()

    def models(self, kind: str) -> dict[str, str]:
        """By stream with a contract, the schema.table of its model of a kind of which each stream has one."""
        found = of_kind(self.catalogue, kind)
        return {stream: found[stream].relation for stream in self.contracts if stream in found}

    def seconds_since(self, moment: datetime) -> float:
        """Seconds from `moment` to now, 0 for a moment to come."""
        return max((self.now - moment).total_seconds(), 0.0)
