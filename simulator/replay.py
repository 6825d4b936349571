"""A file's records into their stream's topic."""

import itertools
import random
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from landfall.settings import Settings
from landing_stream.contract import Contract
from landing_stream.file_records import Refused
from simulator.delivery import Delivery
from simulator.records import Record, file_type, records

_GROUP = 1_000
_TICK_SECONDS = 0.05
_FLUSH_SECONDS, _STOPPED_FLUSH_SECONDS = 60.0, 6.0


@dataclass(frozen=True)
class Replayed:
    """What a replay did: acknowledged records, records that Kafka did not take and why, seconds.

    `refused`: what is no record was produced as it stands; how many, and what was wrong with the first.
    """

    produced: int
    failed: int
    trouble: str
    seconds: float
    refused: tuple[int, str]


def replay(
    settings: Settings,
    contract: Contract,
    path: Path,
    *,
    shuffle: int | None = None,
    rate: float | None = None,
    limit: int | None = None,
    delimiter: str | None = None,
    stop: threading.Event | None = None,
) -> Replayed:
    """Produce the records of `path` in file order, or shuffled by a seed (then the file is held in memory).

    `rate`: records a second; `limit`: how many, of that order; `delimiter`: of a CSV file's cells. Raises UserError for
    a file that cannot be replayed, and when Kafka does not answer or has no such topic; what was produced before a file
    turned out to be damaged stays.
    """
    file_type(path)
    stop = stop or threading.Event()
    delivery = Delivery(settings.kafka.client_config(), [contract.topic], linger_ms=20)
    began = time.monotonic()
    size = _GROUP if rate is None else max(1, min(_GROUP, int(rate * _TICK_SECONDS)))
    made = 0
    refused = _Refusals()
    found = records(path, contract, refused.add, delimiter)
    try:
        for group in _groups(itertools.islice(ordered(found, shuffle), limit), size):
            made += len(group)
            if rate is not None and stop.wait(max(0.0, began + made / rate - time.monotonic())):
                break
            keys: list[bytes | None] = [key for key, _ in group]
            values: list[bytes | None] = [value for _, value in group]
            if delivery.send(contract.topic, keys, values, stop=stop) < len(group) or stop.is_set():
                break
    finally:
        acknowledged = delivery.finish(_STOPPED_FLUSH_SECONDS if stop.is_set() else _FLUSH_SECONDS)
    return Replayed(
        sum(acknowledged.values()), delivery.failed, delivery.trouble, time.monotonic() - began,
        (refused.count, refused.first),
    )  # fmt: skip


class _Refusals:
    """How many lines were no records, and what was wrong with the first."""

    def __init__(self) -> None:
        self.count, self.first = 0, ""

    def add(self, refused: Refused) -> None:
        self.first = self.first or refused.detail
        self.count += 1


def ordered(found: Iterable[Record], shuffle: int | None) -> Iterator[Record]:
    """The records in their order, or shuffled by a seed."""
    if shuffle is None:
        return iter(found)
    whole = list(found)
    random.Random(shuffle).shuffle(whole)
    return iter(whole)


def _groups(found: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while group := list(itertools.islice(found, size)):
        yield group
