"""The rows of a Parquet file as the JSON objects that Kafka would carry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from landfall.errors import UserError
from landing_stream.arrow_json import json_objects
from landing_stream.classify import Reason
from landing_stream.contract import Contract
from landing_stream.file_records import OTHER_STREAM, FileRecord, Refused
from landing_stream.text_lines import LARGEST_LINE
from landing_stream.unpacking import most_unpacked, too_much

_ROWS = 5_000
_BYTES = 8 << 20  # as Python's objects several times as much
_VALUE = 8  # bytes, of a number or a time


def parquet_records(name: str, file: BinaryIO, size: int, contract: Contract, first: int = 0) -> Iterator[FileRecord]:
    """Each row from number `first` on as a JSON object. `size`: of the file in bytes.

    Memory holds a row group's pages as they are packed by Parquet, some thousand rows, and 8 MB of values unpacked.
    Raises UserError for a file that is no Parquet, not of this stream, or unpacks to more than may be.
    """
    try:
        parquet = _opened(name, file, size, contract)
        place, left = 0, most_unpacked(size)
        for batch in parquet.iter_batches(_rows_a_batch(parquet)):
            sizes = _row_sizes(batch)
            left -= int(sizes.sum())  # also of rows that have landed: the same at every try
            if left < 0:
                raise too_much(name, size)
            skip = min(max(first - place, 0), batch.num_rows)
            place += skip
            for rows, too_large in _portions(batch, sizes, skip):
                if too_large:
                    yield Refused(b"", Reason.TOO_LARGE, f"row {place + 1:,}: more than {LARGEST_LINE:,} bytes")
                    place += 1
                else:
                    yield from json_objects(rows, place)
                    place += rows.num_rows
    except pa.ArrowException as error:
        raise UserError(f"{name}: not readable as Parquet ({_first_line(error)}).") from error


def _opened(name: str, file: BinaryIO, size: int, contract: Contract) -> pq.ParquetFile:
    try:
        plain = pq.ParquetFile(file)
        columns = [plain.schema.column(index) for index in range(plain.metadata.num_columns)]
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY" and _is_text(column)]
        # A text that stands in a file once and is meant by all its rows stays one text.
        parquet = pq.ParquetFile(file, metadata=plain.metadata, read_dictionary=texts, coerce_int96_timestamp_unit="us")
        names = parquet.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name}: not readable as Parquet ({_first_line(error)}).") from error
    if contract.event_time_field not in names:
        raise UserError(
            f"{name}: has no column {contract.event_time_field}, the event time of {contract.stream}: {OTHER_STREAM}"
        )
    if twice := next((column for column in names if names.count(column) > 1), None):
        raise UserError(f"{name}: has the column {twice!r} twice; rename one.")
    if _repeated_bytes(plain.metadata, columns) > most_unpacked(size):
        raise too_much(name, size)
    return parquet


def _is_text(column: pq.ColumnSchema) -> bool:
    return column.logical_type.type in ("STRING", "JSON", "ENUM", "BSON", "NONE")


def _width(column: pq.ColumnSchema) -> int:
    return max(column.length or 0, _VALUE)


def _rows_a_batch(parquet: pq.ParquetFile) -> int:
    """So many rows that their columns of fixed width fit."""
    columns = (parquet.schema.column(index) for index in range(parquet.metadata.num_columns))
    return max(1, min(_ROWS, 8 * _BYTES // sum(map(_width, columns))))


def _repeated_bytes(metadata: pq.FileMetaData, columns: list[pq.ColumnSchema]) -> int:
    """Bytes of all values in lists and maps: those of a row come at once, however many they are."""
    repeated = [index for index, column in enumerate(columns) if column.max_repetition_level]
    return sum(
        metadata.row_group(group).column(index).num_values * _width(columns[index])
        for group in range(metadata.num_row_groups)
        for index in repeated
    )


def _portions(batch: pa.RecordBatch, sizes: NDArray[np.int64], skip: int) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """The rows from number `skip` on, in portions of some megabytes; (a row, true) where it is beyond all measure."""
    begin = skip
    while begin < batch.num_rows:
        if sizes[begin] > LARGEST_LINE:
            yield batch.slice(begin, 1), True
            begin += 1
            continue
        count = max(1, int(np.searchsorted(np.cumsum(sizes[begin:]), _BYTES, side="right")))
        yield batch.slice(begin, count), False
        begin += count


def _row_sizes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Bytes of each row's values unpacked."""
    sizes = np.full(batch.num_rows, _VALUE, np.int64)
    for column in batch.columns:
        sizes += _sizes(column)
    return sizes


def _sizes(array: pa.Array) -> NDArray[np.int64]:
    """Bytes of each value unpacked; 0 of a null."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _sizes(array.storage)
    if pa.types.is_dictionary(kind):
        of_value = np.append(_sizes(array.dictionary), 0)  # the last one for nulls
        return of_value[array.indices.fill_null(len(of_value) - 1).to_numpy(zero_copy_only=False)]
    if pa.types.is_struct(kind):
        return sum((_sizes(array.field(place)) for place in range(kind.num_fields)), np.zeros(len(array), np.int64))
    if pa.types.is_fixed_size_list(kind):
        width, start = kind.list_size, array.offset * kind.list_size
        return _sizes(array.values)[start : start + len(array) * width].reshape(len(array), width).sum(axis=1)
    if pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = _sizes(array.keys) + _sizes(array.items) if pa.types.is_map(kind) else _sizes(array.values)
        until = np.concatenate([[0], np.cumsum(values)])
        return np.diff(until[array.offsets.to_numpy(zero_copy_only=False)])
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_fixed_size_binary(kind):
        return np.where(valid, max(kind.byte_width, _VALUE), 0)
    if any(
        is_kind(kind)
        for is_kind in (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    ):
        lengths = pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        return np.where(valid, lengths + _VALUE, 0)
    return np.where(valid, _VALUE, 0)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
