"""Reads CSV as people have it: each row as it is meant, or the row at fault with what is wrong in words.

The one reader of events (landing_stream.file_records) and of master data (warehouse.reference_sources).
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from landfall.errors import UserError
from landfall.wording import counted
from landing_stream.classify import Reason
from landing_stream.text_lines import LARGEST_LINE, CutLine, Lines, iconv, without_end

LARGEST_CELL = 10_000_000
"""Characters. Python's own limit is 131,072, one for the whole process."""
csv.field_size_limit(LARGEST_CELL)

# Lines are read twice where the end of a quote was looked for and not found: without a bound, quadratic time in a file
# of nothing but such quotes.
_BYTES_READ_TWICE = 64 << 20
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row's values by column, None where a cell is blank. `line`: its first one, from 1."""

    line: int
    values: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is no row: its bytes without the line end, and why, without content. `line`: its first one, from 1."""

    line: int
    raw: bytes
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class BlankLine:
    """A line without anything in it."""

    line: int


class CsvFile:
    """A CSV file with a header, UTF-8. `header`: its columns, none of an empty file.

    Blanks around the names of the header are none of theirs. A file that has such blanks has them around its values,
    too, where they are dropped as well; in other files a value keeps its blanks. A column without a name is called
    `column_N` by its place, and left out where its cell is blank.

    `known`: names that a header has, to recognize one behind another delimiter; `remedy`: what to do then, {} the one.
    Raises UserError for a file whose header cannot be used, with the line, the column and what to do.
    """

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        known: Collection[str],
        delimiter: str = ",",
        remedy: str = "write commas between them",
    ) -> None:
        self._name, self._delimiter, self._remedy = name, delimiter, remedy
        self._feed = _Feed(Lines(name, file))
        self._reader = csv.reader(self._feed, delimiter=delimiter)
        self._padded = False
        self._to_read_twice = _BYTES_READ_TWICE
        self._given_up: deque[BadRow] = deque()
        self.header: list[str] = []
        self.header = self._read_header(known)
        self._unnamed = [name for place, name in enumerate(self.header, start=1) if name == _unnamed(place)]

    def rows(self) -> Iterator[Row | BadRow | BlankLine]:
        """Every row, bad row and blank line behind the header, in their order."""
        while (cells := self._next()) is not None:
            yield self._row(cells) if isinstance(cells, list) else cells

    def _row(self, cells: list[str]) -> Row | BadRow:
        if (error := self._feed.not_utf8) is not None:
            return self._bad(Reason.INVALID_UTF8, f"byte {error.start}: {error.reason}")
        if len(cells) != len(self.header):
            found = counted(len(cells), "cell")
            return self._bad(Reason.WRONG_CELL_COUNT, f"{found}, the header has {len(self.header)}")
        if self._padded:
            cells = [cell.strip(" \t") for cell in cells]
        values = {column: value or None for column, value in zip(self.header, cells, strict=True)}
        for column in self._unnamed:
            if values[column] is None:
                del values[column]
        return Row(self._feed.first_line, values)

    def _bad(self, reason: Reason, detail: str) -> BadRow:
        return BadRow(self._feed.first_line, without_end(b"".join(self._feed.taken)), reason, detail)

    def _next(self) -> list[str] | BadRow | BlankLine | None:
        """The cells of the next row, or what stands in its place; None at the end of the file."""
        if self._given_up:
            return self._given_up.popleft()
        feed = self._feed
        feed.begin()
        try:
            cells = next(self._reader)
        except StopIteration:
            return None
        except (csv.Error, _LineTooLong) as error:
            return self._without_end_of_quote() if len(feed.taken) > 1 else self._unreadable(error)
        if feed.ended or (len(feed.taken) > 1 and not self._is_strict()):
            return self._without_end_of_quote()
        if len(cells) <= 1 and len(feed.taken) == 1 and not feed.taken[0].strip():
            return BlankLine(feed.first_line)
        return cells

    def _unreadable(self, error: csv.Error | _LineTooLong) -> BadRow:
        """One line that is no row."""
        if isinstance(error, _LineTooLong):
            return self._bad(Reason.TOO_LARGE, f"a line of more than {LARGEST_LINE:,} bytes; this is its beginning")
        if "limit" in str(error):
            where = self._column_of_largest(self._feed.taken[0])
            return self._bad(Reason.TOO_LARGE, f"a cell of more than {LARGEST_CELL:,} characters{where}")
        return self._bad(Reason.NOT_CSV, "a carriage return in a cell without quotes")

    def _is_strict(self) -> bool:
        """Whether a row over several lines is one by the letter, with nothing between a quote's end and the comma."""
        try:
            lines = map(_lossless, self._feed.taken)
            list(csv.reader(lines, delimiter=self._delimiter, strict=True, skipinitialspace=self._padded))
        except csv.Error:
            return False
        return True

    def _without_end_of_quote(self) -> BadRow:
        """The line whose quote has no end; those behind it are read anew, as rows of their own."""
        feed = self._feed
        first, rest = feed.first_line, feed.taken[1:]
        del feed.taken[1:]
        self._to_read_twice -= sum(map(len, rest))
        if self._to_read_twice > 0:
            feed.lines.give_back(first + 1, rest)
        else:
            detail = f"a line in the cell that the quote in line {first:,} opens and nothing closes"
            self._given_up.extend(
                BadRow(number, without_end(line), Reason.NOT_CSV, detail)
                for number, line in enumerate(rest, start=first + 1)
            )
        return self._bad(Reason.NOT_CSV, "a quote is opened and not closed")

    def _column_of_largest(self, line: bytes) -> str:
        before = csv.field_size_limit(LARGEST_LINE)
        try:
            lines = [_lossless(line)]
            cells = next(csv.reader(lines, delimiter=self._delimiter, skipinitialspace=self._padded))
        finally:
            csv.field_size_limit(before)
        named = zip(self.header, cells, strict=False)
        return next((f" in column {column}" for column, cell in named if len(cell) > LARGEST_CELL), "")

    def _read_header(self, known: Collection[str]) -> list[str]:
        cells = self._next()
        while isinstance(cells, BlankLine):
            cells = self._next()
        if cells is None:
            return []
        at = f"{self._name}, line {self._feed.first_line}"
        if isinstance(cells, BadRow):
            if cells.reason == Reason.NOT_CSV and b"\r" in cells.raw:
                raise UserError(f"{at}: lines end with a carriage return alone; end them with line feeds.")
            raise UserError(f"{at}: the header cannot be read: {cells.detail}.")
        if (error := self._feed.not_utf8) is not None:
            raise UserError(f"{at}: not UTF-8 (byte {error.start}); save it as UTF-8, as by {iconv('LATIN1')}.")
        self._padded = any(cell != cell.strip() for cell in cells)
        if self._padded:
            self._reader = csv.reader(self._feed, delimiter=self._delimiter, skipinitialspace=True)
            lines = map(_lossless, self._feed.taken)
            cells = next(csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True))
        names = [cell.strip() or _unnamed(place) for place, cell in enumerate(cells, start=1)]
        self._check_names(at, names, known)
        return names

    def _check_names(self, at: str, names: list[str], known: Collection[str]) -> None:
        if not set(names) & set(known):
            for delimiter, words in _SEPARATORS.items():
                if {part.strip(' "') for name in names for part in name.split(delimiter)} & set(known):
                    shown = "tab" if delimiter == "\t" else delimiter
                    raise UserError(f"{at}: the cells are separated by {words}; {self._remedy.format(shown)}.")
        for place, name in enumerate(names, start=1):
            if (first := names.index(name) + 1) != place:
                raise UserError(
                    f"{at}: the first line names {name!r} twice, in columns {first} and {place}; rename one."
                )


def _unnamed(place: int) -> str:
    return f"column_{place}"


def _lossless(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


class _LineTooLong(Exception):
    """Of a line only the beginning was kept."""


class _Feed:
    """Gives lines to Python's reader, and keeps those that it took for the row at hand."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.taken: list[bytes] = []
        self.first_line = 0
        self.ended = False
        self.not_utf8: UnicodeDecodeError | None = None
        self._size = 0

    def begin(self) -> None:
        self.taken.clear()
        self.ended, self.not_utf8, self._size = False, None, 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self._size > LARGEST_LINE:  # in search of a quote's end
            self.ended = True
            raise StopIteration
        try:
            line = next(self.lines)
        except StopIteration:
            self.ended = bool(self.taken)
            raise
        if not self.taken:
            self.first_line = self.lines.number
        self.taken.append(line)
        self._size += len(line)
        if isinstance(line, CutLine):
            raise _LineTooLong
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            self.not_utf8 = self.not_utf8 or error
            return _lossless(line)
