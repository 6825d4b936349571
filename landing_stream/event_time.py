"""Times as events bring them, by the unit of the contract: which templates are read, and what a text says.

The models read them in Postgres (dbt_project/macros/rules/event_time.sql, macro `event_time`), by the same rules; a
test gives both the same texts. Bounds (from 1970 to a year ahead of the record) are the models' own and not known here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

UNITS = (
    "epoch_seconds",
    "epoch_milliseconds",
    "epoch_microseconds",
    "epoch_nanoseconds",
    "iso8601",
    "uuid_v1",
    "format",
)
UNITS_WITH_ZONE = ("iso8601", "format")
"""Units whose times may come without an offset: they are of the contract's zone then."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TOKEN = re.compile(
    r'"[^"]*"|(?:FM)?(?:YYYY|YY|MONTH|MON|MM|DAY|DD|DY|HH24|HH12|HH|MI|SS|MS|US|FF[1-6]|AM|PM|TZH:TZM|TZHTZM|TZH)|.',
    re.IGNORECASE | re.DOTALL,
)
_NUMBERS = {
    "YYYY": "year",
    "YY": "year",
    "MM": "month",
    "DD": "day",
    "HH24": "hour",
    "HH12": "hour",
    "HH": "hour",
    "MI": "minute",
    "SS": "second",
    "MS": "fraction",
    "US": "fraction",
    **{f"FF{digits}": "fraction" for digits in range(1, 7)},
}
_PARTS: Mapping[str, str] = MappingProxyType(
    {
        **_NUMBERS,
        "MON": "month",
        "MONTH": "month",
        "DAY": "weekday",
        "DY": "weekday",
        "AM": "half of the day",
        "PM": "half of the day",
        "TZH": "offset",
        "TZHTZM": "offset",
        "TZH:TZM": "offset",
    }
)
"""The words of a template and what each says of a time."""
WORDS = "YYYY, YY, MM, Mon, Month, DD, Dy, Day, HH24, HH12, AM, MI, SS, MS, US, TZH, TZM"

_EPOCH = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,30}))?")
_ISO8601 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:[.,]([0-9]{1,30}))?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_UUID_V1 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-1([0-9a-f]{3})-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_UUID_EPOCH = 122_192_928_000_000_000
_DIGITS = {"epoch_milliseconds": 3, "epoch_microseconds": 6, "epoch_nanoseconds": 9}
"""Digits of a second's fraction in a whole number of the unit."""
_START = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read_time(text: str, unit: str, template: str | None = None, zone: str = "UTC") -> dt.datetime | None:
    """The instant, in UTC, that a text of a contract's unit says; None for whatever is no time in it.

    What is finer than a microsecond is cut off. A time without an offset is of `zone`; where the clock goes back and
    the hour comes twice it is the second one, where it goes forward and has no such hour it is counted on from before.
    """
    try:
        match unit:
            case "epoch_seconds":
                return _epoch_seconds(text)
            case "iso8601":
                return _iso8601(text, zone)
            case "uuid_v1":
                return _uuid_v1(text)
            case "format":
                assert template is not None
                return _by_template(text, template, zone)
            case _:
                return _epoch(text, _DIGITS[unit])
    except (ValueError, OverflowError):  # no such day, no such offset, or a year that Python does not know
        return None


def template_problem(template: str) -> str | None:
    """What is wrong with a template of times, as part of a sentence, and what to write; None for one that is read."""
    parts: list[str] = []
    for token in _tokens(template):
        word = _word(token)
        if word is None:
            if token == '"' or token.isalnum() or token == "\\":
                return f'{token!r} is none of the words {WORDS}; write text of its own in double quotes, such as "T"'
            continue
        if _PARTS[word] in parts:
            return f"the {_PARTS[word]} stands in it twice; leave one out"
        if token[:2].upper() == "FM" and word not in ("MM", "DD", "HH24", "HH12", "HH"):
            return f"{token!r} is not read; write {word}"
        parts.append(_PARTS[word])
        hour = word if _PARTS[word] == "hour" else None
        if hour and (hour == "HH24") == ("half of the day" in _parts_of(template)):
            return "the hour is HH24 without AM, or HH12 with AM; write one of both"
    return _incomplete(parts)


def _incomplete(parts: list[str]) -> str | None:
    for part in ("year", "month", "day"):
        if part not in parts:
            return f"the {part} is missing; add it"
    for finer, coarser in (
        ("fraction", "second"),
        ("second", "minute"),
        ("minute", "hour"),
        ("half of the day", "hour"),
    ):
        if finer in parts and coarser not in parts:
            return f"it has the {finer} without the {coarser}; add it"
    return None


def _parts_of(template: str) -> list[str]:
    return [_PARTS[word] for token in _tokens(template) if (word := _word(token)) is not None]


def _tokens(template: str) -> list[str]:
    return _TOKEN.findall(template)


def _word(token: str) -> str | None:
    word = token.upper()
    word = word.removeprefix("FM") if len(word) > 2 else word
    return word if word in _PARTS else None


@lru_cache(maxsize=64)
def template_pattern(template: str) -> re.Pattern[str]:
    """What a text has to be, letter by letter, to be a time of a template; its groups are named for the parts.

    Day, month and hour may have one digit or two, unless another number follows or goes before with nothing between.
    """
    tokens = _tokens(template)
    words = [_word(token) for token in tokens]
    pattern = ""
    for place, (token, word) in enumerate(zip(tokens, words, strict=True)):
        if word is None:
            pattern += re.escape(token.strip('"') if len(token) > 1 else token)
            continue
        beside = words[max(0, place - 1) : place] + words[place + 1 : place + 2]
        is_apart = not any(each in _NUMBERS for each in beside)
        if word == "DD" and place and tokens[place - 1] == " ":
            pattern += " ?"  # ` 8`: as a day of one digit is padded
        pattern += f"(?P<{_PARTS[word].split()[0]}>{_one(word, is_apart)}){_rest(word, is_apart)}"
    return re.compile(pattern)


def _one(word: str, is_apart: bool) -> str:
    """What a word stands for in a text."""
    match word:
        case "YYYY":
            return "[0-9]{4}"
        case "YY":
            return "[0-9]{2}"
        case "MM" | "DD":
            return "[0-9]{1,2}" if is_apart else "[0-9]{2}"
        case "HH24":
            return f"[01]{'?' if is_apart else ''}[0-9]|2[0-3]"
        case "HH12" | "HH":
            return f"0{'?' if is_apart else ''}[1-9]|1[0-2]"
        case "MI" | "SS":
            return "[0-5][0-9]"
        case "MON" | "DY":
            return _any_case(name[:3] for name in (_MONTHS if word == "MON" else _DAYS))
        case "MONTH" | "DAY":
            return _any_case(_MONTHS if word == "MONTH" else _DAYS)
        case "AM" | "PM":
            return "[AaPp][Mm]"
        case "TZH":
            return "[+-][0-9]{2}"
        case "TZHTZM":
            return "[+-][0-9]{4}"
        case "TZH:TZM":
            return "[+-][0-9]{2}:[0-9]{2}"
        case _:
            return "[0-9]{1,6}" if is_apart else f"[0-9]{{{_fraction_digits(word)}}}"


def _rest(word: str, is_apart: bool) -> str:
    """Digits behind the sixth of a fraction, which are cut off."""
    return "[0-9]{0,24}" if _PARTS[word] == "fraction" and is_apart else ""


def _fraction_digits(word: str) -> int:
    return {"MS": 3, "US": 6}.get(word) or int(word[2:])


def _any_case(names: Iterable[str]) -> str:
    return "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in name) for name in names)


def _by_template(text: str, template: str, zone: str) -> dt.datetime | None:
    found = template_pattern(template).fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    month = parts["month"]
    number = int(month) if month.isdecimal() else 1 + [name[:3].lower() for name in _MONTHS].index(month[:3].lower())
    hour = int(parts.get("hour") or 0)
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    local = dt.datetime(
        year, number, int(parts["day"]), hour, int(parts.get("minute") or 0), int(parts.get("second") or 0),
        _microseconds(parts.get("fraction")),
    )  # fmt: skip
    return _instant(local, parts.get("offset"), zone)


def _iso8601(text: str, zone: str) -> dt.datetime | None:
    found = _ISO8601.fullmatch(text)
    if found is None:
        return None
    *numbers, fraction, offset = found.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    return _instant(dt.datetime(year, month, day, hour, minute, second, _microseconds(fraction)), offset, zone)


def _instant(local: dt.datetime, offset: str | None, zone: str) -> dt.datetime | None:
    if offset is None:
        return _of_zone(local, zone)
    if offset == "Z":
        return local.replace(tzinfo=dt.UTC)
    hours, minutes = int(offset[1:3]), int(offset[3:].strip(":") or 0)
    if hours > 15 or minutes > 59:  # Postgres has no others
        return None
    ahead = dt.timedelta(hours=hours, minutes=minutes)
    return local.replace(tzinfo=dt.UTC) + (ahead if offset[0] == "-" else -ahead)


def _of_zone(local: dt.datetime, zone: str) -> dt.datetime:
    """As Postgres: by the lesser of two offsets, that before a gap, or of the second of an hour that comes twice."""
    offsets = [local.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)]
    return local.replace(tzinfo=dt.UTC) - min(offset for offset in offsets if offset is not None)


def _epoch_seconds(text: str) -> dt.datetime | None:
    """Up to ten digits with a fraction or not; thirteen are milliseconds."""
    found = _EPOCH.fullmatch(text)
    if found is None or (len(found[1]) > 10 and not (len(found[1]) == 13 and found[2] is None)):
        return None
    return _epoch(text, 3) if len(found[1]) == 13 else _epoch(text, 0)


def _epoch(text: str, digits: int) -> dt.datetime | None:
    """A number of which one second is 10 ** digits."""
    found = _EPOCH.fullmatch(text)
    if found is None or len(found[1]) > 10 + digits:
        return None
    whole = found[1].zfill(digits + 1)
    seconds, fraction = whole[: len(whole) - digits], whole[len(whole) - digits :] + (found[2] or "")
    return _START + dt.timedelta(seconds=int(seconds), microseconds=_microseconds(fraction))


def _microseconds(fraction: str | None) -> int:
    """Digits behind a second's point as microseconds, cut off behind the sixth."""
    return int((fraction or "")[:6].ljust(6, "0"))


def _uuid_v1(text: str) -> dt.datetime | None:
    found = _UUID_V1.fullmatch(text)
    if found is None:
        return None
    return _START + dt.timedelta(microseconds=(int(found[3] + found[2] + found[1], 16) - _UUID_EPOCH) // 10)
