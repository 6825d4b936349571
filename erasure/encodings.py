"""What a record says, whatever it was encoded with, and the same record with other words. Pure."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass

MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of a compressed record that are looked at; 22 KB of gzip can hold 5 million blank records."""
MOST_PACKINGS = 2
"""How often a record may be compressed: a producer's compression around a file's."""


@dataclass(frozen=True)
class Opened:
    """A record as text. `close`: the record with another text in its place, encoded as it was."""

    text: str
    close: Callable[[str], bytes]


def open_record(value: bytes, packings: int = MOST_PACKINGS) -> Opened:
    """gzip and zlib, also broken off; UTF-16 and UTF-32 by their marks or their zeros; else UTF-8, whatever it holds.

    Bytes that are no text of their encoding stay as they are.
    """
    if packings and (unpacked := unpack(value)) is not None:
        data, pack = unpacked
        inner = open_record(data, packings - 1)
        return Opened(inner.text, lambda text: pack(inner.close(text)))
    for encoding, width in wide_encodings(value):
        whole, rest = value[: len(value) // width * width], value[len(value) // width * width :]
        try:
            text = whole.decode(encoding, "surrogatepass")
        except UnicodeDecodeError:
            continue
        return Opened(text, lambda text, e=encoding, r=rest: text.encode(e, "surrogatepass") + r)  # type: ignore[misc]
    return Opened(value.decode("utf-8", "surrogateescape"), lambda text: text.encode("utf-8", "surrogateescape"))


def unpack(value: bytes) -> tuple[bytes, Callable[[bytes], bytes]] | None:
    """(what a compressed record holds, what compresses it again); None for others, and for one that holds too much."""
    pack: Callable[[bytes], bytes]
    if value[:2] == b"\x1f\x8b":
        window, pack = 31, lambda data: gzip.compress(data, mtime=0)
    elif value[:1] == b"\x78" and len(value) > 1 and int.from_bytes(value[:2], "big") % 31 == 0:
        window, pack = 15, zlib.compress
    else:
        return None
    try:
        unpacking = zlib.decompressobj(window)
        data = unpacking.decompress(value, MOST_UNPACKED)
    except zlib.error:
        return None
    return None if unpacking.unconsumed_tail or not data else (data, pack)


def wide_encodings(value: bytes) -> list[tuple[str, int]]:
    """(encoding, bytes of a unit) that the record may have, of those with two or four bytes a letter."""
    if value[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        return [("utf-32-le" if value[:1] == b"\xff" else "utf-32-be", 4)]
    if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return [("utf-16-le" if value[:1] == b"\xff" else "utf-16-be", 2)]
    zeros = [value[place::4].count(0) for place in range(4)]
    if sum(zeros) * 3 < len(value):
        return []
    if sum(zeros) * 3 >= len(value) * 2:
        return [("utf-32-le" if zeros[0] < zeros[3] else "utf-32-be", 4)]
    return [("utf-16-le" if zeros[0] + zeros[2] < zeros[1] + zeros[3] else "utf-16-be", 2)]
