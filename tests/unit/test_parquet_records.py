"""Rows of Parquet become JSON objects, whatever Arrow can hold; what unpacks to more than events would is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from landfall.errors import UserError
from landing_stream import unpacking
from landing_stream.arrow_json import _date
from landing_stream.classify import classify
from landing_stream.contract import Contract, Field
from landing_stream.file_records import FileRecord
from landing_stream.parquet_records import parquet_records
from simulator.records import records

THINGS = Contract("things", "things", "", ("id",), "id", "iso8601", 1_000_000, (Field("id", ""), Field("v", "")))
YEAR_12000 = 316_516_204_800  # seconds since 1970
BAD_TEXT = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])


def written(table: pa.Table, **given: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **given)
    return file.getvalue()


def read(content: bytes, first: int = 0) -> list[FileRecord]:
    return list(parquet_records("a.parquet", io.BytesIO(content), len(content), THINGS, first))


def of_column(values: pa.Array) -> list[FileRecord]:
    return read(written(pa.table({"id": pa.array(["x"] * len(values)), "v": values})))


def landed(values: pa.Array) -> Any:
    """What the last of these values is in the JSON object of its row."""
    record = of_column(values)[-1]
    assert isinstance(record, bytes)
    return json.loads(record, parse_float=Decimal).get("v")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pa.array([0, YEAR_12000 * 10**6], pa.timestamp("us", "UTC")), "12000-01-01T00:00:00Z"),
        (pa.array([0, YEAR_12000 * 1000 + 7], pa.timestamp("ms")), "12000-01-01T00:00:00.007000"),
        (pa.array([-(10**17)], pa.timestamp("us", "Europe/Berlin")), "-1199-02-15T14:13:20Z"),
        (pa.array([253_402_300_799], pa.timestamp("s", "Pacific/Auckland")), "9999-12-31T23:59:59Z"),
        (pa.array([0], pa.timestamp("us", "Mars/Olympus")), "1970-01-01T00:00:00Z"),
        (pa.array([1], pa.timestamp("us", "+05:30")), "1970-01-01T05:30:00.000001+05:30"),
        (pa.array([1_999], pa.timestamp("ns")), "1970-01-01T00:00:00.000001"),
        (pa.array([[1_999]], pa.list_(pa.timestamp("ns"))), ["1970-01-01T00:00:00.000001"]),
        (pa.array([[1_999]], pa.list_(pa.timestamp("ns"), 1)), ["1970-01-01T00:00:00.000001"]),
        (pa.array([[1_999]], pa.large_list(pa.duration("ns"))), ["PT0.000001S"]),
        (pa.array([[("k", 1_999)]], pa.map_(pa.string(), pa.time64("ns"))), {"k": "00:00:00.000001"}),
        (pa.array([[("k", YEAR_12000)]], pa.map_(pa.string(), pa.timestamp("s"))), {"k": "12000-01-01T00:00:00"}),
        (pa.array([2**31 - 1], pa.date32()), "5881580-07-11"),
        (pa.array([-719_529], pa.date32()), "-0001-12-31"),
        (pa.array([2**62], pa.duration("s")), "PT4611686018427387904S"),
        (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
        (pa.array([1.5], pa.float16()), Decimal("1.5")),
        (pa.array([Decimal("1E-70")], pa.decimal256(76, 70)), Decimal("1E-70")),
        (pa.array([{"a": [float("nan"), float("-inf")]}]), {"a": ["NaN", "-Infinity"]}),
        (pa.array([b"\xff"], pa.binary_view()), "/w=="),
        (pa.array(["a", None], pa.string_view()), None),
        (pa.array([[1]], pa.list_view(pa.int8())), [1]),
        (pa.array(["b", "a"]).dictionary_encode(), "a"),
        (pa.array([[(1, 1), (1, 2)]], pa.map_(pa.int8(), pa.int8())), {"1": 2}),
        (pa.array([[({"x": 1}, 2)]], pa.map_(pa.struct([("x", pa.int8())]), pa.int8())), {'{"x":1}': 2}),
        (pa.array([[(True, 2)]], pa.map_(pa.bool_(), pa.int8())), {"true": 2}),
        (pa.array([b"a" * 16], pa.uuid()), "61616161-6161-6161-6161-616161616161"),
        (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), {"a": 2}),
    ],
)  # fmt: skip
def test_a_value_lands_though_python_has_no_type_for_it(value: pa.Array, expected: Any) -> None:
    assert landed(value) == expected


def test_a_text_that_is_no_utf8_costs_its_own_row_alone() -> None:
    texts = pa.concat_arrays([pa.array(["a"]), BAD_TEXT, pa.array(["é"])])
    for values in (
        texts,
        pa.StructArray.from_arrays([texts], names=["deep"]),
        pa.ListArray.from_arrays([0, 1, 2, 3], texts),
    ):
        first, bad, last = of_column(values)
        assert isinstance(bad, bytes)
        assert b'"\xff\xfe"' in bad
        problem = classify(bad, 1_000)
        assert problem is not None
        assert problem[0] == "invalid_utf8"
        assert all(isinstance(record, bytes) and classify(record, 1_000) is None for record in (first, last))


def test_rows_are_the_same_wherever_reading_begins_and_however_they_are_grouped() -> None:
    count = 7_000
    table = pa.table(
        {
            "id": [f"id {number}" for number in range(count)],
            "v": [None if number % 7 == 0 else ["x" * (number % 5), "y"] for number in range(count)],
            "at": pa.array(
                [YEAR_12000 if number % 1_000 == 0 else number for number in range(count)], pa.timestamp("s")
            ),
        }
    )
    whole = read(written(table))
    assert [json.loads(record)["id"] for record in whole if isinstance(record, bytes)] == table.column("id").to_pylist()
    assert read(written(table, row_group_size=900, use_dictionary=False), 4_321) == whole[4_321:]
    assert read(written(table), count) == []


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (pa.table({"v": [1]}), "has no column id, the event time of things"),
        (pa.table({}), "has no column id"),
        (pa.Table.from_arrays([pa.array(["a"])] * 3, names=["id", "v", "v"]), "has the column 'v' twice; rename one"),
    ],
)
def test_a_file_that_is_not_of_the_stream_is_refused(table: pa.Table, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read(written(table))


READ = """
import resource, sys
from pathlib import Path
from landfall.errors import UserError
from tests.unit.test_parquet_records import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    try:
        read(Path(name).read_bytes())
    except UserError as refusal:
        print(refusal)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_what_unpacks_to_more_than_events_do_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.nulls(5_000, pa.int32()).fill_null(0), ["x" * 200_000])
    bombs = {
        "a text of all rows": {"id": texts},
        "a list of a text": {"id": ["x"], "v": pa.ListArray.from_arrays([0, 5_000], texts)},
        "a list of numbers": {
            "id": ["x"],
            "v": pa.ListArray.from_arrays([0, 1 << 25], pa.nulls(1 << 25).cast("int8").fill_null(0)),
        },
        "bytes of fixed length": {"id": ["x"] * 2_000, "v": pa.array([b"y" * 100_000] * 2_000, pa.binary(100_000))},
    }
    for name, columns in bombs.items():
        pq.write_table(pa.table(columns), tmp_path / name, compression="zstd", store_schema=False)
        assert (tmp_path / name).stat().st_size < 100_000
    given = [str(tmp_path / name) for name in bombs]
    done = subprocess.run([sys.executable, "-c", READ, *given], capture_output=True, text=True, check=True)
    *sentences, megabytes = done.stdout.splitlines()
    assert len(sentences) == len(bombs)
    assert all(each.startswith("a.parquet: unpacked it is more than 134,217,728 bytes, of ") for each in sentences)
    assert int(megabytes) < 400


def test_a_large_file_of_events_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_ALWAYS", 1_000)
    content = written(pa.table({"id": [f"{number:040}" for number in range(20_000)]}))
    assert len(read(content)) == 20_000


def test_gzip_that_unpacks_to_more_than_events_do_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_ALWAYS", 100_000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 99_000 + b"{}\n"))
    assert len(list(records(path, THINGS))) == 2
    path.write_bytes(gzip.compress(b"\n" * 101_000 + b"{}\n"))
    with pytest.raises(UserError, match=r"a\.jsonl\.gz: unpacked it is more than 100,000 bytes, of \d+: events do not"):
        list(records(path, THINGS))
    path.write_bytes(b"".join(gzip.compress(b'{"id":"%d"}\n' % number) for number in range(3)))
    assert len(list(records(path, THINGS))) == 3
    for damaged in (b"", path.read_bytes() + b"more", path.read_bytes()[:-3], b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"a\.jsonl\.gz: not a whole gzip file"):
            list(records(path, THINGS))


def test_dates_of_all_years_agree_with_python_where_it_knows_them() -> None:
    for day in (dt.date.min, dt.date(1600, 2, 29), dt.date(1969, 12, 31), dt.date(2000, 3, 1), dt.date.max):
        assert _date((day - dt.date(1970, 1, 1)).days) == day.isoformat()
