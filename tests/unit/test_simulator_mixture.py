"""Determinism, proportions, and the late, repeated and broken messages of a run."""

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from simulator.malformed import REASONS, broken
from simulator.mixture import Shares
from simulator.simulation import PROPORTIONS, Options, ticks
from simulator.summary import StreamCounts, Summary

START = 1_750_000_000.0
MIXED = Shares(late=0.05, duplicates=0.05, malformed=0.03)


def messages(options: Options) -> list[tuple[str, bytes | None, bytes | None]]:
    return [
        (stream, key, value)
        for tick in ticks(options)
        for stream, batch in tick.batches.items()
        for key, value in zip(batch.keys, batch.values, strict=True)
    ]


def summary(options: Options) -> Summary:
    found = Summary({stream: StreamCounts() for stream in options.streams})
    for tick in ticks(options):
        for stream, batch in tick.batches.items():
            found.streams[stream].add(batch, len(batch.values))
    return found


@pytest.mark.parametrize("rate", [None, 700.0])
def test_the_same_seed_and_start_give_the_same_bytes_in_the_same_order(rate: float | None) -> None:
    def fingerprint(seed: int) -> str:
        options = Options(count=4_000, seed=seed, start=START, shares=MIXED, rate=rate)
        return hashlib.sha256(repr(messages(options)).encode()).hexdigest()

    assert fingerprint(1) == fingerprint(1)
    assert fingerprint(1) != fingerprint(2)


def test_two_runs_with_the_same_seed_at_different_times_share_no_event_key() -> None:
    first, second = ({key for _, key, _ in messages(Options(count=2_000, start=START + later))} for later in (0, 60))
    assert not (first & second) - {None}


@pytest.mark.parametrize(("count", "rate"), [(10_000, None), (333, 10.0), (1, None)])
def test_a_run_makes_exactly_the_count(count: int, rate: float | None) -> None:
    made = Counter(stream for stream, _, _ in messages(Options(count=count, rate=rate, start=START)))
    assert made.total() == count
    for stream, share in PROPORTIONS.items():
        assert made[stream] == pytest.approx(count * share, abs=2)


def test_a_rate_with_a_duration_bounds_a_run() -> None:
    assert len(messages(Options(rate=100, duration=3.5, start=START))) == 350


def test_only_the_streams_chosen_are_made() -> None:
    assert {stream for stream, _, _ in messages(Options(streams=("web_logs",), count=50, start=START))} == {"web_logs"}


def test_a_count_without_a_rate_ends_now_and_a_rate_begins_now() -> None:
    fast, paced = Options(count=20_000), Options(count=20_000, rate=100)
    assert paced.first_event - fast.first_event == pytest.approx(20_000 / fast.pace, abs=1)


def test_late_repeated_and_broken_messages_have_their_shares() -> None:
    counts = summary(Options(count=40_000, start=START, shares=MIXED)).total
    assert counts.produced == 40_000
    assert counts.late == pytest.approx(2_000, rel=0.1)
    assert counts.duplicates == pytest.approx(2_000, rel=0.1)
    assert sum(counts.malformed.values()) == pytest.approx(1_200, rel=0.12)
    assert set(counts.malformed) == set(REASONS)


def test_a_repeated_message_is_an_earlier_one_byte_for_byte_and_some_go_elsewhere() -> None:
    seen: set[tuple[str, bytes, bytes]] = set()
    repeated, elsewhere = 0, 0
    for tick in ticks(Options(count=30_000, start=START, shares=MIXED)):
        for stream, batch in tick.batches.items():
            again = set(batch.duplicates)
            for place, (key, value) in enumerate(zip(batch.keys, batch.values, strict=True)):
                if place in again:
                    assert key is not None
                    assert value is not None
                    assert (stream, key, value) in seen
                    repeated += 1
                    elsewhere += place in batch.partitions
                elif key is not None and value is not None:
                    assert (stream, key, value) not in seen
                    seen.add((stream, key, value))
    assert 0.4 < elsewhere / repeated < 0.6


def test_late_events_happened_up_to_three_days_earlier() -> None:
    options = Options(streams=("web_logs",), count=5_000, start=START, shares=Shares(late=0.2))
    early: list[str] = []
    for tick in ticks(options):
        batch = tick.batches["web_logs"]
        early += [json.loads(batch.values[place] or b"")["timestamp"] for place in batch.late]
    assert min(early) >= "2025-06-12T15:06"
    assert max(early) < "2025-06-15T14:53"
    assert len(early) == pytest.approx(1_000, rel=0.15)


def test_only_the_messages_sent_are_counted() -> None:
    tick = next(ticks(Options(streams=("web_logs",), count=1_000, start=START, shares=Shares(malformed=1.0))))
    counts = StreamCounts()
    counts.add(tick.batches["web_logs"], 10)
    assert (counts.produced, sum(counts.malformed.values())) == (10, 10)


def rejects_constants(text: str) -> Any:
    raise ValueError(text)


def is_not_json(value: bytes) -> bool:
    try:
        json.loads(value.decode(), parse_constant=rejects_constants)
    except ValueError:
        return True
    return False


def is_not_an_object(value: bytes) -> bool:
    return not isinstance(json.loads(value.decode(), parse_constant=rejects_constants), dict)


def is_not_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return True
    return False


def holds_unstorable_text(value: bytes) -> bool:
    event = json.loads(value.decode(), parse_constant=rejects_constants)
    return isinstance(event, dict) and bool(re.search("[\0\ud800-\udfff]", plain(event)))


def plain(value: Any) -> str:
    """All texts of a JSON value, one behind the other."""
    if isinstance(value, dict):
        return "".join(map(plain, [*value, *value.values()]))
    return "".join(map(plain, value)) if isinstance(value, list) else str(value)


def is_too_deep(value: bytes) -> bool:
    depth = deepest = 0
    for octet in re.sub(rb'"(\\.|[^"\\])*"', b"", value):
        depth += (octet in b"[{") - (octet in b"]}")
        deepest = max(deepest, depth)
    return depth == 0 and deepest > 1_000


CHECKS: dict[str, Callable[[bytes], bool]] = {
    "not_json": is_not_json,
    "not_object": is_not_an_object,
    "invalid_utf8": is_not_utf8,
    "unstorable_text": holds_unstorable_text,
    "too_deep": is_too_deep,
}


def test_every_broken_message_is_broken_as_it_says() -> None:
    found: Counter[str] = Counter()
    for tick in ticks(Options(count=3_000, start=START, shares=Shares(malformed=1.0))):
        for batch in tick.batches.values():
            for place, reason in batch.malformed.items():
                value = batch.values[place]
                found[reason] += 1
                if reason == "tombstone":
                    assert value is None
                else:
                    assert value is not None
                    assert CHECKS[reason](value), (reason, value[-200:])
    assert set(found) == set(REASONS)


def test_only_the_last_reason_applies_to_a_broken_message() -> None:
    rng = random.Random(1)
    for _ in range(500):
        reason, value = broken(rng, b'{"event_id":"a","action":"view_product"}')
        if reason in ("not_object", "unstorable_text", "too_deep"):
            assert value is not None
            assert not is_not_utf8(value)
        if reason in ("not_object", "unstorable_text"):
            assert value is not None
            assert not is_not_json(value)
