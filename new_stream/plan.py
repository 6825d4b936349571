"""The plan of a stream, and what becomes of the sample's records by it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from landing_stream.classify import deep_recursion
from new_stream.persons import Person
from new_stream.profile import Profile
from new_stream.sample import Sample
from new_stream.times import Notation, is_in_bounds

# As dbt's macro as_numeric.
_NUMERIC = re.compile(r"[ \t\r\n]*[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?[ \t\r\n]*")


@dataclass(frozen=True)
class EventTime:
    """Where the time of an event stands, and how it is written. `zone`: of clocks that name none."""

    path: tuple[str, ...]
    notation: Notation
    zone: str | None

    def read(self, text: str) -> dt.datetime | None:
        """The instant of a text, None where it is none."""
        return self.notation.read(text, self.zone or "UTC")


@dataclass(frozen=True)
class Column:
    """A field in the models. `name`: its column there; `kind`: text, numeric, boolean, time or json."""

    field: str
    name: str
    kind: str
    person: Person | None
    profile: Profile = dataclasses.field(compare=False, repr=False)
    notation: Notation | None = None
    zone: str | None = None

    @property
    def data_type(self) -> str:
        """Its type in Postgres."""
        return {"numeric": "numeric", "boolean": "boolean", "time": "timestamptz"}.get(self.kind, "text")

    @property
    def is_read(self) -> bool:
        """Whether the models cast it, which may fail."""
        return self.kind in ("numeric", "boolean", "time")

    @property
    def is_kept(self) -> bool:
        """Whether facts have it: what is personal stays in landing, but for identifiers, which marts show as keys."""
        return self.person is None or self.identifier is not None

    @property
    def identifier(self) -> str | None:
        """What it identifies: user, device, email, address; None where nothing."""
        if self.person is None or self.kind == "json":
            return None
        return self.person.identifies or ("address" if self.person.enrichment == "ip" else None)

    def is_time_of(self, time: EventTime) -> bool:
        """Whether it is the event time itself."""
        return time.path == (self.field,)

    def reads(self, text: str, now: dt.datetime) -> bool:
        """Whether the cast of the models has a value for the text."""
        if self.kind == "numeric":
            return _NUMERIC.fullmatch(text) is not None
        if self.kind == "boolean":
            return text.strip().lower() in ("true", "false")
        if self.kind == "time":
            assert self.notation is not None
            moment = self.notation.read(text, self.zone or "UTC")
            return moment is not None and is_in_bounds(moment, now)
        return True


@dataclass(frozen=True)
class Plan:
    """All that is written. `groups`, `sums`, `means`: columns by their names in the models; `why`: by field."""

    stream: str
    columns: tuple[Column, ...]
    time: EventTime
    keys: tuple[str, ...]
    groups: tuple[str, ...]
    sums: tuple[str, ...]
    means: tuple[str, ...]
    why: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def column(self, field_name: str) -> Column:
        """By the name of its field."""
        return next(each for each in self.columns if each.field == field_name)

    def as_text(self, names: set[str]) -> Plan:
        """With the fields of these names left as they are sent."""
        return replace(
            self,
            columns=tuple(
                replace(each, kind="text", notation=None, zone=None) if each.field in names else each
                for each in self.columns
            ),
        )


@dataclass
class Account:
    """What becomes of the sample's records: `records` are landed and quarantined; landed ones are `events`,
    `missing_key`, `bad_event_time` or `duplicates`. `unread`: events by field with a value that its cast cannot read.
    """

    quarantined: int = 0
    landed: int = 0
    missing_key: int = 0
    bad_event_time: int = 0
    duplicates: int = 0
    conflicting: int = 0
    events: int = 0
    unread: Counter[str] = dataclasses.field(default_factory=Counter)
    first: dt.datetime | None = None
    last: dt.datetime | None = None

    @property
    def records(self) -> int:
        """All of the file."""
        return self.landed + self.quarantined

    @property
    def rejected(self) -> int:
        """Landed, and counted by no mart."""
        return self.missing_key + self.bad_event_time


def account_of(sample: Sample, plan: Plan, now: dt.datetime | None = None) -> Account:
    """The sample read once more as the models will read it."""
    now = now or dt.datetime.now(dt.UTC)
    account = Account()
    known: dict[int, int] = {}
    casts = [column for column in plan.columns if column.is_read and column.is_kept]
    for batch in sample.batches():
        account.quarantined += len(batch.bad)
        account.landed += batch.rows
        names = list(batch.columns)
        for values in zip(*batch.columns.values(), strict=True):
            _add(account, plan, dict(zip(names, values, strict=True)), casts, known, now)
    return account


def _add(
    account: Account,
    plan: Plan,
    row: dict[str, str | None],
    casts: list[Column],
    known: dict[int, int],
    now: dt.datetime,
) -> None:
    texts = [landed(row[name]) for name in plan.keys]
    if any(text is None for text in texts):
        account.missing_key += 1
        return
    moment = _moment(plan.time, row)
    if moment is None or not is_in_bounds(moment, now):
        account.bad_event_time += 1
        return
    if plan.keys:
        key, content = hash(tuple(texts)), hash(tuple(row.values()))
        if key in known:
            account.duplicates += 1
            account.conflicting += known[key] != content
            return
        known[key] = content
    account.events += 1
    account.first = moment if account.first is None else min(account.first, moment)
    account.last = moment if account.last is None else max(account.last, moment)
    for column in casts:
        text = landed(row[column.field])
        if text is not None and not column.reads(text, now):
            account.unread[column.field] += 1


def landed(text: str | None) -> str | None:
    """As dbt's macro of this name: an empty text is no value, and neither is `(none)`."""
    return None if text in (None, "", "(none)") else text


def _moment(time: EventTime, row: dict[str, str | None]) -> dt.datetime | None:
    text = landed(row[time.path[0]])
    if text is not None and len(time.path) > 1:
        text = landed(_member(text, time.path[1:]))
    return None if text is None else time.read(text)


def _member(text: str, path: tuple[str, ...]) -> str | None:
    """What `#>>` gives of an object."""
    try:
        with deep_recursion():
            value = json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        return None
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    if value is None or isinstance(value, (dict, list)):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
