"""Events as the simulator makes them, each with a number by which it is known again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from simulator.mixture import Shares
from simulator.simulation import Options, ticks

NUMBER_FIELDS = {"product_views": "id", "web_logs": "event_id", "job_tracking": "id"}
DAYS = 2.0
"""Before the trial, in which the events happened; some come later still."""
POOL = 12_000
"""Events of a stream that differ in more than their number."""
_NUMBER, _NODE = "@number@", "@node@"


class Events:
    """Gives the bytes of an event by stream and number. Keys differ: each is a row of its own in the facts."""

    def __init__(self, seed: int, now: float, pool: int = POOL) -> None:
        self._pools = {stream: [*_templates(stream, seed, now, pool)] for stream in NUMBER_FIELDS}

    def __call__(self, stream: str, number: int) -> bytes:
        pool = self._pools[stream]
        found = pool[number % len(pool)]
        return found.replace(_NUMBER.encode(), b"%d" % number).replace(_NODE.encode(), b"%012x" % number)


def _templates(stream: str, seed: int, now: float, count: int) -> Iterator[bytes]:
    seconds = DAYS * 86_400
    options = Options(
        streams=(stream,), rate=count / seconds, count=count, seed=seed, shares=Shares(late=0.05, malformed=0.0),
        start=now - seconds,
    )  # fmt: skip
    for tick in ticks(options):
        for batch in tick.batches.values():
            for value in filter(None, batch.values):
                event = json.loads(value)
                event[NUMBER_FIELDS[stream]] = _NUMBER
                if stream == "job_tracking":  # the event's key and time: a UUID of version 1, whose node is free
                    event["create_time"] = event["create_time"].rpartition("-")[0] + "-" + _NODE
                yield json.dumps(event, separators=(",", ":")).encode()
