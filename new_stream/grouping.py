"""What the counts are by, and which numbers are added up or averaged: what a person would expect of such a log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from new_stream.names import several, words_of
from new_stream.profile import Profile
from new_stream.questions import WrongAnswer

MOST_VALUES = 60
MOST_GROUPS = 2
MOST_CELLS = 600
"""Rows an hour of the hourly counts, at most, were every combination there."""
MOST_NUMBERS = 4
_GROUP_WORDS = (
    "event",
    "type",
    "kind",
    "action",
    "status",
    "result",
    "outcome",
    "category",
    "severity",
    "level",
    "method",
    "channel",
    "source",
    "platform",
    "country",
    "region",
    "state",
    "city",
    "borough",
    "department",
    "agency",
    "priority",
    "payment",
    "vendor",
    "product",
    "class",
    "service",
    "host",
    "server",
    "browser",
    "os",
    "device",
    "reason",
    "code",
    "direction",
    "group",
    "team",
    "store",
    "shop",
    "zone",
    "station",
    "language",
    "currency",
)
_CATEGORY_WORDS = frozenset(_GROUP_WORDS) | several("year month weekday day hour flag port week quarter")
_SUM_WORDS = several(
    "amount total gross cost fee fare tip paid sales revenue turnover spend bytes size qty quantity count items pieces"
    " distance views clicks visits passengers units volume tax charge charges surcharge payment credit debit"
    " energy kwh miles km profit loss income earnings"
)
_NO_MEASURE = several("lat latitude lon lng long longitude x y z index rank position")


def groups_of(profiles: Iterable[Profile], rows: int, asked: Sequence[str] = ()) -> list[str]:
    """The names of the one or two fields that group well; those of `asked` where somebody said them."""
    if len(asked) > MOST_GROUPS:
        raise WrongAnswer(f"--group takes at most {MOST_GROUPS} fields.")
    if asked:
        free = {profile.path[0] for profile in profiles}
        for name in asked:
            if name not in free:
                raise WrongAnswer(f"--group {name}: a key, the event time and what is personal do not group.")
        return list(asked)
    scored = sorted(
        ((score(profile, rows), profile) for profile in profiles if groups_well(profile, rows)),
        key=lambda each: -each[0],
    )
    found: list[Profile] = []
    for _, profile in scored:
        alike = any(set(words_of(profile.path[0])) & set(words_of(other.path[0])) for other in found)
        cells = math.prod(other.distinct or 1 for other in (*found, profile))
        if not alike and cells <= MOST_CELLS and len(found) < MOST_GROUPS:
            found.append(profile)
    return [profile.path[0] for profile in found]


def groups_well(profile: Profile, rows: int) -> bool:
    """Whether it has a few values, each of several records, in most of them."""
    distinct = profile.distinct
    if distinct is None or profile.is_nested or not 2 <= distinct <= MOST_VALUES:
        return False
    if profile.meaningful < 0.5 * rows or distinct > profile.present / 2:
        return False
    if profile.notations or (profile.is_number and not profile.is_whole):
        return False
    longest = max((len(value) for value in profile.values or ()), default=0)
    if longest > 100:
        return False
    return not profile.is_number or bool(set(words_of(profile.path[0])) & _CATEGORY_WORDS)


def score(profile: Profile, rows: int) -> float:
    """How well it groups: what it is called counts most, then how evenly its values are spread."""
    words = words_of(profile.path[0])
    named = max((1 - place / 100 for place, word in enumerate(_GROUP_WORDS) if word in words), default=0.0)
    counts = (profile.values or {}).values()
    spread = -sum(n / profile.present * math.log(n / profile.present) for n in counts if n)
    return 2 * named + min(spread, 2.0) / 2 + profile.meaningful / rows - profile.is_number


def numbers_of(profiles: Iterable[Profile]) -> dict[str, bool]:
    """Names of the numbers worth a figure, in their order, and whether they add up; the others are averaged."""
    found = {}
    for profile in profiles:
        words = set(words_of(profile.path[0]))
        if words & _NO_MEASURE or words & _CATEGORY_WORDS - _SUM_WORDS or (profile.distinct or 3) < 3:
            continue
        found[profile.path[0]] = bool(words & _SUM_WORDS) and "average" not in words and "avg" not in words
    first = sorted(found, key=lambda name: not found[name])[:MOST_NUMBERS]
    return {name: found[name] for name in found if name in first}
