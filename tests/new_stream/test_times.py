"""Notations of times are proposed by the shape of a text, and only those by which it is one."""

import pytest

from new_stream.times import Notation, notations_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T10:00:00Z", ["iso8601"]),
        ("2026-03-01 10:00:00.5+0100", ["iso8601"]),
        ("2026-02-30 10:00:00", []),
        ("2026-03-01", ["format YYYY-MM-DD"]),
        ("2026-03-01 10:00", ["format YYYY-MM-DD HH24:MI"]),
        ("2026-03-01T10:00Z", ['format YYYY-MM-DD"T"HH24:MI"Z"']),
        ("01/02/2026 10:30", ["format DD/MM/YYYY HH24:MI", "format MM/DD/YYYY HH24:MI"]),
        ("13/02/2026 10:30", ["format DD/MM/YYYY HH24:MI"]),
        ("02/13/2026 10:30", ["format MM/DD/YYYY HH24:MI"]),
        ("31.12.2025", ["format DD.MM.YYYY"]),
        ("01/02/03", ["format DD/MM/YY", "format MM/DD/YY", "format YY/MM/DD"]),
        ("Jan 2, 2026 10:00 PM", ["format Mon DD, YYYY HH12:MI AM"]),
        ("May 2, 2026", ["format Mon DD, YYYY", "format Month DD, YYYY"]),
        ("17/May/2015:08:05:32 +0000", ["format DD/Mon/YYYY:HH24:MI:SS TZHTZM"]),
        ("Thu, 01 Jan 2026 10:00:00 GMT", ['format Dy, DD Mon YYYY HH24:MI:SS" GMT"']),
        ("Sun Dec 04 04:47:44 2005", ["format Dy Mon DD HH24:MI:SS YYYY"]),
        ("Wed Aug 27 13:08:45 +0000 2008", ["format Dy Mon DD HH24:MI:SS TZHTZM YYYY"]),
        ("20260301 101500", ["format YYYYMMDD HH24MISS"]),
        ("1772000000", ["epoch seconds"]),
        ("1772000000.25", ["epoch seconds"]),
        ("1772000000123", ["epoch seconds", "epoch milliseconds"]),
        ("1772000000123456", ["epoch microseconds"]),
        ("1772000000123456789", ["epoch nanoseconds"]),
        ("123456789", []),
        ("9999999999", []),
        ("5af328a0-0d60-11ed-90e9-7cd44fe229db", ["uuid v1"]),
        ("5af328a0-0d60-41ed-90e9-7cd44fe229db", []),
        ("12:30", []),
        ("1.10", []),
        ("no", []),
        ("10.0.0.1", []),
        ("2026-03-01 is a day", []),
    ],
)
def test_a_text_is_a_time_by_these_notations(text: str, expected: list[str]) -> None:
    assert [notation.words for notation in notations_of(text)] == expected


def test_a_notation_that_somebody_names_is_tried_too() -> None:
    asked = Notation("format", "YYYY-DD-MM")
    assert asked in notations_of("2026-31-12", [asked])
    assert asked not in notations_of("2026-12-31", [asked])
