"""Raw record values to the columns of a landing table, one Arrow batch at a time.

Measured per event of 960 bytes and 32 fields, one core: the strict check by msgspec 0.8 µs, DuckDB's json_transform 2.0
µs; Spark's from_json costs 20 µs over both cores. msgspec decides what is JSON (RFC 8259) and whether a field is
unknown; DuckDB, whose own reader is laxer, only splits what msgspec has let through.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from landing_stream.classify import Reason, classify, deep_recursion
from landing_stream.contract import EXTRA_COLUMN, Contract

# DuckDB warns of a copy that its other interface avoids; that one plans every query twice, 3 ms a batch.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)

_NOTHING: Mapping[int, tuple[Reason, str]] = MappingProxyType({})
_NUL_ESCAPE = b"\\u0000"
_NO_MEMBER = re.compile(r'["\\\x00-\x1f]')


@dataclass(frozen=True)
class Bad:
    """A record that cannot be landed: its index in the batch, and why."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Parsed:
    """A batch, split.

    `columns`: those of the contract's fields and `extra`, all text, a row for each of `good` (indices into the batch).
    """

    good: pa.Array
    columns: pa.RecordBatch
    bad: list[Bad]


class Parser:
    """Parses batches of one contract's records. Keeps a DuckDB connection: make one a process and keep it."""

    def __init__(self, contract: Contract) -> None:
        self._columns = contract.columns
        self._known = frozenset(contract.field_names)
        self._max_bytes = contract.max_value_bytes
        # Names of struct members are positions: a field may have any name, also one that is no Python identifier. What
        # msgspec takes for no name is not known to it, and its records go the way of those with an unknown field.
        members = [
            (f"f{i}", msgspec.Raw, msgspec.field(default=msgspec.Raw(), name=name))
            for i, name in enumerate(contract.field_names)
            if not _NO_MEMBER.search(name)
        ]
        record = msgspec.defstruct("Record", members, forbid_unknown_fields=True, gc=False)
        self._strict = msgspec.json.Decoder(record).decode
        self._raw_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._duckdb = duckdb.connect(config={"threads": 1})
        # Planning took 7 ms a batch, however small: one struct instead of a column each, nothing to optimize.
        structs = _without_twins(contract.field_names)
        transforms = [f"json_transform(value, {_literal(_structure(struct.values()))})" for struct in structs]
        self._transform = f"select {', '.join(transforms)} from batch"
        self._places = [place for struct in structs for place in struct]
        self._duckdb.execute("pragma disable_optimizer")

    def parse(self, values: pa.Array, refused: Mapping[int, tuple[Reason, str]] = _NOTHING) -> Parsed:
        """Splits `values` (binary, null for a tombstone) into rows that land and records that do not.

        `refused`: records, by their index, that are none, and why.
        """
        bad: list[Bad] = []
        suspects, extra = self._check(values)
        for index in sorted({*suspects, *refused}):
            value = values[index].as_py()
            if (problem := refused.get(index) or classify(value, self._max_bytes)) is not None:
                bad.append(Bad(index, *problem))
                extra.pop(index, None)
            else:
                with deep_recursion():
                    extra[index] = self._unknown_fields(value)
        dropped = {record.index for record in bad}
        good = (
            pa.array([i for i in range(len(values)) if i not in dropped], pa.int64())
            if dropped
            else pa.array(range(len(values)), pa.int64())
        )
        texts = (values.take(good) if dropped else values).cast(pa.string())
        try:
            split = self._split(texts)
        except duckdb.Error:
            return self._parse_one_by_one(values, good, bad, extra)
        return Parsed(good, self._with_extra(split, good, extra), bad)

    def _check(self, values: pa.Array) -> tuple[list[int], dict[int, str]]:
        """(what needs the exact check: a superset of what cannot land; unknown fields of the others), by index."""
        strict, limit = self._strict, self._max_bytes
        records: list[bytes | None] = values.to_pylist()
        suspects: set[int] = set()
        extra: dict[int, str] = {}
        for index, value in enumerate(records):
            try:
                strict(value)  # type: ignore[arg-type]  # None raises TypeError, as it should
            except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError):
                # Mostly a field that the contract does not know: a check that is as strict finds it, at 2 µs, not 30.
                try:
                    extra[index] = self._unknown_fields(value)
                except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError):
                    suspects.add(index)
        if (pc.max(pc.binary_length(values)).as_py() or 0) > limit:
            suspects.update(i for i, value in enumerate(records) if value is not None and len(value) > limit)
        # One search over the whole buffer, 0.3 µs an event: the strict check takes the escape, Postgres does not.
        if _bytes_of(values).find(_NUL_ESCAPE) >= 0:
            suspects.update(i for i, value in enumerate(records) if value is not None and _NUL_ESCAPE in value)
        try:
            values.cast(pa.string())
        except pa.ArrowInvalid:
            suspects.update(i for i, value in enumerate(records) if value is not None and not _is_utf8(value))
        for index in suspects:
            extra.pop(index, None)
        return sorted(suspects), extra

    def _unknown_fields(self, value: bytes | None) -> str:
        """The fields that the contract does not know, as a JSON object with each value as sent; empty without any."""
        fields = self._raw_fields(value)  # type: ignore[arg-type]  # None raises TypeError, as it should
        unknown = [
            f"{json.dumps(name, ensure_ascii=False)}:{bytes(raw).decode()}"
            for name, raw in fields.items()
            if name not in self._known
        ]
        return "{" + ",".join(unknown) + "}" if unknown else ""

    def _split(self, texts: pa.Array) -> list[pa.Array]:
        """The contract's fields of JSON objects, a column each."""
        self._duckdb.register("batch", pa.table({"value": texts}))
        try:
            reader = self._duckdb.execute(self._transform).to_arrow_reader(len(texts) or 1)
            assert reader is not None  # a select has a result
            structs = reader.read_all()
        finally:
            self._duckdb.unregister("batch")
        split = [column for struct in structs.columns for column in struct.combine_chunks().flatten()]
        return [column for _, column in sorted(zip(self._places, split, strict=True), key=lambda placed: placed[0])]

    def _with_extra(self, split: list[pa.Array], good: pa.Array, extra: dict[int, str]) -> pa.RecordBatch:
        column = (
            pa.array([extra.get(index) or None for index in good.to_pylist()], pa.string())
            if extra
            else pa.nulls(len(good), pa.string())
        )
        return pa.RecordBatch.from_arrays([*split, column], names=[*self._columns, EXTRA_COLUMN])

    def _parse_one_by_one(self, values: pa.Array, good: pa.Array, bad: list[Bad], extra: dict[int, str]) -> Parsed:
        """Where DuckDB refuses the batch: the record at fault is set apart, the rest goes on."""
        rows: list[list[pa.Array]] = [self._split(pa.array([], pa.string()))]
        kept = []
        for index in good.to_pylist():
            try:
                rows.append(self._split(values.slice(index, 1).cast(pa.string())))
                kept.append(index)
            except duckdb.Error as error:
                bad.append(Bad(index, Reason.UNSTORABLE, type(error).__name__))
        columns = [pa.concat_arrays(column) for column in zip(*rows, strict=True)]
        landed = pa.array(kept, pa.int64())
        bad.sort(key=lambda record: record.index)
        return Parsed(landed, self._with_extra(columns, landed, extra), bad)


def _without_twins(names: Sequence[str]) -> list[dict[int, str]]:
    """Names with their places, those that differ in upper and lower case only apart: a struct of DuckDB has one."""
    structs: list[dict[int, str]] = []
    times: dict[str, int] = {}
    for place, name in enumerate(names):
        twin = times[name.lower()] = times.get(name.lower(), -1) + 1
        if twin == len(structs):
            structs.append({})
        structs[twin][place] = name
    return structs


def _structure(names: Iterable[str]) -> str:
    return json.dumps(dict.fromkeys(names, "VARCHAR"))


def _bytes_of(values: pa.Array) -> bytes:
    """The data of a binary array in one piece, without what lies outside of a slice."""
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return b""
    bounds = memoryview(offsets).cast("i")
    return bytes(memoryview(data)[bounds[values.offset] : bounds[values.offset + len(values)]])


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
