"""What the stream is to be: key, personal fields, what is counted by what, and the time. Asks what stays open."""

from __future__ import annotations

from collections.abc import Mapping

from new_stream.decide_time import END_WORDS, decide_time, is_epoch, one_notation
from new_stream.grouping import groups_of, numbers_of
from new_stream.names import columns_of, several, words_of
from new_stream.options import Options
from new_stream.persons import Person
from new_stream.plan import Column, EventTime, Plan
from new_stream.profile import Profile, Profiles, personal_inside
from new_stream.questions import Ask, Choice, Question, WrongAnswer
from new_stream.times import PER_SECOND

NO_KEY = "none"
# Names by which a unique field is the event's own identifier, the surest first.
_EVENT_IDS = ("event_id", "eventid", "event_uuid", "event_key"), ("id", "uuid", "guid")
_RECORD_WORDS = several("record message msg request req transaction txn tx log entry row line hit trip reading")


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
        and not set(words_of(profile.path[-1])) & END_WORDS
        and (second := one_notation(profile)) is not None
        and (profile.zones == profile.meaningful or second.unit in PER_SECOND or time.zone is not None)
    ):
        kind, notation = "time", second
        zone = None if second.unit in PER_SECOND else time.zone
    return Column(profile.path[0], name, kind, person, profile, notation, zone)


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
