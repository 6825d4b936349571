"""A file's records, as the bytes that Kafka would carry: lines of JSON, rows of CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from landfall.errors import UserError
from landing_stream.classify import Reason
from landing_stream.contract import Contract
from landing_stream.csv_file import BadRow, BlankLine, CsvFile
from landing_stream.json_documents import records_of_documents
from landing_stream.text_lines import LARGEST_LINE, CutLine, Lines, without_end


@dataclass(frozen=True, slots=True)
class Refused:
    """What stands in a record's place: its bytes for the quarantine, why, and where in the file."""

    value: bytes
    reason: Reason
    detail: str


FileRecord = bytes | Refused | None
"""One place of a file; None for a place without a record: of blank lines that follow each other, all but the first."""

_LINES_LOOKED_AT = 100
OTHER_STREAM = "is it this stream's file?"
DELIMITER_OPTION = "say so by `--delimiter '{}'`"


def line_records(name: str, file: BinaryIO) -> Iterator[FileRecord]:
    """Each line of a file byte for byte, without its end. Blank lines at the end are none.

    A file whose first lines are one JSON document, an array or an object over many lines, gives each element of arrays
    and each object. Raises UserError for such a file that cannot be read to its end, or is too large for one.
    """
    lines = Lines(name, file)
    if _is_document(name, lines):
        yield from records_of_documents(name, _whole(name, lines))
        return
    blanks = _Blanks()
    for line in lines:
        if not line.strip():
            blanks.add(lines.number)
            continue
        yield from blanks.given()
        yield (
            Refused(line, Reason.TOO_LARGE, f"line {lines.number:,}: more than {LARGEST_LINE:,} bytes: its beginning")
            if isinstance(line, CutLine)
            else without_end(line)
        )


def csv_records(name: str, file: BinaryIO, contract: Contract, delimiter: str | None = None) -> Iterator[FileRecord]:
    """Each row as a JSON object with the fields that the first line names: blanks null, all values text.

    `delimiter`: what separates the cells; by default a tab in a file called .tsv, else a comma.

    Raises UserError for a file whose header cannot be used, and for one that is not of this stream.
    """
    by_name = "\t" if name.lower().removesuffix(".gz").endswith(".tsv") else ","
    csv_file = CsvFile(name, file, contract.field_names, delimiter or by_name, DELIMITER_OPTION)
    _check_header(name, csv_file.header, contract)
    blanks = _Blanks()
    for row in csv_file.rows():
        if isinstance(row, BlankLine):
            blanks.add(row.line)
            continue
        yield from blanks.given()
        if isinstance(row, BadRow):
            yield Refused(row.raw, row.reason, f"line {row.line:,}: {row.detail}")
        else:
            yield json.dumps(row.values, ensure_ascii=False, separators=(",", ":")).encode()


class _Blanks:
    """Blank lines that follow each other: the first stands for all, or a packed file of 22 KB is 5 million records."""

    def __init__(self) -> None:
        self._first = self._count = 0

    def add(self, number: int) -> None:
        self._first = self._first if self._count else number
        self._count += 1

    def given(self) -> Iterator[FileRecord]:
        """What stands in their places; afterwards there are none."""
        if not self._count:
            return
        until = self._first + self._count - 1
        where = f"line {self._first:,}" if self._count == 1 else f"lines {self._first:,} to {until:,}"
        yield Refused(b"", Reason.NOT_JSON, f"{where}: blank")
        for _ in range(self._count - 1):
            yield None
        self._count = 0


def _whole(name: str, lines: Lines) -> bytes:
    """All that is left of a file that has to be read as one."""
    taken, size = [], 0
    for line in lines:
        taken.append(line)
        size += len(line)
        if size > LARGEST_LINE or isinstance(line, CutLine):
            raise UserError(
                f"{name} is JSON of more than {LARGEST_LINE:,} bytes that is not a line for each event:"
                " `jq -c .` makes lines of objects, and `jq -c '.[]'` of an array."
            )
    return b"".join(taken)


def _is_document(name: str, lines: Lines) -> bool:
    """Whether a file begins with one document over many lines, or many documents on one; takes no line.

    Raises UserError for lines that end with a carriage return alone.
    """
    taken: list[bytes] = []
    seen: list[bytes] = []
    for line in lines:
        taken.append(line)
        if line.strip():
            seen.append(line.strip())
        if len(seen) == 2 or len(taken) == _LINES_LOOKED_AT or isinstance(line, CutLine):
            break
    lines.give_back(1, taken)
    first, second = [*seen, b"", b""][:2]
    if not first.startswith((b"{", b"[")) or (second and _is_json(first)):
        return False
    whole, is_array = not second and _is_json(first), first.startswith(b"[")
    if b"\r" in first and not whole:
        raise UserError(f"{name}: lines end with a carriage return alone; end them with line feeds.")
    if isinstance(taken[-1], CutLine):
        return is_array
    if whole:
        return is_array and first[1:].lstrip().startswith(b"{")
    goes_on = is_array or second.startswith((b'"', b"}", b"]"))
    return (goes_on and first.endswith((b"{", b"[", b","))) or (is_array and second.startswith(b","))


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _check_header(name: str, header: list[str], contract: Contract) -> None:
    if not set(header) & set(contract.field_names):
        utf16 = " (it has NUL characters: is it UTF-16?)" if any("\0" in column for column in header) else ""
        raise UserError(
            f"{name}: its first line names no field of {contract.stream} (such as"
            f" {', '.join(contract.field_names[:4])}){utf16}: if it is none, write a header above; else {OTHER_STREAM}"
        )
    if contract.event_time_field not in header:  # each row would be rejected by the models
        raise UserError(
            f"{name}: its first line does not name {contract.event_time_field}, the event time of {contract.stream}: "
            f"{OTHER_STREAM}"
        )
