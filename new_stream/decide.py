"""What the stream is to be: event time, key, personal fields, what is counted by what. Asks what stays open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from landfall.declared import zone as checked_zone
from landfall.wording import counted
from landing_stream.event_time import UNITS_WITH_ZONE
from new_stream.grouping import groups_of, numbers_of
from new_stream.names import columns_of, several, words_of
from new_stream.persons import Person
from new_stream.plan import Column, EventTime, Plan
from new_stream.profile import Path, Profile, Profiles, personal_inside
from new_stream.questions import Ask, Choice, Question, WrongAnswer
from new_stream.times import PER_SECOND, Notation

NO_KEY = "none"
_TIME_WORDS = several(
    "time timestamp ts date datetime at when day created updated logged occurred started start end ended opened closed"
    " utc epoch millis t dt moment instant clock reported received sent"
)
_END_WORDS = several("expires expiry expiration until due valid deadline birth")
# Names by which a unique field is the event's own identifier, the surest first.
_EVENT_IDS = ("event_id", "eventid", "event_uuid", "event_key"), ("id", "uuid", "guid")
_RECORD_WORDS = several("record message msg request req transaction txn tx log entry row line hit trip reading")


@dataclass(frozen=True)
class Options:
    """What somebody said. `keys`: names of a composite key, in their order; `time`: a field, or a path with dots."""

    keys: tuple[str, ...] = ()
    no_key: bool = False
    time: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    time_zone: str | None = None
    personal: tuple[str, ...] = ()
    not_personal: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    delimiter: str | None = None

    @property
    def notation(self) -> Notation | None:
        """The notation of the event time, where it was said."""
        if self.time_format is not None:
            return Notation("format", self.time_format)
        return Notation(self.time_unit) if self.time_unit not in (None, "format") else None  # type: ignore[arg-type]


def decided(stream: str, profiles: Profiles, options: Options, ask: Ask) -> Plan:
    """The plan of the stream. Asks what the sample leaves open.

    Raises OpenQuestion where nobody answers, and WrongAnswer for an option that does not fit the sample.
    """
    for name in (*options.keys, *options.personal, *options.not_personal, *options.groups):
        if name not in profiles.fields:
            raise WrongAnswer(f"The sample has no field {name!r}: it has {', '.join(profiles.fields)}.")
    time, why_time = decide_time(profiles, options, ask)
    people = decide_personal(profiles, options)
    keys, why_key = decide_key(stream, profiles, options, time, people, ask)
    names = columns_of(profiles.fields)
    columns = tuple(
        column_of(profile, names[name], people.get(name), time, keys) for name, profile in profiles.fields.items()
    )
    free = [
        profiles.fields[c.field] for c in columns if not c.person and c.field not in keys and not c.is_time_of(time)
    ]
    groups = groups_of(free, profiles.rows, options.groups)
    numbers = numbers_of([p for p in free if p.is_number and p.path[0] not in groups])
    return Plan(
        stream=stream,
        columns=columns,
        time=time,
        keys=keys,
        groups=tuple(names[name] for name in groups),
        sums=tuple(names[name] for name, is_sum in numbers.items() if is_sum),
        means=tuple(names[name] for name, is_sum in numbers.items() if not is_sum),
        why={time.path[0]: why_time, **dict.fromkeys(keys, why_key)},
    )


# --- when


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
    if words & _END_WORDS:
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


# --- who


def decide_personal(profiles: Profiles, options: Options) -> dict[str, Person]:
    """Personal fields by name, with why."""
    found: dict[str, Person] = {}
    for name, profile in profiles.fields.items():
        person = personal_inside(profiles, name) if profile.is_nested else profile.person
        if name in options.personal:
            found[name] = person or Person("you said so")
        elif person is not None and name not in options.not_personal:
            found[name] = person
    return found


# --- which


def decide_key(
    stream: str, profiles: Profiles, options: Options, time: EventTime, people: Mapping[str, Person], ask: Ask
) -> tuple[tuple[str, ...], str]:
    """Fields of the key, none where each record is an event of its own; and why."""
    if options.no_key:
        return (), "you said so"
    if options.keys:
        return tuple(dict.fromkeys(options.keys)), "you said so"
    unique = [
        name
        for name, profile in profiles.fields.items()
        if profile.is_unique
        and not profile.is_nested
        and not (profile.is_number and not profile.is_whole)
        and not any(each.unit in ("iso8601", "format", *PER_SECOND) for each in profile.notations)
    ]
    sure = [
        [name for name in unique if name not in people and "_".join(words_of(name)) in names]
        for names in (*_EVENT_IDS, names_of_stream(stream))
    ]
    first = next((names for names in sure if names), [])
    if len(first) == 1:
        return (first[0],), f"{profiles.rows:,} values, none twice"
    repeated = [name for name in profiles.fields if words_of(name)[-1:] in (["id"], ["uuid"]) and name not in unique]
    why = (
        f"{', '.join(unique[:6])} {'have' if len(unique) > 1 else 'has'} no value twice in the sample and may later"
        if unique
        else "no field has another value in each record"
        + (f"; {', '.join(repeated[:4])} repeat or miss some" if repeated else "")
    )
    answer = ask(
        Question(
            "By which field is an event known, so that the same event sent twice counts once?", why,
            "--key FIELD (more than once for several together) or --no-key",
            [*(Choice(name, name) for name in unique), Choice(NO_KEY, "none: each record is an event")],
            proposal=NO_KEY,
        )
    )  # fmt: skip
    if answer in (NO_KEY, "--no-key"):
        return (), "no field is surely one"
    if answer not in profiles.fields:
        raise WrongAnswer(f"The sample has no field {answer!r}: it has {', '.join(profiles.fields)}.")
    return (answer,), "you said so"


def names_of_stream(stream: str) -> tuple[str, ...]:
    """How an identifier of this stream's records is called: `trips` and `trip_id`."""
    stems = {stream, stream.removesuffix("s"), stream.removesuffix("es"), f"{stream.removesuffix('ies')}y"}
    stems |= {stem.rpartition("_")[2] for stem in stems} | _RECORD_WORDS
    return tuple(f"{stem}_{ending}" for stem in stems for ending in ("id", "uuid", "key"))


# --- what


def column_of(profile: Profile, name: str, person: Person | None, time: EventTime, keys: tuple[str, ...]) -> Column:
    """A field as the models have it."""
    kind, notation, zone = "text", None, None
    is_id = profile.path[0] in keys or looks_like_id(profile)
    if profile.is_nested:
        kind = "json"
    elif person is None and profile.is_boolean:
        kind = "boolean"
    elif person is None and profile.is_number and not is_id and not is_epoch(profile):
        kind = "numeric"
    elif (
        person is None
        and not is_id
        and profile.path != time.path
        and not set(words_of(profile.path[-1])) & _END_WORDS
        and (second := one_notation(profile)) is not None
        and (profile.zones == profile.meaningful or second.unit in PER_SECOND or time.zone is not None)
    ):
        kind, notation = "time", second
        zone = None if second.unit in PER_SECOND else time.zone
    return Column(profile.path[0], name, kind, person, profile, notation, zone)


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


_ID_ENDINGS = several(
    "id ids uuid guid key zip zipcode postcode postal code phone number no num nr ref reference token hash serial pin"
    " account iban isbn ean sku barcode vin version build"
)


def looks_like_id(profile: Profile) -> bool:
    """Whether its digits name something: by its name, or as each whole number is there once and of equal length."""
    words = words_of(profile.path[-1])
    if words[-1:] and words[-1] in _ID_ENDINGS:
        return True
    return profile.is_unique and profile.is_whole and profile.rows >= 20 and len(profile.lengths) <= 2
