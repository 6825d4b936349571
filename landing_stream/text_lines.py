"""A text file's lines, as bytes with their ends: byte order marks and lines beyond all measure dealt with once."""

from __future__ import annotations

import re
from typing import BinaryIO

from landfall.errors import UserError

LARGEST_LINE = 100_000_000
"""Bytes: the largest record that a contract may allow. Of a longer line no more than its beginning is kept."""
_KEPT_OF_LARGER = 1_000_000

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LATIN_IN_UTF_16 = {
    "UTF-16LE": re.compile(rb"[^\0]\0[^\0]\0", re.DOTALL),
    "UTF-16BE": re.compile(rb"\0[^\0]\0[^\0]", re.DOTALL),
}
"""How a text in letters of two bytes each begins, without a byte order mark."""


def iconv(encoding: str) -> str:
    """The command that makes UTF-8 of a file in another encoding."""
    return f"`iconv -f {encoding} -t UTF-8`"


# What files begin with that are no lines of UTF-8, and what to do about each.
_OTHER_KINDS = {
    b"\xff\xfe": f"is UTF-16: save it as UTF-8, as by {iconv('UTF-16')}",
    b"\xfe\xff": f"is UTF-16: save it as UTF-8, as by {iconv('UTF-16')}",
    b"\x1f\x8b": "is packed by gzip: give it a name that ends with .gz",
    b"PK\x03\x04": "is a ZIP archive or a spreadsheet: unpack it, or export it as CSV",
    b"PAR1": "is a Parquet file: give it a name that ends with .parquet",
    b"BZh": "is packed by bzip2: unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "is packed by zstd: unpack it, or pack it by gzip",
}


class CutLine(bytes):
    """The beginning of a line of more than LARGEST_LINE bytes."""


class Lines:
    """The lines of a file, one after another; `number` is that of the last one given, from 1.

    A byte order mark at the start is no content. Raises UserError for a file that is no UTF-8 text by its first bytes.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name, self._file = name, file
        self._returned: list[tuple[int, bytes]] = []
        self._read = 0
        self.number = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> bytes:
        if self._returned:
            self.number, line = self._returned.pop()
            return line
        line = self._file.readline(LARGEST_LINE)
        if not line:
            raise StopIteration
        self._read += 1
        self.number = self._read
        if self._read == 1:
            line = self._without_mark(line)
        return self._cut(line) if len(line) >= LARGEST_LINE else line

    def give_back(self, number: int, lines: list[bytes]) -> None:
        """Lines that were taken too many, the first of which has this number, to be given again."""
        self._returned.extend(reversed(list(enumerate(lines, start=number))))

    def _without_mark(self, line: bytes) -> bytes:
        for mark, sentence in _OTHER_KINDS.items():
            if line.startswith(mark):
                raise UserError(f"{self._name} {sentence}.")
        for encoding, beginning in _LATIN_IN_UTF_16.items():
            if beginning.match(line):
                raise UserError(f"{self._name} is UTF-16: save it as UTF-8, as by {iconv(encoding)}.")
        return line.removeprefix(_BYTE_ORDER_MARK)

    def _cut(self, line: bytes) -> bytes:
        kept, end = line[:_KEPT_OF_LARGER], line
        while end and not end.endswith(b"\n"):
            end = self._file.readline(LARGEST_LINE)
        return CutLine(kept)


def without_end(line: bytes) -> bytes:
    """A line without its line feed, and the carriage return before it."""
    return line.removesuffix(b"\n").removesuffix(b"\r")
