"""Identifiers in bulk: one call makes the ids of a whole batch.

Making them one by one with `uuid.uuid4()` costs 2 µs each; formatted by numpy they cost 0.1 µs.
"""

import numpy as np
from numpy.typing import NDArray

# 100-nanosecond steps from the Gregorian reform (1582-10-15), where UUID clocks begin, to 1970-01-01 (RFC 9562, 5.1).
GREGORIAN_TO_UNIX_TICKS = 0x01B21DD213814000
TICKS_PER_SECOND = 10_000_000

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
# Columns of the 36 characters of a UUID that hold digits; the other four hold dashes.
_DIGITS = np.array([column for column in range(36) if column not in (8, 13, 18, 23)])


def _hexadecimal(octets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, m) octets as (n, 2m) hexadecimal characters."""
    digits = np.empty((octets.shape[0], octets.shape[1] * 2), dtype=np.uint8)
    digits[:, 0::2] = _HEX[octets >> 4]
    digits[:, 1::2] = _HEX[octets & 15]
    return digits


def _dashed(octets: NDArray[np.uint8]) -> list[bytes]:
    """(n, 16) octets as n UUID texts."""
    text = np.full((octets.shape[0], 36), ord("-"), dtype=np.uint8)
    text[:, _DIGITS] = _hexadecimal(octets)
    return text.view("S36").ravel().tolist()


def random_uuids(rng: np.random.Generator, count: int) -> list[bytes]:
    """`count` version-4 UUIDs as text."""
    octets = rng.integers(0, 256, size=(count, 16), dtype=np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    return _dashed(octets)


def object_ids(rng: np.random.Generator, seconds: NDArray[np.float64]) -> list[bytes]:
    """One MongoDB object id an event: 4 octets of time (epoch seconds), 8 random ones, as 24 hexadecimal characters."""
    octets = rng.integers(0, 256, size=(len(seconds), 12), dtype=np.uint8)
    octets[:, :4] = seconds.astype(">u4").view(np.uint8).reshape(-1, 4)
    return _hexadecimal(octets).view("S24").ravel().tolist()


def time_uuids(rng: np.random.Generator, seconds: NDArray[np.float64]) -> list[bytes]:
    """One version-1 UUID an event, whose clock is the event's instant (epoch seconds, kept to about a microsecond).

    The layout is that of RFC 9562, 5.1: time_low, time_mid, version and time_high, variant and clock sequence, node.
    """
    ticks = (seconds * 1e6).astype(np.uint64) * np.uint64(10) + np.uint64(GREGORIAN_TO_UNIX_TICKS)
    octets = rng.integers(0, 256, size=(len(seconds), 16), dtype=np.uint8)
    octets[:, 0:4] = (ticks & np.uint64(0xFFFFFFFF)).astype(">u4").view(np.uint8).reshape(-1, 4)
    octets[:, 4:6] = (ticks >> np.uint64(32) & np.uint64(0xFFFF)).astype(">u2").view(np.uint8).reshape(-1, 2)
    octets[:, 6:8] = (
        (ticks >> np.uint64(48) & np.uint64(0x0FFF) | np.uint64(0x1000)).astype(">u2").view(np.uint8).reshape(-1, 2)
    )
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    octets[:, 10] |= 1  # the multicast bit: a random node, not the address of a network card
    return _dashed(octets)
