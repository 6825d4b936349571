"""What cannot be landed, and the reason it gets."""

import json

import pytest

from landing_stream.classify import MAX_DEPTH, Reason, classify, nesting

LIMIT = 10_000


def reason(value: bytes | None, limit: int = LIMIT) -> Reason | None:
    found = classify(value, limit)
    return found and found[0]


def nested(depth: int) -> bytes:
    """An object that is nested `depth` deep, itself included."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        b' { "a" : 1 } \n',
        b'{"a":null,"b":[],"c":{"d":{}}}',
        b'{"a":123456789012345678901234567890,"b":1e400,"c":-0.0}',
        '{"ключ":"東京 😀"}'.encode(),
        rb'{"a":"\ud83d\ude00"}',
        rb'{"a":"\\u0000"}',
        b'{"a":1,"a":2}',
        b'{"":1}',
    ],
)
def test_every_json_object_can_be_landed(value: bytes) -> None:
    assert reason(value) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"504 Gateway Time-out",
        b'{"a":1',
        b'{"a":1}{"b":2}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1,}',
        b'{"a":[1,]}',
        b'{"a":{"b":1,}}',
        b'{"a":NaN}',
        b'{"a":[{"b":NaN}]}',
        b'{"a":Infinity}',
        b'{"a":[-Infinity]}',
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":0x1F}',
        b'{"a":"tab\there"}',
        b'{"a":"nul\x00here"}',
        rb'{"a":"\x41"}',
        rb'{"a":"\u12"}',
        b'{"a":1}//comment',
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_what_rfc_8259_does_not_allow_is_not_json(value: bytes) -> None:
    assert reason(value) == Reason.NOT_JSON


@pytest.mark.parametrize("value", [b"[]", b'[{"a":1}]', b'"text"', b"42", b"-1.5e3", b"true", b"null"])
def test_json_that_is_no_object_is_not_object(value: bytes) -> None:
    assert reason(value) == Reason.NOT_OBJECT


@pytest.mark.parametrize(
    "value",
    [b"\xff\xfe{", b'{"a":"caf\xe9"}', b'{"caf\xe9":1}', b'{"a":["\xc0\x80"]}', b'{"a":{"b":"\xed\xa0\x80"}}'],
)
def test_bytes_that_are_no_utf8_are_invalid_utf8_wherever_they_stand(value: bytes) -> None:
    assert reason(value) == Reason.INVALID_UTF8


@pytest.mark.parametrize(
    "value",
    [
        rb'{"a":"\u0000"}',
        rb'{"a\u0000":1}',
        rb'{"a":[{"b":["x\u0000y"]}]}',
        rb'{"a":{"\u0000":1}}',
        rb'{"a":"\ud83d"}',
        rb'{"a":"\ude00\ud83d"}',
        rb'{"\udc00":1}',
        rb'{"a":[["\udc00 alone"]]}',
        rb'{"a":{"b":{"\ud800":1}}}',
    ],
)
def test_text_that_postgres_cannot_hold_is_unstorable_at_any_depth(value: bytes) -> None:
    assert reason(value) == Reason.UNSTORABLE_TEXT


def test_a_record_without_a_value_is_a_tombstone() -> None:
    assert reason(None) == Reason.TOMBSTONE


def test_the_limit_is_the_largest_size_that_lands() -> None:
    value = b'{"a":"' + b"x" * 100 + b'"}'
    assert reason(value, len(value)) is None
    assert reason(value, len(value) - 1) == Reason.TOO_LARGE


def test_a_thousand_levels_land_and_one_more_does_not() -> None:
    assert MAX_DEPTH == 1_000
    assert reason(nested(1_000)) is None
    assert reason(nested(1_001)) == Reason.TOO_DEEP
    assert reason(b'{"a":' * 1_001 + b"1" + b"}" * 1_001) == Reason.TOO_DEEP


def test_nesting_that_would_break_a_parser_is_still_only_too_deep() -> None:
    assert reason(nested(300_000), limit=10_000_000) == Reason.TOO_DEEP


def test_brackets_within_texts_nest_nothing() -> None:
    text = json.dumps({"a": '["{' * 2_000, "b": 'quote \\" then [[['}).encode()
    assert nesting(text) == 1
    assert reason(text, limit=100_000) is None


@pytest.mark.parametrize("value", [b'{"a":"secret', b'{"a":"secret\xff"}', b'{"secret":"\\u0000"}', b'"secret"', None])
def test_details_say_where_and_never_what(value: bytes | None) -> None:
    found = classify(value, LIMIT)
    assert found is not None
    assert "secret" not in found[1]
