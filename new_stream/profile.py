"""What every value of a field is: counted over the whole sample, kept as counts, never as values."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from landing_stream.classify import deep_recursion
from new_stream.names import several
from new_stream.persons import Person, by_name, by_values, kind_of_value
from new_stream.sample import Sample
from new_stream.times import Notation, notations_of

NULL_WORDS = several("na n/a n.a. #n/a null none nan nil undefined unknown missing - -- ? . \\n (null) (blank)")
"""What stands for no value in files of others, in lower case. The models read none of them as null."""
MOST_DISTINCT = 1_000
"""Distinct values of a field that are counted; one with more groups nothing."""
DEEPEST = 4
MOST_PATHS = 400
# As the macro as_numeric, without blanks around: what it reads with blanks is still a number.
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?")
_INTEGER = re.compile(r"-?[0-9]+")

Path = tuple[str, ...]


@dataclass
class Profile:
    """One field, or a member of the objects that it holds (`path` of several names).

    `present`: records in which it is neither null nor empty, as the macro `landed` has it; `null_words`: those of them
    that say there is nothing; `notations`: by how many it can be read as a time; `misfits`: values that are no number.
    """

    path: Path
    kinds: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    present: int = 0
    null_words: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    integers: int = 0
    exponents: int = 0
    leading_zeros: int = 0
    plus_signs: int = 0
    negatives: int = 0
    longest_number: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    booleans: int = 0
    zones: int = 0
    notations: Counter[Notation] = field(default_factory=Counter)
    person_kinds: Counter[str] = field(default_factory=Counter)
    values: Counter[str] | None = field(default_factory=Counter)
    _seen: set[int] | None = field(default_factory=set)
    repeated: int = 0
    _alive: bool = True

    @property
    def name(self) -> str:
        """As a person reads it."""
        return ".".join(self.path)

    @property
    def meaningful(self) -> int:
        """Records in which it says something."""
        return self.present - sum(self.null_words.values())

    @property
    def is_unique(self) -> bool:
        """Whether every record has a value of its own in it."""
        return self.present == self.rows == self.meaningful and not self.repeated and self.rows > 0

    @property
    def distinct(self) -> int | None:
        """How many values it has; None for more than are counted."""
        return None if self.values is None else len(self.values)

    @property
    def is_number(self) -> bool:
        """Whether every value that says something is a number, and not digits that are only called by it."""
        return bool(
            self.meaningful
            and self.numbers == self.meaningful
            and not self.leading_zeros
            and not self.plus_signs
            and not (self.exponents and self.kinds["text"])
            and self.longest_number <= 15
            and not self.kinds["object"]
            and not self.kinds["list"]
        )

    @property
    def is_whole(self) -> bool:
        """Whether it is a number without a fraction throughout."""
        return self.is_number and self.integers == self.meaningful

    @property
    def is_boolean(self) -> bool:
        """Whether every value is true or false."""
        return bool(self.meaningful) and self.booleans == self.present

    @property
    def is_nested(self) -> bool:
        """Whether it holds objects or lists."""
        return bool(self.kinds["object"] or self.kinds["list"])

    @property
    def person(self) -> Person | None:
        """What of a person it holds, by its values or its name."""
        return by_values(self.person_kinds, self.meaningful) or by_name(
            self.path[-1], self.path[-2] if len(self.path) > 1 else None
        )

    def add(self, text: str | None) -> None:
        """One more record's value, as it lands."""
        self.rows += 1
        if text is None or text in ("", "(none)"):
            return
        self.present += 1
        stripped = text.strip()
        if stripped.lower() in NULL_WORDS or not stripped:
            self.null_words[stripped] += 1
            self._count(text)
            return
        self._count(text)
        self._count_number(text)
        self.booleans += stripped.lower() in ("true", "false")
        if (kind := kind_of_value(text)) is not None:
            self.person_kinds[kind] += 1
        if self._alive and not self.is_nested:
            self._count_times(text)

    def _count(self, text: str) -> None:
        if self.values is not None:
            self.values[text] += 1
            if len(self.values) > MOST_DISTINCT:
                self.values = None
        if self._seen is not None:
            known = len(self._seen)
            self._seen.add(hash(text))
            if len(self._seen) == known:
                self.repeated += 1
                if self.repeated > 1_000:  # no key, however many follow
                    self._seen = None

    def _count_number(self, text: str) -> None:
        found = _NUMBER.fullmatch(text.strip(" \t\r\n"))
        if found is None:
            return
        number = found[0]
        self.numbers += 1
        if _INTEGER.fullmatch(number):
            self.integers += 1
            self.lengths[len(number)] += 1
        digits = number.lstrip("+-")
        self.plus_signs += number[0] == "+"
        self.negatives += number[0] == "-"
        self.exponents += found[2] is not None
        self.leading_zeros += len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
        self.longest_number = max(self.longest_number, len(digits.partition(".")[0].partition("e")[0]))

    def _count_times(self, text: str) -> None:
        fitting = notations_of(text, self._asked)
        self.notations.update(fitting)
        self.zones += bool(fitting) and fitting[0].names_zone(text)
        # of thousands of values none was a time: this is no field of times
        if not fitting and not self.notations and self.meaningful > 5_000:
            self._alive = False

    _asked: tuple[Notation, ...] = ()


@dataclass(frozen=True)
class Profiles:
    """All of a sample: its fields by name, members of objects by their path; what is no record, by reason."""

    fields: dict[str, Profile]
    members: dict[Path, Profile]
    rows: int
    bad: Counter[str]


def profiled(sample: Sample, asked: Iterable[Notation] = ()) -> Profiles:
    """Every value of the sample counted. `asked`: notations that somebody named, which are tried too."""
    asked = tuple(asked)
    fields = {name: Profile((name,), kinds, _asked=asked) for name, kinds in sample.fields.items()}
    members: dict[Path, Profile] = {}
    bad: Counter[str] = Counter()
    rows = 0
    for batch in sample.batches():
        bad.update(str(each.reason) for each in batch.bad)
        for name, texts in batch.columns.items():
            profile = fields[name]
            for text in texts:
                profile.add(text)
            if profile.kinds["object"]:
                for text in texts:
                    _add_members(members, (name,), text, asked, rows)
        rows += batch.rows
    for profile in members.values():
        profile.rows = rows
    return Profiles(fields, members, rows, bad)


def _add_members(members: dict[Path, Profile], path: Path, text: str | None, asked: Any, rows: int) -> None:
    if not text or text[0] != "{":
        return
    try:
        with deep_recursion():
            document = json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        return
    stack: list[tuple[Path, Any]] = [(path, document)]
    while stack:
        at, value = stack.pop()
        if isinstance(value, dict) and len(at) <= DEEPEST:
            stack.extend(((*at, str(name)), member) for name, member in value.items())
        elif len(at) > 1 and value is not None and not isinstance(value, (dict, list)):
            if at not in members:
                if len(members) >= MOST_PATHS:
                    continue
                members[at] = Profile(at, _asked=asked)
            profile = members[at]
            profile.kinds["text" if isinstance(value, str) else "other"] += 1
            profile.add(str(value).lower() if isinstance(value, bool) else str(value))


def personal_inside(profiles: Profiles, name: str) -> Person | None:
    """What of a person the objects or lists of a field hold, or its texts."""
    for path, profile in profiles.members.items():
        if path[0] == name and (person := profile.person) is not None:
            return Person(f"{'.'.join(path[1:])}: {person.why}")
    profile = profiles.fields[name]
    if profile.is_nested and profile.person_kinds:
        return Person("its values hold an e-mail")
    return None
