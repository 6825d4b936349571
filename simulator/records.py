"""Records of a file as Kafka messages: `.csv` and `.jsonl`, plain or gzipped. No Kafka in here."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from landfall.errors import UserError
from landing_stream.contract import Contract

Record = tuple[bytes | None, bytes]
"""Key (None without one) and value."""

_TYPES = (".csv", ".jsonl")
_LARGEST_CELL = 10_000_000  # characters; more is taken for a quote that was never closed


def records(path: Path, contract: Contract) -> Iterator[Record]:
    """The records of a file, in its order; memory does not grow with the file.

    A `.csv` file names its fields in the first line: each row becomes a JSON object, blanks null, all values text. A
    row with another number of cells than the header, or that is not UTF-8, is given as it stands, for the quarantine.
    Each line of a `.jsonl` file is given byte for byte. Empty lines at the end are none; others are given.
    The key is the first of the contract's key fields that is set.
    Raises UserError for a file that is absent, of another type, damaged, or not of this stream.
    """
    kind = file_type(path)
    try:
        with _opened(path) as file:
            lines = _without_blank_end(_whole_lines(file))
            yield from _csv_records(path, lines, contract) if kind == ".csv" else _json_records(lines, contract)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path}: not a whole gzip file ({error}): fetch it again. Records before that were produced."
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error


def file_type(path: Path) -> str:
    """`.csv` or `.jsonl`. Raises UserError for a file that is absent or of another type."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: name one file.")
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if not suffixes or suffixes[-1] not in _TYPES:
        raise UserError(f"{path}: replay reads .csv and .jsonl files, also with .gz behind; rename or convert it.")
    return suffixes[-1]


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends."""
    yield from file


def _without_blank_end(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines without the empty ones at the end of the file."""
    blanks: list[bytes] = []
    for line in lines:
        if line.strip(b"\r\n"):
            yield from blanks
            blanks.clear()
            yield line
        else:
            blanks.append(line)


def _stripped(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _json_records(lines: Iterator[bytes], contract: Contract) -> Iterator[Record]:
    for line in lines:
        value = _stripped(line)
        try:
            event = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            event = None
        yield event_key(event, contract) if isinstance(event, dict) else None, value


def _csv_records(path: Path, lines: Iterator[bytes], contract: Contract) -> Iterator[Record]:
    taken: list[bytes] = []  # the lines of the row that is being read: a quoted cell may hold line ends

    def decoded() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line.decode("utf-8", "surrogateescape")

    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        rows = csv.reader(decoded())
        header = _header(path, next(rows, []), contract)
        taken.clear()
        for row in rows:
            raw = b"".join(taken)
            taken.clear()
            if len(row) != len(header) or not _is_utf8(raw):
                yield None, _stripped(raw)
                continue
            event = {name: value or None for name, value in zip(header, row, strict=True)}
            yield event_key(event, contract), json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except csv.Error as error:
        raise UserError(
            f"{path}, line {rows.line_num}: not readable as CSV ({error}): is a quote not closed?"
        ) from error
    finally:
        csv.field_size_limit(before)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(path: Path, names: list[str], contract: Contract) -> list[str]:
    """The fields that the first line names."""
    names = [names[0].removeprefix("\ufeff"), *names[1:]] if names else []
    if not set(names) & set(contract.field_names):
        examples = ", ".join(contract.field_names[:4])
        raise UserError(
            f"{path}: its first line names no field of {contract.stream} (such as {examples}): "
            "is it a header, and is it this stream's file?"
        )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: its first line names {repeated[0]!r} twice; rename one.")
    return names


def event_key(event: Mapping[str, object], contract: Contract) -> bytes | None:
    """The key of an event: the first of the contract's key fields that is neither null nor empty; None without one."""
    for field in contract.key_fields:
        value = event.get(field)
        if value is None or value == "":
            continue
        return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")
    return None
