"""Rows of Arrow as JSON objects: what Python's own types cannot hold lands as text, and costs no other row."""

from __future__ import annotations

import datetime as dt
import json
import math
import warnings
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa

from landing_stream.classify import Reason
from landing_stream.file_records import FileRecord, Refused

# Of a map's key that comes twice one value lands, as of a JSON object's.
warnings.filterwarnings("ignore", message="Encountered key", category=UserWarning)

_encode = msgspec.json.Encoder(decimal_format="number").encode
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = dt.datetime(1970, 1, 1)
# The calendar repeats itself after 146,097 days, 400 years.
_CYCLE_DAYS, _CYCLE_START = 146_097, dt.date(2000, 1, 1)


def json_objects(batch: pa.RecordBatch, first: int) -> Iterator[FileRecord]:
    """Each row as a JSON object; `first`: the number of the batch's first row in its file, from 0.

    Nested values stay nested. Times are ISO 8601, to the microsecond, also those of years that Python does not know;
    in UTC where the zone is none. Decimals are numbers, digit for digit; bytes Base64; what is no JSON number (NaN,
    Infinity) its name as a text; a text that is no UTF-8 keeps its bytes, so that its row is quarantined. A null is
    left out: Parquet does not tell it from a field that an event does not have.
    """
    yield from _objects(_simplified(batch), first)


def _objects(batch: pa.RecordBatch, first: int) -> Iterator[FileRecord]:
    """The quick way for all rows; where it fails for some, in halves down to the one at fault."""
    try:
        objects = [_encode(_as_json(row)) for row in batch.to_pylist(maps_as_pydicts="lossy")]
    except Exception:  # whatever Arrow, Python or msgspec have against a value
        if batch.num_rows == 1:
            yield _exact_object(batch, first)
            return
        half = batch.num_rows // 2
        yield from _objects(batch.slice(0, half), first)
        yield from _objects(batch.slice(half), first + half)
    else:
        yield from objects


def _exact_object(row: pa.RecordBatch, number: int) -> FileRecord:
    try:
        return _encode(
            _as_json({name: _exact(column[0]) for name, column in zip(row.schema.names, row.columns, strict=True)})
        )
    except Exception as error:
        return Refused(
            b"", Reason.UNSTORABLE, f"row {number + 1:,}: its values cannot be read ({type(error).__name__})"
        )


def _simplified(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch in types that Python reads at once; as it is, where Arrow has no way there."""
    wanted = pa.schema([field.with_type(_simple(field.type)) for field in batch.schema])
    if wanted.equals(batch.schema):
        return batch
    try:
        return batch.cast(wanted, safe=False)
    except pa.ArrowException:
        return batch


def _simple(kind: pa.DataType) -> pa.DataType:
    """Python's clock has microseconds: the digits behind them are cut. A zone that is none is UTC."""
    if pa.types.is_timestamp(kind):
        zone = kind.tz if kind.tz is None or _zone(kind.tz) is not None else "UTC"
        return pa.timestamp("us" if kind.unit == "ns" else kind.unit, zone)
    if pa.types.is_time64(kind):
        return pa.time64("us")
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if pa.types.is_dictionary(kind):
        return _simple(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([member.with_type(_simple(member.type)) for member in kind])
    if pa.types.is_map(kind):
        key, item = kind.key_field, kind.item_field
        return pa.map_(key.with_type(_simple(key.type)), item.with_type(_simple(item.type)), kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_simple(kind.value_type)), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_simple(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_simple(kind.value_type)))
    return kind


def _zone(name: str) -> dt.tzinfo | None:
    try:
        zone: dt.tzinfo = pa.lib.string_to_tzinfo(name)
    except Exception:  # pytz, zoneinfo and Arrow each have errors of their own
        return None
    return zone


def _as_json(value: Any) -> Any:
    """What msgspec then writes as one would expect it."""
    if isinstance(value, dict):
        return {_as_key(name): _as_json(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_as_json(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _as_key(name: Any) -> str:
    return name if isinstance(name, str) else _encode(_as_json(name)).decode().strip('"')


def _exact(scalar: pa.Scalar) -> Any:
    """One value, whatever it is: slow, and without the bounds of Python's types."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if isinstance(scalar, (pa.ExtensionScalar, pa.DictionaryScalar)):
        return _exact(scalar.value)
    if pa.types.is_struct(kind):
        return {kind.field(place).name: _exact(scalar[place]) for place in range(kind.num_fields)}
    if pa.types.is_map(kind):
        return {_text_of(_exact(entry[0])): _exact(entry[1]) for entry in scalar.values}
    if hasattr(scalar, "values"):  # lists of all kinds
        return [_exact(member) for member in scalar.values]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _text(scalar.as_buffer().to_pybytes())
    if pa.types.is_timestamp(kind):
        return _timestamp(_microseconds(scalar.value, kind.unit), kind.tz)
    if pa.types.is_date(kind):
        return _date(scalar.value if pa.types.is_date32(kind) else scalar.value // 86_400_000)
    if pa.types.is_duration(kind):
        return _duration(_microseconds(scalar.value, kind.unit))
    return scalar.as_py()


def _text(raw: bytes) -> str | msgspec.Raw:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        quoted = json.dumps(raw.decode("utf-8", "surrogateescape"), ensure_ascii=False)
        return msgspec.Raw(quoted.encode("utf-8", "surrogateescape"))


def _text_of(key: Any) -> str:
    if isinstance(key, msgspec.Raw):
        return bytes(key).decode("utf-8", "backslashreplace").strip('"')
    return _as_key(key)


def _microseconds(value: int, unit: str) -> int:
    return value * 1_000_000 // _PER_SECOND[unit]


def _timestamp(microseconds: int, zone: str | None) -> dt.datetime | str:
    try:
        moment = _EPOCH + dt.timedelta(microseconds=microseconds)
        return moment if zone is None else moment.replace(tzinfo=dt.UTC).astimezone(_zone(zone) or dt.UTC)
    except OverflowError:
        days, rest = divmod(microseconds, 86_400_000_000)
        clock = (dt.datetime.min + dt.timedelta(microseconds=rest)).time().isoformat()
        return f"{_date(days)}T{clock}{'' if zone is None else 'Z'}"


def _date(days: int) -> str:
    """Days since 1970 as a date of any year; years before 1 count from 0 backwards."""
    cycles, rest = divmod(days - (_CYCLE_START - _EPOCH.date()).days, _CYCLE_DAYS)
    day = _CYCLE_START + dt.timedelta(days=rest)
    year = day.year + 400 * cycles
    return f"{'-' if year < 0 else ''}{abs(year):04d}-{day:%m-%d}"


def _duration(microseconds: int) -> dt.timedelta | str:
    try:
        return dt.timedelta(microseconds=microseconds)
    except OverflowError:
        seconds = abs(microseconds) // 1_000_000
        return f"{'-' if microseconds < 0 else ''}PT{seconds}S"
