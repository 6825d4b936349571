"""Records of a file that is JSON, and not a line for each: one array, or objects over many lines each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from landfall.errors import UserError
from landing_stream.classify import deep_recursion

_BLANKS = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def records_of_documents(name: str, content: bytes) -> Iterator[bytes]:
    """Each element of an array, and each document that is none, byte for byte.

    What such a record may hold is looked at when it lands. Raises UserError, before the first one, for a file that ends
    within a document or has something else between two: with the line, and what to do.
    """
    text = content.decode("utf-8", "surrogateescape")
    with deep_recursion():
        spans = _spans(name, text)
    return (text[start:end].encode("utf-8", "surrogateescape") for start, end in spans)


def _spans(name: str, text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    place = _after_blanks(text, 0)
    while place < len(text):
        if text[place] == "[":
            place = _elements(name, text, place, spans)
        else:
            spans.append((place, end := _end(name, text, place)))
            place = end
        place = _after_blanks(text, place)
    return spans


def _elements(name: str, text: str, place: int, spans: list[tuple[int, int]]) -> int:
    """Adds the elements of the array that begins at a place; gives where it ends."""
    place = _after_blanks(text, place + 1)
    if text[place : place + 1] == "]":
        return place + 1
    while True:
        spans.append((place, end := _end(name, text, place)))
        place = _after_blanks(text, end)
        match text[place : place + 1]:
            case "]":
                return place + 1
            case ",":
                place = _after_blanks(text, place + 1)
            case _:
                raise _unreadable(name, text, place, "a comma or the end of the array is missing")


def _end(name: str, text: str, place: int) -> int:
    """Where the JSON value ends that begins at a place."""
    try:
        return _decode(text, place)[1]
    except json.JSONDecodeError as error:
        raise _unreadable(name, text, error.pos, error.msg) from None
    except RecursionError:
        raise _unreadable(name, text, place, "it is nested too deep") from None


def _unreadable(name: str, text: str, place: int, why: str) -> UserError:
    line = text.count("\n", 0, place) + 1
    return UserError(
        f"{name}, line {line:,}: the JSON cannot be read from here on ({why}), and nothing of the file was taken: mend"
        " it, or write a line for each event."
    )


def _after_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    assert found is not None  # also nothing is blanks
    return found.end()
