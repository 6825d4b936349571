"""The whole sample, read by the landing's own readers: what stands in a table here is what will land."""

from __future__ import annotations

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa

from landfall.errors import UserError
from landing_stream.classify import deep_recursion
from landing_stream.contract import Contract, Field
from landing_stream.csv_file import CsvFile
from landing_stream.file_records import DELIMITER_OPTION
from landing_stream.parse import Bad, Parser
from landing_stream.unpacking import unpacked
from simulator.records import file_type, records

MAX_VALUE_BYTES = 1_000_000
"""What the contract will allow: what Kafka takes as it comes out of the box."""
MOST_FIELDS = 500
"""Postgres has 1,600 columns a table. A record with more names than this uses values as names."""
_BATCH = 2_000
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_KINDS = {'"': "text", "{": "object", "[": "list", "t": "boolean", "f": "boolean", "n": "null"}
# A name of a column, and no number, date or address.
_NO_NAME = re.compile(
    r"[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}.*"
    r"|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@\s]+@[^@\s]+\.[^@\s]+|[0-9]{1,3}(\.[0-9]{1,3}){3}"
)


@dataclass(frozen=True)
class Batch:
    """Some of the sample's records: the fields as they land, by name, one text or None a record, and what is none."""

    columns: dict[str, list[str | None]]
    rows: int
    bad: list[Bad]


@dataclass
class Sample:
    """A file of records of one stream. Reading it again costs time and no memory.

    `fields`: names in the order they are first seen, with the kinds of JSON value that each held.
    """

    path: Path
    delimiter: str | None = None
    fields: dict[str, Counter[str]] = field(default_factory=dict)

    def contract(self) -> Contract:
        """A contract that knows every field, for the readers; key and time are nobody's yet."""
        return Contract(
            stream="sample",
            topic="sample",
            description="",
            key_fields=(),
            event_time_field=next(iter(self.fields), ""),
            event_time_unit="iso8601",
            max_value_bytes=MAX_VALUE_BYTES,
            fields=tuple(
                Field(name=name, description="", physical_name=f"column_{place}")
                for place, name in enumerate(self.fields)
            ),
        )

    def batches(self) -> Iterator[Batch]:
        """The whole sample, in its order."""
        parser = Parser(self.contract())
        values = (value for _, value in records(self.path, self.contract(), delimiter=self.delimiter))
        while chunk := list(itertools.islice(values, _BATCH)):
            parsed = parser.parse(pa.array(chunk, pa.binary()))
            texts = {name: parsed.columns.column(place).to_pylist() for place, name in enumerate(self.fields)}
            yield Batch(texts, len(parsed.good), parsed.bad)


def open_sample(path: Path, delimiter: str | None = None) -> Sample:
    """The sample of a path, with the names of all its fields, those that appear at its end too.

    `delimiter`: of the cells of a CSV file; by default a comma, in a file called .tsv a tab.

    Raises UserError for a file that `landfall replay` would not read, for one without a record, and for a header that
    is none.
    """
    sample = Sample(path, delimiter)
    kind = file_type(path)
    if kind in (".csv", ".tsv"):
        names = _header(path, delimiter or ("\t" if kind == ".tsv" else ","))
        sample.fields = {name: Counter() for name in names}
    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    found = 0
    for _, value in records(path, sample.contract(), delimiter=delimiter):
        try:
            with deep_recursion():
                raw = decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        found += 1
        for name, content in raw.items():
            kinds = sample.fields.get(name)
            if kinds is None:
                kinds = sample.fields[name] = Counter()
                if len(sample.fields) > MOST_FIELDS:
                    raise UserError(
                        f"{path}: its records have more than {MOST_FIELDS} different names, so some of these are values"
                        " (such as the id of a thing): put them into a field each, or into one object."
                    )
            kinds[_KINDS.get(chr(bytes(content)[0]), "number")] += 1
    # No field can be called so: what has no name lands in `extra`, a record with NUL in one in the quarantine.
    sample.fields = {name: kinds for name, kinds in sample.fields.items() if name and "\0" not in name}
    if not found:
        raise UserError(f"{path}: there is no record in it that could land: a stream is made from a sample of some.")
    return sample


def _header(path: Path, delimiter: str) -> list[str]:
    """The names of a CSV file's first line. Raises UserError where these are none."""
    try:
        with path.open("rb") as stored:
            file = unpacked(str(path), stored, path.stat().st_size) if path.suffix.lower() == ".gz" else stored
            names = CsvFile(str(path), file, (), delimiter).header
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}): is it whole?") from error
    if not names:
        raise UserError(f"{path}: it is empty: a stream is made from a sample of some records.")
    if len(names) == 1:
        for other, words in _DELIMITERS.items():
            if other in names[0]:
                shown = DELIMITER_OPTION.format("tab" if other == "\t" else other)
                raise UserError(f"{path}, line 1: the cells are separated by {words}; {shown}.")
    if wrong := [place for place, name in enumerate(names, start=1) if _NO_NAME.fullmatch(name)]:
        raise UserError(
            f"{path}, line 1: column {wrong[0]} is called by a value, so this is a record and no header: write a first"
            " line with the names of the columns."
        )
    return names
