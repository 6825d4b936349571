"""Why a record cannot be landed: the exact, slow check of a single record.

The fast path (landing_stream.parse) sends here only what it could not take at once.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NoReturn

MAX_DEPTH = 1000

# A string, or a bracket outside of one. An unfinished string eats the rest: brackets inside it do not count. It always
# matches: where it did not, each further quote began another one, and 40 KB that end in a backslash took 8 s.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Reason(StrEnum):
    """Why a record is in quarantine. Whatever has none of these lands."""

    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    INVALID_UTF8 = "invalid_utf8"
    UNSTORABLE_TEXT = "unstorable_text"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TOMBSTONE = "tombstone"
    WRONG_CELL_COUNT = "wrong_cell_count"
    NOT_CSV = "not_csv"
    UNSTORABLE = "unstorable"


def classify(value: bytes | None, max_bytes: int) -> tuple[Reason, str] | None:
    """(reason, detail) of a record that cannot be landed, None for one that can.

    JSON is that of RFC 8259: `NaN`, `Infinity` and trailing commas are not JSON. A NUL character or a lone surrogate,
    at any depth, in a name or a value, cannot be stored as text in Postgres. Details carry positions, no content.
    """
    if value is None:
        return Reason.TOMBSTONE, "the record has no value"
    if len(value) > max_bytes:
        return Reason.TOO_LARGE, f"{len(value)} bytes, the contract allows {max_bytes}"
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Reason.INVALID_UTF8, f"byte {error.start}: {error.reason}"
    if (depth := nesting(value)) > MAX_DEPTH:
        return Reason.TOO_DEEP, f"nested {depth} deep, {MAX_DEPTH} is the most"
    try:
        with deep_recursion():
            document = json.loads(text, parse_constant=_refuse_constant, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return Reason.NOT_JSON, f"character {error.pos}: the JSON value ends here, and more follows"
        return Reason.NOT_JSON, f"character {error.pos}: {error.msg}"
    except ValueError as error:
        return Reason.NOT_JSON, str(error)
    if not isinstance(document, dict):
        return Reason.NOT_OBJECT, f"the record is a JSON {_json_type(document)}, not an object"
    for string in _strings(document):
        if "\x00" in string:
            return Reason.UNSTORABLE_TEXT, "a text holds the NUL character"
        if _SURROGATE.search(string):
            return Reason.UNSTORABLE_TEXT, "a text holds a lone surrogate"
    return None


def nesting(value: bytes) -> int:
    """How deep arrays and objects are nested in a record; 1 is a flat object. Brackets inside strings do not count."""
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return 0  # cannot be too deep: the common case needs no scan
    depth = deepest = 0
    for match in _BRACKETS.finditer(value):
        if match.group(1):
            depth += 1
            deepest = max(deepest, depth)
        elif match.group(2):
            depth -= 1
    return deepest


def _strings(document: Any) -> Iterator[str]:
    """All names and texts of a document, without recursion."""
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            stack.extend(node)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259)")


def _json_type(document: Any) -> str:
    names = {list: "array", str: "text or number", bool: "boolean", type(None): "null"}
    return names[type(document)]


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Lets a JSON decoder go as deep as MAX_DEPTH: Python's own limit of 1,000 frames counts its callers too."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 4 * MAX_DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
