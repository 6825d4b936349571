"""How much may come out of a packed file: a few kilobytes of zeros are gigabytes, and no events."""

from __future__ import annotations

import gzip
import io
from typing import BinaryIO, cast

from landfall.errors import UserError

# Events as gzip or Parquet are 5 to 100 times as large unpacked, since each has a time and an identifier of its own.
# Deflate makes up to 1,032 of one byte, Parquet any number of them.
_TIMES = 200
_ALWAYS = 128 << 20
_READ_BYTES = 1 << 20


def most_unpacked(size: int) -> int:
    """Bytes that a packed file of `size` bytes may hold."""
    return max(_ALWAYS, _TIMES * size)


def too_much(name: str, size: int) -> UserError:
    """The sentence about a file that holds more."""
    return UserError(
        f"{name}: unpacked it is more than {most_unpacked(size):,} bytes, of {size:,}: events do not pack so well."
        " If it is sound all the same, land it as a plain .jsonl or .csv file."
    )


def unpacked(name: str, packed: BinaryIO, size: int) -> BinaryIO:
    """The content of a gzip file of `size` bytes. Reading raises UserError beyond what may come out of it."""
    if not size:
        raise UserError(f"{name}: not a whole gzip file (it is empty): fetch it again.")
    return cast(BinaryIO, io.BufferedReader(_Unpacked(name, packed, size), _READ_BYTES))


class _Unpacked(io.RawIOBase):
    def __init__(self, name: str, packed: BinaryIO, size: int) -> None:
        self._name, self._size = name, size
        self._left = most_unpacked(size)
        self._gzip = gzip.GzipFile(fileobj=packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # the buffer that io hands over
        count = self._gzip.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise too_much(self._name, self._size)
        return count
