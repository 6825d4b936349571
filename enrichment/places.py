"""A place that an address lies in, and its key."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from uuid import UUID

NONE = "(none)"

Place = tuple[str | None, str, str, str]
"""Country code, country, region, city."""
NOWHERE: Place = (None, NONE, NONE, NONE)


@lru_cache(maxsize=10_000)
def location_key(place: Place) -> UUID:
    """Key of a place in enrichment.location."""
    return UUID(hashlib.md5("\x1f".join(part or "" for part in place).encode()).hexdigest())
