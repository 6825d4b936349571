"""A file's records, as the bytes that Kafka would carry: lines of JSON, rows of CSV, rows of Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from landfall.errors import UserError
from landing_stream.contract import Contract

LARGEST_LINE = 100_000_000
"""Bytes: the largest record that a contract may allow. What is longer is no file of lines, and would fill memory."""
_LARGEST_CELL = 10_000_000  # characters; more is taken for a quote that was never closed
_PARQUET_ROWS = 5_000
_encode = msgspec.json.Encoder(decimal_format="number").encode


def line_records(name: str, file: BinaryIO) -> Iterator[bytes]:
    """Each line of a file byte for byte, without its end. Empty lines at the end are none; others are given.

    Raises UserError for a line of more than LARGEST_LINE bytes.
    """
    for line in _without_blank_end(_lines(name, file)):
        yield _stripped(line)


def csv_records(name: str, file: BinaryIO, contract: Contract) -> Iterator[bytes]:
    """Each row as a JSON object with the fields that the first line names: blanks null, all values text.

    A row with another number of cells than the header, or that is not UTF-8, is given as it stands, for the quarantine.
    Raises UserError for a file that is not of this stream, and for a quote that is never closed.
    """
    lines = _without_blank_end(_lines(name, file))
    taken: list[bytes] = []  # the lines of the row that is being read: a quoted cell may hold line ends

    def decoded() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line.decode("utf-8", "surrogateescape")

    before = csv.field_size_limit(_LARGEST_CELL)
    try:
        rows = csv.reader(decoded())
        header = _header(name, next(rows, []), contract)
        taken.clear()
        for row in rows:
            raw = b"".join(taken)
            taken.clear()
            if len(row) != len(header) or not _is_utf8(raw):
                yield _stripped(raw)
                continue
            event = {field: value or None for field, value in zip(header, row, strict=True)}
            yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except csv.Error as error:
        raise UserError(
            f"{name}, line {rows.line_num}: not readable as CSV ({error}): is a quote not closed?"
        ) from error
    finally:
        csv.field_size_limit(before)


def parquet_records(name: str, file: BinaryIO, contract: Contract, first: int = 0) -> Iterator[bytes]:
    """Each row from number `first` on as a JSON object; memory holds some thousand rows and a row group's pages.

    Nested values stay nested. Times are ISO 8601, to the microsecond; decimals numbers, digit for digit; bytes Base64;
    what is no JSON number (NaN, Infinity) its name as a text. A null is left out: Parquet does not tell it from a field
    that an event does not have.
    Raises UserError for a file that is no Parquet, or not of this stream.
    """
    try:
        parquet = pq.ParquetFile(file, coerce_int96_timestamp_unit="us")
        names = parquet.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name}: not readable as Parquet ({_first_line(error)}).") from error
    if contract.event_time_field not in names:
        raise UserError(
            f"{name}: has no column {contract.event_time_field}, the event time of {contract.stream}: {_OTHER_STREAM}"
        )
    groups, skip = _groups_from(parquet.metadata, first)
    for batch in parquet.iter_batches(_PARQUET_ROWS, row_groups=groups):
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        for row in _to_microseconds(batch.slice(skip)).to_pylist(maps_as_pydicts="lossy"):
            yield _encode(_as_json(row))
        skip = 0


_OTHER_STREAM = "is it this stream's file?"


def _groups_from(metadata: pq.FileMetaData, first: int) -> tuple[list[int], int]:
    """The row groups that hold rows from number `first` on, and how many rows of the first of them come before it."""
    skip = first
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if skip < rows:
            return list(range(group, metadata.num_row_groups)), skip
        skip -= rows
    return [], 0


def _to_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Python's clock has microseconds: the digits behind them are cut."""
    wanted = pa.schema([field.with_type(_microseconds(field.type)) for field in batch.schema])
    return batch if wanted.equals(batch.schema) else batch.cast(wanted, safe=False)


def _microseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time64(kind) and kind.unit == "ns":
        return pa.time64("us")
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if pa.types.is_struct(kind):
        return pa.struct([member.with_type(_microseconds(member.type)) for member in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_microseconds(kind.value_type)))
    return kind


def _as_json(value: Any) -> Any:
    """What msgspec then writes as one would expect it."""
    if isinstance(value, dict):
        return {str(name): _as_json(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_as_json(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _lines(name: str, file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends."""
    number = 0
    while line := file.readline(LARGEST_LINE):
        number += 1
        if len(line) == LARGEST_LINE:
            raise UserError(f"{name}, line {number}: longer than {LARGEST_LINE:,} bytes: is it a file of lines?")
        yield line


def _without_blank_end(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines without the empty ones at the end of the file."""
    blanks: list[bytes] = []
    for line in lines:
        if line.strip(b"\r\n"):
            if blanks:
                yield from blanks
                blanks.clear()
            yield line
        else:
            blanks.append(line)


def _stripped(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(name: str, names: list[str], contract: Contract) -> list[str]:
    """The fields that the first line names."""
    names = [names[0].removeprefix("\ufeff"), *names[1:]] if names else []
    if not set(names) & set(contract.field_names):
        raise UserError(
            f"{name}: its first line names no field of {contract.stream} (such as {_examples(contract)}): "
            f"is it a header, and {_OTHER_STREAM}"
        )
    if repeated := sorted({field for field in names if names.count(field) > 1}):
        raise UserError(f"{name}: its first line names {repeated[0]!r} twice; rename one.")
    if contract.event_time_field not in names:  # each row would be rejected by the models
        raise UserError(
            f"{name}: its first line does not name {contract.event_time_field}, the event time of {contract.stream}: "
            f"{_OTHER_STREAM}"
        )
    return names


def _examples(contract: Contract) -> str:
    return ", ".join(contract.field_names[:4])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
