"""Records become columns as they were sent, in batches, and what cannot land is set apart."""

import json
import math
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from landing_stream.classify import MAX_DEPTH, classify
from landing_stream.contract import Contract, Field
from landing_stream.parse import Parser

LIMIT = 100_000


def contract(*names: str, limit: int = LIMIT) -> Contract:
    fields = tuple(Field(name, "a field") for name in names)
    return Contract("things", "things", "", (names[0],), names[0], "iso8601", limit, fields)


PARSER = Parser(contract("id", "v", "dotted.name"))


def land(*values: bytes | None, parser: Parser = PARSER) -> list[dict[str, Any]]:
    """The rows that these records become, all of which land."""
    parsed = parser.parse(pa.array(values, pa.binary()))
    assert parsed.bad == []
    return parsed.columns.to_pylist()


def landed_value(raw: bytes) -> Any:
    """What a JSON value is in the column of its field."""
    [row] = land(b'{"v":%b}' % raw)
    return row["v"]


@pytest.mark.parametrize(
    ("sent", "landed"),
    [
        (b'"text"', "text"),
        (b'""', ""),
        (b'"null"', "null"),
        (rb'"caf\u00e9 \ud83d\ude00 \"quoted\" a\/b\n"', 'café 😀 "quoted" a/b\n'),
        (rb'"a backslash and u0000: \\u0000"', "a backslash and u0000: \\u0000"),
        ('"東京"'.encode(), "東京"),
        (rb'"{\"a\":1}"', '{"a":1}'),
        (b"true", "true"),
        (b"false", "false"),
        (b"null", None),
        (b"0", "0"),
        (b"-7", "-7"),
        (b"18446744073709551616", "18446744073709551616"),
        (b"-123456789012345678901234567890", "-123456789012345678901234567890"),
        (b"1591266092.5", "1591266092.5"),
    ],
)
def test_a_scalar_lands_as_sent(sent: bytes, landed: str | None) -> None:
    assert landed_value(sent) == landed


@pytest.mark.parametrize(
    "sent",
    [b"1.10", b"1E5", b"-0.0", b"0.1234567890123456789", b"1e22", b"5e-324", b"1e-400", b"100000000000000000000.0"],
)
def test_a_number_with_a_fraction_or_an_exponent_lands_as_a_text_of_equal_double_value(sent: bytes) -> None:
    landed = float(landed_value(sent))
    assert landed == float(sent)
    assert math.copysign(1, landed) == math.copysign(1, float(sent))


def test_a_number_beyond_the_doubles_keeps_its_text() -> None:
    assert Decimal(landed_value(b"1e400")) == Decimal("1e400")


@pytest.mark.parametrize(
    "sent",
    [
        b"[]",
        b"{}",
        b'[1, 2.50, {"a": [null, true, "x"]}]',
        rb'{"name \u00e9": "\"", "deep": {"n": 12345678901234567890123}}',
    ],
)
def test_a_nested_value_lands_as_json_of_equal_value(sent: bytes) -> None:
    assert json.loads(landed_value(sent)) == json.loads(sent)


def test_null_and_absent_are_both_null() -> None:
    assert [row["v"] for row in land(b'{"v":null}', b"{}", b'{"id":"a"}')] == [None, None, None]


def test_fields_that_the_contract_does_not_know_are_kept_as_sent() -> None:
    [row] = land(rb'{"new":{"a": [1, 2.50, "\u00e9"]}, "v":1, "other":1.10, "big":12345678901234567890123}')
    assert row["v"] == "1"
    assert row["extra"] == rb'{"new":{"a": [1, 2.50, "\u00e9"]},"other":1.10,"big":12345678901234567890123}'.decode()


def test_names_are_known_by_their_exact_letters() -> None:
    [row] = land(b'{"V":1,"ID":2,"v ":3}')
    assert row["v"] is None
    assert json.loads(row["extra"]) == {"V": 1, "ID": 2, "v ": 3}


def test_names_of_unknown_fields_may_be_any_text() -> None:
    value = {"": 1, 'quo"te': 2, "東京": 3, "line\nend": 4}
    [row] = land(json.dumps(value).encode())
    assert json.loads(row["extra"]) == value


def test_names_that_differ_in_case_only_are_two() -> None:
    parser = Parser(contract("v", "V", "other", "OTHER", "Other"))
    [first, second] = land(b'{"V":1,"v":2,"Other":3,"OTHER":4,"new":{"v":5}}', b'{"v":6,"OTHEr":7}', parser=parser)
    assert first == {"v": "2", "V": "1", "other": None, "OTHER": "4", "Other": "3", "extra": '{"new":{"v":5}}'}
    assert second == dict.fromkeys(("V", "other", "OTHER", "Other")) | {"v": "6", "extra": '{"OTHEr":7}'}


def test_a_field_lands_in_the_column_that_its_contract_names() -> None:
    known = contract("id", "extra", "ctid")
    columns = {"extra": "more", "ctid": "row_ctid"}
    fields = tuple(replace(field, physical_name=columns.get(field.name)) for field in known.fields)
    [row] = land(b'{"extra":1,"more":2,"ctid":3}', parser=Parser(replace(known, fields=fields)))
    assert row == {"id": None, "more": "1", "row_ctid": "3", "extra": '{"more":2}'}


@pytest.mark.parametrize("seed", range(40))
def test_whatever_fields_are_called_each_value_lands_in_the_column_of_its_own(seed: int) -> None:
    rng = random.Random(seed)
    names = some_names(rng)
    known = [name for name in names if rng.random() < 0.8] or names
    fields = tuple(Field(name, "a field", physical_name=f"c{place}") for place, name in enumerate(known))
    parser = Parser(replace(contract("id"), fields=fields))
    events = [
        {name: f"{name} {number}" for name in rng.sample(names, len(names)) if rng.random() < 0.9}
        for number in range(9)
    ]
    rows = land(*(json.dumps(event, ensure_ascii=rng.random() < 0.5).encode() for event in events), parser=parser)
    for event, row in zip(events, rows, strict=True):
        extra = json.loads(row.pop("extra") or "{}")
        assert list(row.values()) == [event.get(name) for name in known]
        assert extra == {name: value for name, value in event.items() if name not in known}


def some_names(rng: random.Random) -> list[str]:
    """Distinct names of signs that mean something to somebody on the way, with twins in upper and lower case."""
    signs = [
        *"aAbB.@$%/*[]{}()'\"\\ :,;-_?&#0\n\t\x01\x7f",
        "é",
        "É",
        "ß",
        "İ",
        "ı",
        "日",
        "😀",
        "select",
        "load_id",
        "f0",
    ]
    names = {"".join(rng.choices(signs, k=rng.choice([1, 2, 3, 40]))) for _ in range(rng.randrange(1, 40))}
    names |= {name.swapcase() for name in names if rng.random() < 0.5}
    return rng.sample(sorted(names), len(names))


def test_an_escaped_name_is_the_name() -> None:
    assert land(rb'{"\u0076":"x"}')[0] == {"id": None, "v": "x", "dotted.name": None, "extra": None}


def test_a_dot_in_a_name_is_no_path() -> None:
    [row] = land(b'{"dotted.name":"x","dotted":{"name":"y"}}')
    assert row["dotted.name"] == "x"
    assert json.loads(row["extra"]) == {"dotted": {"name": "y"}}


def test_of_a_name_that_stands_twice_one_value_lands() -> None:
    [row] = land(b'{"id":"a","id":"b","new":1,"new":2}')
    assert row["id"] in ("a", "b")
    assert json.loads(row["extra"]) in ({"new": 1}, {"new": 2})


def test_a_field_may_have_a_name_that_is_a_keyword_of_any_language() -> None:
    parser = Parser(contract("class", "select", "None", "it's"))
    [row] = land(b'{"class":1,"select":2,"None":3,"it\'s":4}', parser=parser)
    assert row == {"class": "1", "select": "2", "None": "3", "it's": "4", "extra": None}


def test_an_empty_batch_has_the_columns_of_any_other() -> None:
    empty, full = PARSER.parse(pa.array([], pa.binary())), PARSER.parse(pa.array([b"{}"], pa.binary()))
    assert empty.columns.num_rows == 0
    assert empty.columns.schema == full.columns.schema


def test_a_batch_of_nothing_but_bad_records_has_no_rows() -> None:
    parsed = PARSER.parse(pa.array([None, b"x", b"[]"], pa.binary()))
    assert parsed.columns.num_rows == 0
    assert [(bad.index, str(bad.reason)) for bad in parsed.bad] == [
        (0, "tombstone"),
        (1, "not_json"),
        (2, "not_object"),
    ]


def test_the_contracts_limit_decides_what_is_too_large() -> None:
    parser = Parser(contract("v", limit=20))
    parsed = parser.parse(pa.array([b'{"v":"12345678901"}', b'{"v":"1234567890123"}'], pa.binary()))
    assert parsed.good.to_pylist() == [0]
    assert [str(bad.reason) for bad in parsed.bad] == ["too_large"]


def test_a_batch_is_what_its_records_are_one_by_one() -> None:
    """The batch is checked and split by faster means than a single record; both must agree for every mixture."""
    good = [
        b"{}",
        b'{"id":"a","v":1}',
        b'{"v":{"x":[1]},"new":1.10}',
        b'{"v":1e400}',
        b'{"new":"\\u00e9"}',
        b'{"v":"\\\\u0000"}',
        b'{"v":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        b'{"new":' + b'{"a":' * (MAX_DEPTH - 1) + b"1" + b"}" * MAX_DEPTH,
    ]
    bad = [
        None,
        b"",
        b"[]",
        b'{"v":NaN}',
        b'{"v":[1,]}',
        b'{"v":"\\u0000"}',
        b'{"new":{"a":"\\u0000"}}',
        b'{"v":"\\ud83d"}',
        b'{"new":["\\udc00"]}',
        b'{"v":"\xff"}',
        b'{"new":"\xff"}',
        b'\xef\xbb\xbf{"v":1}',
        b'{"v":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"new":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"v":"' + b"x" * LIMIT + b'"}',
    ]
    rng = random.Random(1)
    for _ in range(20):
        values = rng.choices(good, k=12) + rng.choices(bad, k=rng.randrange(6))
        rng.shuffle(values)
        # A slice of a larger array, as a reader hands it over.
        parsed = PARSER.parse(pa.array([b"before", *values, None], pa.binary()).slice(1, len(values)))
        expected = {index: classify(value, LIMIT) for index, value in enumerate(values)}
        assert {record.index: (record.reason, record.detail) for record in parsed.bad} == {
            index: problem for index, problem in expected.items() if problem
        }
        kept = [values[index] for index in parsed.good.to_pylist()]
        assert kept == [values[index] for index, problem in expected.items() if problem is None]
        assert parsed.columns.to_pylist() == [row for value in kept for row in land(value)]
