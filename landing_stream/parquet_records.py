"""The rows of a Parquet file as the JSON objects that Kafka would carry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from landfall.errors import UserError
from landing_stream.contract import Contract
from landing_stream.file_records import OTHER_STREAM

_PARQUET_ROWS = 5_000
_encode = msgspec.json.Encoder(decimal_format="number").encode


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
            f"{name}: has no column {contract.event_time_field}, the event time of {contract.stream}: {OTHER_STREAM}"
        )
    groups, skip = _groups_from(parquet.metadata, first)
    for batch in parquet.iter_batches(_PARQUET_ROWS, row_groups=groups):
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        for row in _to_microseconds(batch.slice(skip)).to_pylist(maps_as_pydicts="lossy"):
            yield _encode(_as_json(row))
        skip = 0


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


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
