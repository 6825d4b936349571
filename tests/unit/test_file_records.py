"""Files as people have them: each row and line as it is meant, or set apart with what is wrong in words."""

from __future__ import annotations

import csv
import io
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from landfall.errors import UserError
from landing_stream import csv_file, text_lines
from landing_stream.contract import Contract, Field
from landing_stream.file_records import FileRecord, Refused, csv_records, line_records
from tests.growth import grows_too_fast
from warehouse.reference_sources import read_folder

FIELDS = ("id", "at", "action", "user")
THINGS = Contract(
    "things", "things", "", ("id",), "at", "iso8601", 1_000_000, tuple(Field(name, "") for name in FIELDS)
)
HEADER = "id,at,action,user\n"


def shown(records: list[FileRecord]) -> list[Any]:
    """Events as objects; what is none as (bytes, reason, detail)."""
    return [
        (each.value, str(each.reason), each.detail) if isinstance(each, Refused) else each and json.loads(each)
        for each in records
    ]


def read_csv(content: str | bytes) -> list[Any]:
    raw = content if isinstance(content, bytes) else content.encode()
    return shown(list(csv_records("a.csv", io.BytesIO(raw), THINGS)))


def read_lines(content: bytes) -> list[Any]:
    return shown(list(line_records("a.jsonl", io.BytesIO(content))))


def event(*cells: str | None) -> dict[str, str | None]:
    return dict(zip(FIELDS, cells, strict=True))


def test_a_stray_carriage_return_costs_its_own_row_alone() -> None:
    assert read_csv(HEADER + "a,1,view,u\nb,2,vi\rew,u\nc,3,view,u\r\n") == [
        event("a", "1", "view", "u"),
        (b"b,2,vi\rew,u", "not_csv", "line 3: a carriage return in a cell without quotes"),
        event("c", "3", "view", "u"),
    ]
    assert read_csv(HEADER + 'a,1,"vi\rew",u\n') == [event("a", "1", "vi\rew", "u")]


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_row_with_other_cells_than_the_header_says_how_many(end: str) -> None:
    assert read_csv(HEADER + f"a,1,view,u,\r\nb,2,view\nc,3,view,u{end}") == [
        (b"a,1,view,u,", "wrong_cell_count", "line 2: 5 cells, the header has 4"),
        (b"b,2,view", "wrong_cell_count", "line 3: 3 cells, the header has 4"),
        event("c", "3", "view", "u"),
    ]


def test_blanks_around_the_names_of_the_header_are_none_of_theirs_nor_of_the_values() -> None:
    assert read_csv('id , at,  "action" , user\na , 1, "view, all" ,u\nb,2, ,\n') == [
        event("a", "1", "view, all", "u"),
        event("b", "2", None, None),
    ]
    assert read_csv(HEADER + " a,1,view ,u\n") == [event(" a", "1", "view ", "u")]


def test_a_quote_without_an_end_costs_its_own_line_alone() -> None:
    unclosed = "a quote is opened and not closed"
    assert read_csv(HEADER + 'a,1,"view,u\nb,2,view,u\nc,3,"vi ""e"" w",u\nd,4,"view,u') == [
        (b'a,1,"view,u', "not_csv", f"line 2: {unclosed}"),
        event("b", "2", "view", "u"),
        event("c", "3", 'vi "e" w', "u"),
        (b'd,4,"view,u', "not_csv", f"line 5: {unclosed}"),
    ]


def test_a_cell_in_quotes_may_hold_line_ends() -> None:
    assert read_csv(HEADER + 'a,1,"view\n\r\nb,2",u\nb,2,"x\ny",u,more\n') == [
        event("a", "1", "view\n\r\nb,2", "u"),
        (b'b,2,"x\ny",u,more', "wrong_cell_count", "line 5: 5 cells, the header has 4"),
    ]


def test_quotes_without_an_end_cost_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_BYTES_READ_TWICE", 1_000_000)
    line = 'a,5","x\n'  # in quotes or not, it ends within quotes
    found = read_csv(HEADER + line * 40_000)
    assert len(found) == 40_000
    assert {(raw, reason) for raw, reason, _ in found} == {(line.strip().encode(), "not_csv")}
    assert found[-1][2] == "line 40,001: a line in the cell that the quote in line 5 opens and nothing closes"
    assert not grows_too_fast(read_csv, HEADER + line * 10_000, HEADER + line * 40_000)


def test_bytes_that_are_no_utf8_and_nul_characters_are_left_to_the_quarantine() -> None:
    assert read_csv(HEADER.encode() + "a,1,café,u\n".encode("latin-1") + b"b,2,\0,u\n") == [
        (b"a,1,caf\xe9,u", "invalid_utf8", "line 2: byte 7: invalid continuation byte"),
        event("b", "2", "\0", "u"),
    ]


def test_blank_lines_that_follow_each_other_are_one_record() -> None:
    for records in (
        read_csv(HEADER + "\n\na,1,view,u\n\n \n\nb,2,view,u\n\n\r\n"),
        read_lines(b"\n\n{}\n\n \n\n{}\n\n"),
    ):
        assert len(records) == 7
        assert (records[1], records[4], records[5]) == (None, None, None)
        assert records[0][:2] == records[3][:2] == (b"", "not_json")
    assert read_lines(b"{}\n\n{}\n\n\n{}") == [
        {}, (b"", "not_json", "line 2: blank"), {}, (b"", "not_json", "lines 4 to 5: blank"), None, {},
    ]  # fmt: skip


def test_a_column_without_a_name_is_called_by_its_place() -> None:
    assert read_csv("," + HEADER.strip() + ",,\n0,a,1,view,u,,\n,b,2,view,u,x,\n") == [
        {"column_1": "0"} | event("a", "1", "view", "u"),
        event("b", "2", "view", "u") | {"column_6": "x"},
    ]


def test_a_cell_beyond_all_measure_is_named_by_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    large = "x" * (csv_file.LARGEST_CELL + 1)
    [(raw, reason, detail), after] = read_csv(HEADER + f"a,1,{large},u\nb,2,view,u\n")
    assert (len(raw), reason) == (len(large) + 6, "too_large")
    assert detail == "line 2: a cell of more than 10,000,000 characters in column action"
    assert after == event("b", "2", "view", "u")
    assert read_csv(HEADER + f"a,1,{large[1:]},u\n") == [event("a", "1", large[1:], "u")]


def test_a_line_beyond_all_measure_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "LARGEST_LINE", 50)
    monkeypatch.setattr(text_lines, "_KEPT_OF_LARGER", 10)
    long = b'{"v":"' + b"x" * 130 + b'"}\n'
    records = read_lines(b"{}\n" + long + b"[]\n")
    assert (records[0], records[2]) == ({}, [])
    assert records[1][:2] == (long[:10], "too_large")
    records = read_csv(HEADER.encode() + long + b"a,1,view,u\n")
    assert records[0][:2] == (long[:10], "too_large")
    assert records[1] == event("a", "1", "view", "u")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "names no field of things"),
        (b"id;at;action;user\n", "line 1: the cells are separated by semicolons; say so by `--delimiter ';'`"),
        (b"\n\nid\tat\n", "line 3: the cells are separated by tabs; say so by `--delimiter 'tab'`"),
        (b"id,at,user,at \n", "line 1: the first line names 'at' twice, in columns 2 and 4; rename one"),
        (b"id,column_3,\n", "names 'column_3' twice, in columns 2 and 3"),
        (b"id,action\n", "does not name at, the event time of things"),
        (b"id,at\ra,1\rb,2\r", "line 1: lines end with a carriage return alone; end them with line feeds"),
        (b'id,"at\na,1\n', "line 1: the header cannot be read: a quote is opened and not closed"),
        ("id,at,größe\n".encode("latin-1"), "line 1: not UTF-8 (byte 8); save it as UTF-8"),
        ("id,at\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        ("id,at\n".encode("utf-16-be"), "is UTF-16: save it as UTF-8, as by `iconv -f UTF-16BE -t UTF-8`"),
        (b"PK\x03\x04rest", "is a ZIP archive or a spreadsheet"),
    ],
)
def test_a_csv_file_that_cannot_be_told_apart_is_refused_in_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UserError) as refusal:
        read_csv(content)
    assert sentence in str(refusal.value)
    assert str(refusal.value).startswith("a.csv")


def test_a_byte_order_mark_is_no_content() -> None:
    mark = b"\xef\xbb\xbf"
    assert read_lines(mark + b'{"id":"a"}\r\n{"id":"b"}\r\n') == [{"id": "a"}, {"id": "b"}]
    assert read_csv(mark + b'"id",at\na,1\n') == [{"id": "a", "at": "1"}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b'[\n  {"id":"a"},\n  {"id":"b"}\n',
            "line 4: the JSON cannot be read from here on (a comma or the",
        ),
        (b'[\n{"id":"a"}\n{"id":"b"}\n]', "line 3: the JSON cannot be read from here on (a comma or the"),
        (b'{\n  "id": "a"\n}\n{\n  "id": \n}', "line 6: the JSON cannot be read from here on (Expecting value)"),
        (
            b'[\n{"id":' + b"[" * 9_000 + b"]" * 9_000 + b"}]",
            "line 2: the JSON cannot be read from here on (it is",
        ),
        (b'[\n{"id": "' + b"x" * 100_000_000 + b'"}\n]', "JSON of more than 100,000,000 bytes"),
        ('{"id":"a"}\n'.encode("utf-16-le"), "is UTF-16: save it as UTF-8, as by `iconv -f UTF-16LE -t UTF-8`"),
        (b'{"id":"a"}\r{"id":"b"}\r', "lines end with a carriage return alone"),
        ('{"id":"a"}\n'.encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"\xfe\xff\0{", "is UTF-16: save it as UTF-8"),
        (b"\x1f\x8b\x08", "is packed by gzip: give it a name that ends with .gz"),
        (b"PAR1\x15\x04", "is a Parquet file"),
    ],
)
def test_a_file_that_is_no_lines_of_json_is_refused_in_one_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UserError) as refusal:
        read_lines(content)
    assert sentence in str(refusal.value)
    assert str(refusal.value).startswith("a.jsonl")


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b'[{"id":"a"},{"id":"b"}]\n', [b'{"id":"a"}', b'{"id":"b"}']),
        (b'\xef\xbb\xbf[\n  {"id": 1.10},\n  {"id":"]"}\n]', [b'{"id": 1.10}', b'{"id":"]"}']),
        (b'[{"id":"a"}\r\n,{"id":"b"}\r\n]', [b'{"id":"a"}', b'{"id":"b"}']),
        (b'[\n{"a":1}, 2, "x", null, [3], NaN\n]\n', [b'{"a":1}', b"2", b'"x"', b"null", b"[3]", b"NaN"]),
        (b'\n{\n  "id": "a"\n}\n', [b'{\n  "id": "a"\n}']),
        (b'{"id": "a",\n "at": 1}\n{"id": "b",\n "at": 2}', [b'{"id": "a",\n "at": 1}', b'{"id": "b",\n "at": 2}']),
        (b'[\n{"id":"\xe9"}\n]', [b'{"id":"\xe9"}']),
        (b"[\n]", []),
    ],
)
def test_an_array_gives_its_elements_and_objects_over_many_lines_themselves(
    content: bytes, records: list[bytes]
) -> None:
    assert list(line_records("a.json", io.BytesIO(content))) == records


def test_what_a_document_holds_is_what_json_says_of_it() -> None:
    rng = random.Random(7)
    signs = ['"', "\\", "[", "]", "{", "}", ",", "\n", "é", "x", ":"]
    for _ in range(300):
        events: list[dict[str, object]] = [
            {"".join(rng.choices(signs, k=3)): rng.choice([1, None, [{}], "".join(rng.choices(signs, k=9))])}
            for _ in range(rng.randrange(1, 6))
        ]
        spelled = [json.dumps(event, indent=rng.choice([None, 1]), ensure_ascii=rng.random() < 0.5) for event in events]
        array = "[\n" + ", ".join(spelled) + rng.choice(["", "\n"]) + "]"
        assert list(line_records("a.json", io.BytesIO(array.encode()))) == [each.encode() for each in spelled]
        apart = [json.dumps(event, indent=2) for event in events]
        content = io.BytesIO("\n".join(apart).encode())
        assert list(line_records("a.json", content)) == [each.encode() for each in apart]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
def test_cells_may_be_separated_by_any_sign(delimiter: str) -> None:
    rows = [["id", "at", "action"], ["a", f"x{delimiter}y", 'so "it" is'], ["b", "1,2", "line\nend"], ["c", "", "z"]]
    content = io.StringIO()
    csv.writer(content, delimiter=delimiter, lineterminator="\n").writerows(rows)
    records = csv_records("a.csv", io.BytesIO(content.getvalue().encode()), THINGS, delimiter)
    expected = [dict(zip(rows[0], [cell or None for cell in row], strict=True)) for row in rows[1:]]
    assert [json.loads(record) for record in records if isinstance(record, bytes)] == expected


def test_tabs_separate_the_cells_of_a_file_that_says_so_by_its_name() -> None:
    [record] = csv_records("a.TSV.gz", io.BytesIO(b"id\tat\na,b\t1\n"), THINGS)
    assert record == b'{"id":"a,b","at":"1"}'


@pytest.mark.parametrize(
    "content",
    [b'{"id":"a"\n{"id":"b"}', b"[1]\n{}", b"[1]", b'{"id":"a"},\n{"id":"b"},', b'{"a":1}{"b":2}', b'[{}]\n{"id":"a"}'],
)
def test_a_first_line_that_is_no_record_does_not_refuse_the_file(content: bytes) -> None:
    assert list(line_records("a.jsonl", io.BytesIO(content))) == content.split(b"\n")


class HeaderAndBlankLines(io.RawIOBase):
    """A file of one line and 100,000 blank ones, which takes no memory itself."""

    left = 100_000

    def readline(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        return b"id,at\n" if self.left == 99_999 else b"\r\n" if self.left > 0 else b""


@pytest.mark.parametrize("read", [line_records, lambda name, file: csv_records(name, file, THINGS)])
def test_blank_lines_take_no_memory(read: Callable[[str, BinaryIO], Iterator[FileRecord]]) -> None:
    tracemalloc.start()
    assert len(list(read("a", cast(BinaryIO, HeaderAndBlankLines())))) <= 1
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_master_data_is_read_by_the_same_rules(tmp_path: Path) -> None:
    long = "x" * 140_000  # Python's own limit of a cell is 131,072 characters
    (tmp_path / "job.csv").write_text(f'id , title\n\n1, {long}\n2,"two\nlines"\n', encoding="utf-8-sig")
    values = [record.values for record in read_folder(tmp_path, ["job"])["job"]]
    assert values == [{"id": "1", "title": long}, {"id": "2", "title": "two\nlines"}]
    for content, sentence in (
        (f"id,title\n1,a\n2,{long * 80}\n", "job.csv:3: a cell of more than 10,000,000 characters in column title."),
        ("id,title\n1,a,b\n", "job.csv:2: 3 cells, the header has 2."),
        ('id,title\n1,"a\n2,b\n', "job.csv:2: a quote is opened and not closed."),
        ("id,title,title\n", "job.csv, line 1: the first line names 'title' twice, in columns 2 and 3; rename one."),
        ("id;title\n1;a\n", "job.csv, line 1: the cells are separated by semicolons; write commas between them."),
        ("id,title\n1,a\0\n", "job.csv:2: a NUL character in column title, which Postgres cannot store."),
    ):
        (tmp_path / "job.csv").write_text(content)
        with pytest.raises(UserError) as refusal:
            read_folder(tmp_path, ["job"])
        assert str(refusal.value) == f"{tmp_path}/{sentence}"
