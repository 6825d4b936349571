"""Notations of times: which ones a text can be read by. What it then says is landing_stream.event_time's to tell."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from landing_stream.event_time import UNITS, read_time, template_pattern

PER_SECOND = {
    "epoch_seconds": 1,
    "epoch_milliseconds": 1_000,
    "epoch_microseconds": 1_000_000,
    "epoch_nanoseconds": 1_000_000_000,
}
EARLIEST, FURTHEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.timedelta(hours=8784)
"""Bounds of an event's time, and how far it may be ahead of its record: dbt's vars of these names."""
# A number that is no time is seldom in here: an epoch of this century, up to a year from now.
_PLAUSIBLE_FROM = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, order=True)
class Notation:
    """How a time is written: a unit of the contract and, with unit `format`, Postgres' words for it."""

    unit: str
    format: str = ""

    @property
    def words(self) -> str:
        """As a person names it."""
        return f"format {self.format}" if self.unit == "format" else self.unit.replace("_", " ")

    def read(self, text: str, zone: str = "UTC") -> dt.datetime | None:
        """The instant that a text says by it, None where it is no time by it."""
        return read_time(text, self.unit, self.format or None, zone)

    def names_zone(self, text: str) -> bool:
        """Whether a time in this notation says of which zone its clock is."""
        if self.unit == "iso8601":
            return _OFFSET.search(text) is not None
        return self.unit != "format" or self.format.endswith(('"Z"', '" UTC"', '" GMT"')) or "TZH" in self.format


_OFFSET = re.compile(r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)$")


def is_in_bounds(moment: dt.datetime, now: dt.datetime) -> bool:
    """Whether an event of this time, landed `now`, is one (dbt's macro within_event_bounds)."""
    return EARLIEST <= moment < now + FURTHEST


def notations_of(text: str, asked: Iterable[Notation] = ()) -> list[Notation]:
    """Every notation that a text can be read by, and those of `asked` that it can.

    A day that could be a month is read both ways: what the rest of the field says decides. A number is an epoch only
    where it is one of this century.
    """
    if not 6 <= len(text) <= 64:
        return [notation for notation in asked if notation.read(text) is not None]
    shown = shape(text)
    found = []
    for notation in dict.fromkeys((*asked, *notations_of_shape(shown))):
        moment = notation.read(text)
        if moment is None or (
            notation.unit in PER_SECOND
            and notation not in asked
            and not (moment >= _PLAUSIBLE_FROM and is_in_bounds(moment, dt.datetime.now(dt.UTC)))
        ):
            continue
        found.append(notation)
    return found


# --- shapes

_DIGITS = str.maketrans("0123456789", "9" * 10)
_WORDS = re.compile(r"[A-Za-z]+")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def shape(text: str) -> str:
    """The text with 9 for each digit and `a` for each word but those that times have."""
    return _WORDS.sub(_word_shape, text).translate(_DIGITS)


def _word_shape(found: re.Match[str]) -> str:
    word = found[0].lower()
    if word == "may":
        return "May"
    if word in _MONTHS:
        return "Month"
    if word in _DAYS:
        return "Day"
    if len(word) == 3 and any(name.startswith(word) for name in _MONTHS):
        return "Mon"
    if len(word) == 3 and any(name.startswith(word) for name in _DAYS):
        return "Dy"
    return {"am": "AM", "pm": "AM"}.get(word, found[0] if found[0] in ("T", "Z", "UTC", "GMT") else "a")


_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"9999([-/.])99?\g99?", ("YYYY{0}MM{0}DD",)),
    (r"99?([-/.])99?\g9999", ("DD{0}MM{0}YYYY", "MM{0}DD{0}YYYY")),
    (r"99?([-/.])99?\g99", ("DD{0}MM{0}YY", "MM{0}DD{0}YY", "YY{0}MM{0}DD")),
    (r"99?([-/. ])(?:Mon|May)\g9999", ("DD{0}Mon{0}YYYY",)),
    (r"99?([-/. ])(?:Mon|May)\g99", ("DD{0}Mon{0}YY",)),
    # between other signs than blanks, as in the logs of web servers, `May` is short for itself
    (r"99?( )(?:Month|May)\g9999", ("DD Month YYYY",)),
    (r"99?([-/.])Month\g9999", ("DD{0}Month{0}YYYY",)),
    (r"(?:Mon|May)( ) ?99?, 9999", ("Mon DD, YYYY",)),
    (r"(?:Mon|May)( ) ?99? 9999", ("Mon DD YYYY",)),
    (r"(?:Month|May)( )99?, 9999", ("Month DD, YYYY",)),
    (r"9999()9999", ("YYYYMMDD",)),
)
_WEEKDAYS = (("", ""), ("Dy, ", "Dy, "), ("Dy ", "Dy "), ("Day, ", "Day, "), ("Day ", "Day "))
_BEFORE_TIME = ((", ", ", "), (" ", " "), ("T", '"T"'), (":", ":"), ("-", "-"), ("", ""))
_TIMES = (
    (r"99?:99:99[.]9{1,30}", "HH24:MI:SS.US"),
    (r"99?:99:99", "HH24:MI:SS"),
    (r"99?:99", "HH24:MI"),
    (r"99?:99:99[.]9{1,30} AM", "HH12:MI:SS.US AM"),
    (r"99?:99:99 AM", "HH12:MI:SS AM"),
    (r"99?:99 AM", "HH12:MI AM"),
    (r"99?:99:99AM", "HH12:MI:SSAM"),
    (r"99?:99AM", "HH12:MIAM"),
    (r"999999", "HH24MISS"),
    (r"9999", "HH24MI"),
)
_WITH_YEAR_LAST = (
    (r"(?:Mon|May) {1,2}99? 99:99:99 9999", "Mon DD HH24:MI:SS YYYY"),
    (r"(?:Mon|May) {1,2}99? 99:99:99 [+-]9999 9999", "Mon DD HH24:MI:SS TZHTZM YYYY"),
)
_ZONES = (
    ("", ""),
    ("Z", '"Z"'),
    (" UTC", '" UTC"'),
    (" GMT", '" GMT"'),
    ("[+-]99:99", "TZH:TZM"),
    (" [+-]99:99", " TZH:TZM"),
    ("[+-]9999", "TZHTZM"),
    (" [+-]9999", " TZHTZM"),
)
_BY_UNIT = {
    "uuid_v1": re.compile(r"[^-]{2,16}(?:-[^-]{2,8}){3}-[^-]{2,24}"),
    "iso8601": re.compile(r"9999-99-99[T ]99:99:99(?:[.,]9+)?(?:Z|[+-]99(?::?99)?)?"),
}
_NUMBER = re.compile(r"9{8,19}(?:[.]9{1,30})?")


@lru_cache(maxsize=4096)
def notations_of_shape(shown: str) -> tuple[Notation, ...]:
    """Notations by which a text of this shape may be read; of ISO 8601 that alone."""
    if _BY_UNIT["iso8601"].fullmatch(shown):
        return (Notation("iso8601"),)
    found = [Notation("uuid_v1")] if _BY_UNIT["uuid_v1"].fullmatch(shown) else []
    if _NUMBER.fullmatch(shown):
        found += [Notation(unit) for unit in PER_SECOND]
    return (*found, *(Notation("format", words) for words in _formats(shown)))


def _formats(shown: str) -> list[str]:
    found = []
    for weekday, weekday_words in _WEEKDAYS:
        if not shown.startswith(weekday):
            continue
        rest = shown[len(weekday) :]
        found += [weekday_words + words for pattern, words in _WITH_YEAR_LAST if re.fullmatch(pattern, rest)]
        for date, formats in _DATES:
            match = re.match(date.replace(r"\g", r"(?:\1)"), rest)
            if match is None:
                continue
            tails = _tails(rest[match.end() :])
            found += [weekday_words + words.format(match[1]) + tail for words in formats for tail in tails]
    return list(dict.fromkeys(found))


def _tails(rest: str) -> list[str]:
    """Words for what stands behind a date: nothing, or a time of day with or without a zone."""
    if not rest:
        return [""]
    return [
        before_words + time_words + zone_words
        for before, before_words in _BEFORE_TIME
        if rest.startswith(before)
        for time, time_words in _TIMES
        if before or ":" not in time
        for zone, zone_words in _ZONES
        if re.fullmatch(re.escape(before) + time + zone, rest)
    ]


__all__ = ["EARLIEST", "FURTHEST", "UNITS", "Notation", "is_in_bounds", "notations_of", "template_pattern"]
