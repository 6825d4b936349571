"""What was looked at and what each field was taken for, in lines for a screen; no value of the sample among them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from landfall.plain_text import shortened
from landfall.wording import counted
from new_stream.plan import Account, Column, Plan
from new_stream.profile import Profiles

_WIDTH = 32


def findings(path: Path, profiles: Profiles, plan: Plan, account: Account) -> Iterator[str]:
    """What the sample holds, field by field, and what will become of its records."""
    yield f"{shortened(path.name, 80)}: {counted(account.records, 'record')}, {counted(len(plan.columns), 'field')}"
    if profiles.bad:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in profiles.bad.most_common())
        yield f"  {counted(account.quarantined, 'record is', 'records are')} none that can land: quarantine ({reasons})"
    yield ""
    for column in plan.columns:
        yield f"  {shortened(column.field, _WIDTH):<{_WIDTH}} {taken_for(column, plan)}"
    if len(plan.time.path) > 1:
        yield f"  {shortened('.'.join(plan.time.path), _WIDTH):<{_WIDTH}} {event_time(plan)}"
    yield ""
    yield f"event key    {key(plan)}"
    yield f"event time   {'.'.join(plan.time.path)}: {event_time(plan)}"
    if account.first is not None and account.last is not None:
        yield f"             from {account.first:%Y-%m-%d %H:%M} to {account.last:%Y-%m-%d %H:%M} UTC"
    yield f"by hour      events{figures(plan)}"
    yield f"personal     {', '.join(c.field for c in plan.columns if c.person) or 'nothing was found'}"
    yield from outcome(account)


def taken_for(column: Column, plan: Plan) -> str:
    """What a field is in the models, and why."""
    profile = column.profile
    parts = []
    if column.field in plan.keys:
        parts.append("key")
    if column.is_time_of(plan.time):
        parts.append("event time")
    if column.kind == "numeric":
        parts.append("number")
    elif column.kind == "time":
        assert column.notation is not None
        parts.append(f"time, {column.notation.words}")
    elif not parts:
        parts.append({"json": "JSON", "boolean": "true or false"}.get(column.kind, "text"))
    if column.name in plan.groups:
        parts.append("groups")
    if column.field != column.name:
        parts.append(f"column {column.name}")
    why = [plan.why[column.field]] if plan.why.get(column.field) else []
    if column.person:
        parts.append("personal")
        why.append(column.person.why)
    why.append(said(column))
    if words := [word for word in profile.null_words if word]:
        why.append(f"{sum(profile.null_words.values()):,} say {' or '.join(map(repr, sorted(words)[:3]))}")
    return f"{', '.join(parts)}: {'; '.join(why)}"


def said(column: Column) -> str:
    """In how many records it says something, and why digits stay a text."""
    profile = column.profile
    missing = profile.rows - profile.present
    words = f"in all {profile.rows:,}" if not missing else f"in {profile.present:,}, missing in {missing:,}"
    if column.kind == "text" and profile.numbers and not column.person:
        if profile.numbers < profile.meaningful:
            words += f"; {profile.numbers:,} are numbers and {profile.meaningful - profile.numbers:,} are not"
        elif profile.leading_zeros:
            words += "; digits with leading zeros, kept"
        elif profile.longest_number > 15:
            words += "; digits beyond what numbers hold exactly, kept"
        elif profile.exponents or profile.plus_signs:
            words += "; digits with signs that numbers would lose, kept"
    return words


def event_time(plan: Plan) -> str:
    """Its notation and zone."""
    zone = f", clock of {plan.time.zone}" if plan.time.zone else ""
    return f"{plan.time.notation.words}{zone}"


def key(plan: Plan) -> str:
    """What an event is known by."""
    return " and ".join(plan.keys) or "none: each record is an event, known by its place"


def figures(plan: Plan) -> str:
    """What is counted by what."""
    parts = [f"sum of {name}" for name in plan.sums] + [f"mean of {name}" for name in plan.means]
    by = f" by {' and '.join(plan.groups)}" if plan.groups else ""
    return f"{', ' + ', '.join(parts) if parts else ''}{by}"


def outcome(account: Account) -> Iterator[str]:
    """What will become of the sample's records: compared with the tables by a test."""
    yield (
        f"this sample  {account.events:,} events; {account.rejected:,} rejected ({account.missing_key:,} without a key,"
        f" {account.bad_event_time:,} without a usable time); {account.duplicates:,} of a key that was there;"
        f" {account.quarantined:,} in quarantine"
    )
    for name, count in account.unread.items():
        found = counted(count, "event has", "events have")
        yield f"             {found} a value in {name} that is null in the models: bad_casts"


def written(files: Mapping[str, str]) -> Iterator[str]:
    """The files, by their paths."""
    for name in files:
        yield f"  {name}"


def next_steps(stream: str, path: Path, delimiter: str | None) -> Iterable[str]:
    """What to type, and what to start again: what runs has read the project before."""
    sign = "tab" if delimiter == "\t" else delimiter
    option = "" if sign is None else f" --delimiter {shlex.quote(sign)}"
    return (
        "What runs has read the project before: stop landfall serve, demo, dashboards, refresh --watch and Dagster,",
        "where they run, and start them after landfall up. Then:",
        "",
        "  landfall up                       # its topic, tables and views (landfall migrate on servers of your own)",
        f"  landfall replay {stream} {shlex.quote(str(path))}{option}",
        "  landfall land --once && landfall refresh",
        "  landfall dashboards",
    )
