"""A sign of life for who cannot ask: a file that a process touches while it works. A health check looks at its age
(deploy/container/beating.sh), which costs a millisecond and no server anything."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

FOLDER = "heartbeats"
SECONDS = 5.0
"""Least time from one touch to the next."""


class Heartbeat:
    """LANDFALL_HOME/heartbeats/NAME. `home` is a state folder already (see landfall/state.py)."""

    def __init__(self, home: Path, name: str) -> None:
        self._path = home / FOLDER / name
        self._beat_at = float("-inf")

    def beat(self) -> None:
        """Touch it, if that is due. A disk that takes no writes is for others to tell: nothing ends by this."""
        now = time.monotonic()
        if now - self._beat_at < SECONDS:
            return
        self._beat_at = now
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._path.touch(mode=0o600)
