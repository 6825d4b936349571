"""What a replayed file becomes: keys and values, line by line."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from landfall.errors import UserError
from landing_stream.contract import load_contracts
from simulator.records import Record, records
from simulator.replay import ordered

JOBS = load_contracts()["job_tracking"]
VIEWS = load_contracts()["product_views"]


def read(path: Path, content: bytes, contract: object = JOBS) -> list[Record]:
    path.write_bytes(content)
    return list(records(path, contract))  # type: ignore[arg-type]


def test_csv_blanks_are_null_and_values_stay_text(tmp_path: Path) -> None:
    [(key, value)] = read(tmp_path / "a.csv", b"create_time,bid,custom_track,job_id\nabc,1.0,,188.0\n")
    assert key == b"abc"
    assert json.loads(value) == {"create_time": "abc", "bid": "1.0", "custom_track": None, "job_id": "188.0"}


def test_csv_columns_that_the_contract_does_not_know_are_kept(tmp_path: Path) -> None:
    [(_, value)] = read(tmp_path / "a.csv", b"create_time,colour\nabc,red\n")
    assert json.loads(value)["colour"] == "red"


def test_csv_cells_may_hold_commas_quotes_line_ends_and_any_language(tmp_path: Path) -> None:
    content = 'create_time,dt\nabc,"Koch, ""Küche""\nund 東京"\nd,e\n'.encode()
    first, second = read(tmp_path / "a.csv", content)
    assert json.loads(first[1])["dt"] == 'Koch, "Küche"\nund 東京'
    assert second[0] == b"d"


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path: Path) -> None:
    [(key, value)] = read(tmp_path / "a.csv", b"\xef\xbb\xbfcreate_time,bid\r\nabc,\r\n")
    assert (key, json.loads(value)) == (b"abc", {"create_time": "abc", "bid": None})


@pytest.mark.parametrize("line", [b"only one cell", b"a,b,c", b"\xff\xfe,1", b""])
def test_a_csv_line_that_is_no_record_is_given_as_it_stands(tmp_path: Path, line: bytes) -> None:
    found = read(tmp_path / "a.csv", b"create_time,bid\nx,1\n" + line + b"\ny,2\n")
    assert [value for _, value in found][1] == line
    assert [key for key, _ in found] == [b"x", None, b"y"]


def test_empty_lines_at_the_end_are_no_records(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.csv", b"create_time,bid\nx,1\n\n\n")) == 1
    assert len(read(tmp_path / "a.jsonl", b'{"create_time":"x"}\n\r\n\n')) == 1
    assert read(tmp_path / "a.jsonl", b"") == []


def test_jsonl_lines_are_given_byte_for_byte(tmp_path: Path) -> None:
    lines = [b'{"create_time": "x",  "n": 1.10}', b"no record", b"", b"\xff", b" [1]", b'{"create_time":"y"}']
    found = read(tmp_path / "a.jsonl", b"\n".join(lines))
    assert [value for _, value in found] == lines
    assert [key for key, _ in found] == [b"x", None, None, None, None, b"y"]


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"id": "a", "_id": "b"}, b"a"),
        ({"id": "", "_id": "b"}, b"b"),
        ({"id": None, "_id": "b"}, b"b"),
        ({"id": 7}, b"7"),
        ({"id": "", "_id": ""}, None),
        ({}, None),
    ],
)
def test_the_key_is_the_first_key_field_that_is_set(tmp_path: Path, event: dict[str, object], key: bytes) -> None:
    [(found, _)] = read(tmp_path / "a.jsonl", json.dumps(event).encode(), VIEWS)
    assert found == key


@pytest.mark.parametrize(
    ("fields", "event", "key"),
    [
        ((("a", "b"),), {"a": "x", "b": "yz"}, b"1:x,2:yz,"),
        ((("a", "b"),), {"a": "xy", "b": "z"}, b"2:xy,1:z,"),
        ((("a", "b"),), {"a": "é", "b": 7}, "1:é,1:7,".encode()),
        ((("a", "b"),), {"a": "x", "b": ""}, None),
        ((("a", "b"),), {"a": "x", "b": None}, None),
        ((("a", "b"), "c"), {"a": "x", "c": "1:x,2:yz,"}, b"9:1:x,2:yz,,"),
        ((), {"a": "x"}, None),
    ],
)
def test_a_key_of_several_fields_tells_apart_what_they_tell_apart(
    tmp_path: Path, fields: tuple[str | tuple[str, ...], ...], event: dict[str, object], key: bytes | None
) -> None:
    [(found, _)] = read(tmp_path / "a.jsonl", json.dumps(event).encode(), replace(VIEWS, key_fields=fields))
    assert found == key


def test_gzipped_files_are_read_alike(tmp_path: Path) -> None:
    [(key, _)] = read(tmp_path / "a.csv.gz", gzip.compress(b"create_time\nabc\n", mtime=0))
    assert key == b"abc"


def test_a_shuffle_keeps_every_record_and_repeats_with_its_seed(tmp_path: Path) -> None:
    content = b"".join(b'{"create_time":"%d"}\n' % number for number in range(200))
    path = tmp_path / "a.jsonl"
    straight = read(path, content)
    once, again, other = (list(ordered(records(path, JOBS), seed)) for seed in (1, 1, 2))
    assert once == again
    assert sorted(once) == sorted(straight)
    assert straight not in (once, other)
    assert once != other


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"create_time,bid\n" + b"x,1\n" * 100_000)
    found = records(path, JOBS)
    next(found)
    # One record was asked for: a reader that had taken the whole file would have nothing left to notice this.
    path.write_bytes(b"")
    assert sum(1 for _ in found) < 100_000


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", None, "there is no such file"),
        ("a.parquet", b"", "replay reads .csv, .tsv, .jsonl, .ndjson, .json files"),
        ("a.gz", b"", "replay reads .csv, .tsv, .jsonl, .ndjson, .json files"),
        ("a.csv", b"", "names no field of job_tracking"),
        ("a.csv", b"colour,size\n1,2\n", "names no field of job_tracking"),
        ("a.csv", b"bid,bid\n1,2\n", "names 'bid' twice"),
        ("a.csv.gz", b"create_time\nabc\n", "not a whole gzip file"),
        ("a.csv.gz", gzip.compress(b"create_time\n" + b"abc\n" * 99, mtime=0)[:-12], "not a whole gzip file"),
    ],
)
def test_a_file_that_cannot_be_replayed_gets_one_clear_sentence(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as refusal:
        list(records(path, JOBS))
    assert sentence in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        list(records(tmp_path, JOBS))
