"""When an event happened: which field says so, in which notation, and by whose clock. Asks what stays open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from landfall.declared import zone as checked_zone
from landfall.wording import counted
from landing_stream.event_time import UNITS_WITH_ZONE
from new_stream.names import several, words_of
from new_stream.options import Options
from new_stream.plan import EventTime
from new_stream.profile import Path, Profile, Profiles
from new_stream.questions import Ask, Choice, Question, WrongAnswer
from new_stream.times import PER_SECOND, Notation

_TIME_WORDS = several(
    "time timestamp ts date datetime at when day created updated logged occurred started start end ended opened closed"
    " utc epoch millis t dt moment instant clock reported received sent"
)
END_WORDS = several("expires expiry expiration until due valid deadline birth")
"""A time of which the name has one of these is not when the event happened."""


def decide_time(profiles: Profiles, options: Options, ask: Ask) -> tuple[EventTime, str]:
    """Field, notation and zone of the event time, and why that field."""
    if options.time is not None:
        profile, why = find_profile(profiles, options.time), "you said so"
    else:
        profile, why = choose_time(profiles, options, ask)
    notation = choose_notation(profile, options, ask)
    return EventTime(profile.path, notation, choose_zone(profile, notation, options, ask)), why


def find_profile(profiles: Profiles, name: str) -> Profile:
    """A field by its name, a member of an object by its path with dots."""
    found = profiles.fields.get(name)
    if found is not None:
        return found
    for path, profile in profiles.members.items():
        if ".".join(path) == name:
            return profile
    raise WrongAnswer(f"The sample has no field {name!r}: it has {', '.join(profiles.fields)}.")


def choose_time(profiles: Profiles, options: Options, ask: Ask) -> tuple[Profile, str]:
    """The one field that is a time; which one of several is asked, and so is one that only may be."""
    everything: dict[Path, Profile] = {(name,): each for name, each in profiles.fields.items()} | profiles.members
    times = [each for each in everything.values() if may_be_time(each, profiles.rows)]
    clear = [each for each in times if is_clearly_time(each)]
    if len(clear) == 1:
        return clear[0], "the only field that holds times"
    if not (clear or times):
        raise_no_time(everything.values(), ask)
    found = clear or times
    choices = [Choice(each.name, f"{each.name}: {notations_in_words(each)}") for each in found]
    why = (
        f"{counted(len(found), 'field')} hold times"
        if clear
        else "what may be a time is not called like one, and may be a number or an id"
    )
    answer = ask(Question("Which field says when an event happened?", why, "--time FIELD", choices))
    return find_profile(profiles, answer), "you said so"


def raise_no_time(profiles: Iterable[Profile], ask: Ask) -> None:
    """Somebody has to say which field it is, and in what notation."""
    named = [each.name for each in profiles if set(words_of(each.path[-1])) & _TIME_WORDS]
    ask(
        Question(
            "Which field says when an event happened?",
            "none holds times that are known by their looks"
            + (f"; called like one: {', '.join(named[:6])}" if named else ""),
            "--time FIELD with --time-unit UNIT or --time-format FORMAT",
        )
    )
    raise WrongAnswer("Say --time FIELD with --time-unit UNIT or --time-format FORMAT.")


def may_be_time(profile: Profile, rows: int) -> bool:
    """Whether nearly all of its values, in most records, are times by some notation."""
    best = max(profile.notations.values(), default=0)
    return best > 0 and readable(profile) >= 0.9 * profile.meaningful and profile.meaningful >= 0.5 * rows


def readable(profile: Profile) -> int:
    """At most how many of its values are times by one notation or another."""
    return min(profile.meaningful, sum(profile.notations.values()))


def is_clearly_time(profile: Profile) -> bool:
    """Whether it is called like a time, or written as a date: a number alone may be an id."""
    words = set(words_of(profile.path[-1]))
    if words & END_WORDS:
        return False
    written = any(each.unit in ("iso8601", "format") for each in profile.notations)
    digits_alone = all(each.unit in PER_SECOND or each.format.isalnum() for each in profile.notations)
    return bool(words & _TIME_WORDS) or (written and not digits_alone)


def notations_in_words(profile: Profile) -> str:
    """What its values can be read by."""
    return " or ".join(each.words for each in full_or_best(profile))


def full_or_best(profile: Profile) -> list[Notation]:
    """The notations that read every value; where none does, those that read most."""
    counts = {each: count for each, count in profile.notations.items() if not is_overshadowed(each, profile)}
    full = [each for each, count in counts.items() if count == profile.meaningful]
    return sorted(full) or [each for each, _ in sorted(counts.items(), key=lambda item: -item[1])[:4]]


def is_overshadowed(notation: Notation, profile: Profile) -> bool:
    """Thirteen digits are milliseconds, which epoch_seconds reads too."""
    milliseconds = profile.notations.get(Notation("epoch_milliseconds"), 0)
    return notation.unit == "epoch_seconds" and profile.notations[notation] == milliseconds


def choose_notation(profile: Profile, options: Options, ask: Ask) -> Notation:
    """The one notation that reads every value; of several, or where some values have none, somebody says it."""
    asked = options.notation
    if asked is not None:
        if not profile.notations.get(asked):
            raise WrongAnswer(f"No value of {profile.name} can be read as {asked.words}.")
        return asked
    found = full_or_best(profile)
    read = profile.notations[found[0]] if found else 0
    mixed = (
        len(found) == 1 and found[0].unit == "epoch_seconds" and profile.notations.get(Notation("epoch_milliseconds"))
    )
    if len(found) == 1 and read == profile.meaningful and not mixed:
        return found[0]
    if not found:
        why = f"none of its {profile.meaningful:,} values is a time that is known by its looks"
    elif read < profile.meaningful:
        left = profile.meaningful - read
        why = (
            f"{left:,} of its {profile.meaningful:,} values are no time in the notation of the others, and are rejected"
        )
    elif mixed:
        why = "some of its numbers are seconds and some milliseconds"
    else:
        why = "every value can be read by more than one notation, such as day or month first"
    choices = [Choice(each.format or each.unit, each.words) for each in found]
    answer = ask(
        Question(
            f"How is {profile.name} written?", why, "--time-format FORMAT or --time-unit UNIT",
            [replace_words(each, profile) for each in choices],
        )
    )  # fmt: skip
    chosen = next((each for each in profile.notations if answer in (each.format, each.unit)), None)
    if chosen is None:
        raise WrongAnswer(f"{answer!r} is none of: {', '.join(each.value for each in choices)}.")
    return chosen


def replace_words(choice: Choice, profile: Profile) -> Choice:
    """With how many values it reads, where not all."""
    count = next(n for each, n in profile.notations.items() if choice.value in (each.format, each.unit))
    return choice if count == profile.meaningful else replace(choice, words=f"{choice.words} for {count:,}")


def choose_zone(profile: Profile, notation: Notation, options: Options, ask: Ask) -> str | None:
    """The zone of clocks that name none; None where each names its own."""
    needs = notation.unit in UNITS_WITH_ZONE
    if options.time_zone is not None:
        if not needs:
            raise WrongAnswer(f"--time-zone says nothing: {notation.words} has a zone of its own.")
        try:
            return checked_zone(options.time_zone)
        except ValueError as error:
            raise WrongAnswer(f"--time-zone {options.time_zone}: {error}.") from error
    if not needs or (notation.unit == "format" and notation.names_zone("")):
        return None
    if notation.unit == "iso8601" and profile.zones >= profile.notations[notation]:
        return None
    answer = ask(
        Question(
            f"Of which time zone is the clock of {profile.name}?",
            "its values name none",
            "--time-zone ZONE, such as Europe/Paris",
            proposal="UTC",
        )
    )
    try:
        return checked_zone(answer)
    except ValueError as error:
        raise WrongAnswer(f"{answer!r}: {error}.") from error


def is_epoch(profile: Profile) -> bool:
    """Whether it is called a time and every value is an epoch."""
    words = set(words_of(profile.path[-1]))
    return bool(words & _TIME_WORDS) and bool(profile.notations) and one_notation(profile) is not None


def one_notation(profile: Profile) -> Notation | None:
    """The only notation that reads every value of it, where it is surely a time."""
    if not profile.meaningful or profile.null_words or not is_clearly_time(profile):
        return None
    found = full_or_best(profile)
    if len(found) == 1 and profile.notations[found[0]] == profile.meaningful and found[0].unit != "uuid_v1":
        return found[0]
    return None
