"""Identifiers of a person in texts, JSON and bytes, and what stands for them once they are erased. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import ip_address
from urllib.parse import quote, unquote
from uuid import UUID

from database.spellings import address_of
from erasure.encodings import open_record

KINDS = ("user", "device", "email", "address")
DISTINCTIVE = 10
"""Characters from which an identifier cannot be mistaken for something else (a product, a price) wherever it stands."""
LONGEST = 320
"""Characters of the longest identifier that is looked for inside texts, an e-mail of RFC 3696; a longer one is found
where it is the whole of a field. Postgres takes no pattern of 10,000."""
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 253
"""Characters before and behind an e-mail's "@", by RFC 5321."""
# Behind %40 and the like a new word begins, though the last letter is one.
_BEFORE = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_BEFORE_EMAIL = r"(?:(?<![A-Za-z0-9._+-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_AFTER = r"(?![A-Za-z0-9])"
# A file may be named for a person: the ending of its name is no part of the address.
_ENDING = r"(?:csv|json|jsonl|parquet|txt|gz)(?![A-Za-z0-9])"
_AFTER_EMAIL = rf"(?![A-Za-z0-9]|\.(?!{_ENDING})[A-Za-z0-9])"
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LIKE_AN_IDENTIFIER = re.compile(r"(?=.*[0-9])[A-Za-z0-9](?:[A-Za-z0-9._~|:-]*[A-Za-z0-9])?")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\%?&=#/]{1,64}@[\w-]+(?:\.[\w-]+)+")
_LOGIN = re.compile(r"[^@\s]+@[^@\s]+")
_WORDS = re.compile(r"[^\W_]+")
# Strangers send what these meet, so each is linear: a string that is never closed ends with the text, for if it did not
# match, the next quote would begin another one (28 s for a record of 100 KB).
_JSON_SCALARS = re.compile(r'"(?:[^"\\]|\\.)*+"?|(?<![\w.+-])-?\d[\d.eE+-]*(?![\w.])', re.DOTALL)
_SCALAR_OF_FIELD = r'"\s*+:\s*+("(?:[^"\\]|\\.)*+"?|-?\d[\d.]*+)'
_ESCAPES = re.compile(r"\\{1,4}u([0-9A-Fa-f]{4})")
# An e-mail is looked for outward from its "@", within its bounds: a pattern that begins with the local part tries each
# letter of a long word as its first (1.7 s for 20,000 of them).
_LOCAL_BACKWARDS = re.compile(r"[^\s@<>()\[\],;:\"\\]*+")
_LOCAL_BEGINS = re.compile(r"(?<![A-Za-z0-9._+-])[A-Za-z0-9._+-]")
_DOMAINS = (
    re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    re.compile(r"[\w-]+(?:\.[\w-]+)+"),
    re.compile(rf"[A-Za-z0-9-]+(?:\.(?!{_ENDING})[A-Za-z0-9-]+)+"),
)
_BEGINNINGS = 5
"""How many of the words before an "@" may be the first of the local part: in `?to=o'neil@…` there are three."""


@dataclass(frozen=True)
class Identifier:
    """One identifier of a person, and what stands for it from now on.

    `key`: its salted hash. `value`: as it is compared (see `normal`); empty where only its key is known. `given`:
    somebody named it to be erased; else it stood in a record of the person, which a stranger may have sent.
    `known_device_key`: the key that models have of a device, where that is known and the device is not.
    """

    kind: str
    key: UUID
    value: str
    replacement: str
    given: bool = True
    known_device_key: UUID | None = None

    @property
    def device_key(self) -> UUID | None:
        """The key that models make of a device, without salt; None of other kinds."""
        return text_key(self.value) if self.kind == "device" and self.value else self.known_device_key

    @cached_property
    def is_sought_everywhere(self) -> bool:
        """Whether it is looked for in every text: an e-mail, a UUID, an address, and what was given and is long.

        What a stranger has put beside the person's identifiers as one more, `view_product_detail` or `https://www`,
        must not be rewritten all over the warehouse.
        """
        if len(self.value) > LONGEST:
            return False
        if self.kind == "email":
            return is_email(self.value)
        if self.kind == "address":
            return len(self.value) >= DISTINCTIVE and is_address(self.value)
        long = self.given and len(self.value) >= DISTINCTIVE and _LIKE_AN_IDENTIFIER.fullmatch(self.value)
        return bool(long or _UUID.fullmatch(self.value))

    @cached_property
    def is_sought_in_own_records(self) -> bool:
        """Whether it is looked for inside the texts of the person's own records."""
        likely = self.given or self.is_sought_everywhere or _LIKE_AN_IDENTIFIER.fullmatch(self.value)
        return bool(likely) and 0 < len(self.value) <= LONGEST

    @property
    def is_sought_in_any_case(self) -> bool:
        """Whether upper and lower case are the same: of a short identifier they may be two people's."""
        return self.kind == "email" or self.is_sought_everywhere


def normal(kind: str, text: str | None) -> str | None:
    """An identifier as it is compared and hashed: without blanks around it, an e-mail in lower case, an IP address in
    its one spelling; None for none.
    """
    if kind == "address":
        return address_of(text)
    stripped = (text or "").strip()
    return (stripped.lower() if kind == "email" else stripped) or None


def salted_key(salt: str, text: str) -> UUID:
    """What dbt's macro salted_key computes; of half a surrogate too, which only broken records have."""
    return UUID(hashlib.sha256((salt + text).encode("utf-8", "surrogatepass")).hexdigest()[:32])


def text_key(text: str) -> UUID:
    """What dbt's macro text_key computes."""
    return UUID(hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest())


def is_email(text: str) -> bool:
    """Whether a text is an e-mail address, and nothing around it."""
    return len(text) <= LONGEST and _EMAIL.fullmatch(text) is not None


def can_log_in(email: str) -> bool:
    """Whether models take a text of a field for e-mails as somebody's: as dbt's macro valid_email does."""
    return _LOGIN.fullmatch(email) is not None


def is_placeholder(text: str, ignored: Collection[str]) -> bool:
    """Whether a text in place of a user is nobody's: only zeros, or one of the seed ignored_logins, in any case."""
    return not text.strip().strip("0") or text.strip().lower() in ignored


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def spellings(value: str) -> str:
    """A regular expression for the value as it stands in URLs, encoded once or twice, and in JSON; for Postgres too."""
    return "".join(_spellings_of(character) for character in value)


def _spellings_of(character: str) -> str:
    encoded = quote(character, safe="") if quote(character, safe="") != character else f"%{ord(character):02X}"
    units = character.encode("utf-16-be").hex()
    escaped = "".join(rf"\\{{1,4}}u{units[n : n + 4]}" for n in range(0, len(units), 4))  # also of a JSON within
    codes = [encoded, encoded.replace("%", "%25"), escaped]
    ways = [re.escape(character), *codes, *(code.replace("%", "\0").lower().replace("\0", "%") for code in codes)]
    return f"(?:{'|'.join(dict.fromkeys(ways))})"


def in_any_case(value: str) -> str:
    """The same for a pattern that does not tell upper from lower case, as encoded letters do."""
    return "".join(
        spellings(c) if c.lower() == c.upper() else f"(?:{spellings(c.lower())}|{spellings(c.upper())})" for c in value
    )


def shape_of(value: str) -> str:
    """How a long identifier is built: `8-4-4-4-12` of a UUID. Says next to nothing of it, and finds it again."""
    return "".join(
        str(len(part)) if part[:1].isalnum() else part for part in re.findall(r"[A-Za-z0-9]+|[^A-Za-z0-9]", value)
    )


def pattern_of_shapes(shapes: Iterable[str]) -> str:
    """A regular expression for what has one of the shapes and stands by itself, also in URLs; for Postgres too."""
    patterns = [
        "".join(
            f"[A-Za-z0-9]{{{part}}}" if part.isdigit() else spellings(part)
            for part in re.findall(r"[0-9]+|[^0-9]", shape)
        )
        for shape in sorted(set(shapes))
    ]
    return f"{_BEFORE}(?:{'|'.join(patterns)}){_AFTER}"


def words_of_shape(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """Words of a text with a shape, however they are encoded."""
    for reading in readings_of(text):
        for match in pattern.finditer(reading):
            yield unquote(unquote(match[0]))


@dataclass(frozen=True)
class Sought:
    """An identifier as it is looked for in texts. `core`: its longest word, in lower case, which is found quickly."""

    value: str
    core: str
    pattern: re.Pattern[str]
    replacement: str

    @classmethod
    def exactly(cls, identifier: Identifier) -> Sought:
        """As it is written; an e-mail in any case."""
        if identifier.kind == "email":
            return cls.in_any_case(identifier)
        return cls._of(identifier, _BEFORE + spellings(identifier.value) + _AFTER, 0)

    @classmethod
    def in_any_case(cls, identifier: Identifier) -> Sought:
        """In upper and lower case."""
        before, after = (_BEFORE_EMAIL, _AFTER_EMAIL) if identifier.kind == "email" else (_BEFORE, _AFTER)
        return cls._of(identifier, before + in_any_case(identifier.value) + after, re.IGNORECASE)

    @classmethod
    def _of(cls, identifier: Identifier, pattern: str, flags: int) -> Sought:
        core = max(_WORDS.findall(identifier.value.lower()), key=len, default="")
        return cls(identifier.value, core, re.compile(pattern, flags), identifier.replacement)


class Replacer:
    """Puts the replacements in the place of identifiers.

    `own`: the record is one of the person's, so that short identifiers count too; elsewhere only those that cannot be
    mistaken are looked for.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self.identifiers = tuple(identifiers)
        self.by_kind = {
            kind: {each.value: each.replacement for each in self.identifiers if each.kind == kind and each.value}
            for kind in KINDS
        }
        known = sorted({i for i in self.identifiers if i.value}, key=lambda i: (-len(i.value), i.value))
        self._in_any_case = {
            (i.kind, i.value.lower()): i.replacement for i in reversed(known) if i.is_sought_in_any_case
        }
        own, sure = (
            [i for i in known if i.is_sought_in_own_records],
            [i for i in known if i.is_sought_everywhere],
        )
        # Two that differ in their case alone are told apart wherever one of them is written as it is.
        any_case = [Sought.in_any_case(i) for i in sure if i.kind != "email"]
        self._own = [*map(Sought.exactly, own), *any_case]
        self._sure = [*map(Sought.exactly, sure), *any_case]

    @cached_property
    def sure_pattern(self) -> str | None:
        """What a text matches (by Postgres' `~*`) that may hold one of the identifiers that cannot be mistaken."""
        found = [in_any_case(i.value) for i in self.identifiers if i.value and i.is_sought_everywhere]
        return "|".join(found) or None

    def exact(self, kind: str, value: str | None) -> str | None:
        """The replacement where the whole value is an identifier of this kind; else the value."""
        known = normal(kind, value)
        if known is None:
            return value
        return self.by_kind[kind].get(known) or self._in_any_case.get((kind, known.lower())) or value

    def text(self, value: str, *, own: bool) -> str:
        """The text with identifiers replaced wherever they stand by themselves."""
        return replaced(value, self._likely_in(value, own=own))

    def json_text(self, value: str, *, own: bool) -> str:
        """The same for JSON, also broken JSON: a number that is an identifier becomes a string."""
        sought = self._likely_in(value, own=own)

        def scalar(match: re.Match[str]) -> str:
            old = match[0]
            if old.startswith('"'):
                return replaced_in_string(old, sought)
            new = replaced(without_zero_fraction(old), sought)
            return json.dumps(new) if NUMBER.fullmatch(new) is None else old

        return _JSON_SCALARS.sub(scalar, value) if sought else value

    def _likely_in(self, value: str, *, own: bool) -> list[Sought]:
        """What may stand in a text: a search for plain words, which most texts end with."""
        sought = self._own if own else self._sure
        if not sought:
            return []
        readings = "\n".join(readings_of(value)).lower()
        return [each for each in sought if each.core in readings]

    def raw(self, value: bytes, *, own: bool) -> bytes:
        """The same for the bytes of a record, whatever they are; unchanged ones stay as they are, byte for byte."""
        record = open_record(value)
        new = self.text(self.json_text(record.text, own=own), own=False)
        return value if new == record.text else record.close(new)

    def broken(self, value: bytes, *, own: bool) -> bytes:
        """The same for a record that could not be read: it may break off within an identifier."""
        value = self.raw(value, own=own)
        record = open_record(value)
        for each in self._own if own else self._sure:
            end = record.text[-len(each.value) :].lower()
            shortest = max(DISTINCTIVE, len(each.value) // 2)
            for length in range(len(each.value) - 1, shortest - 1, -1):
                if end.endswith(each.value[:length].lower()):
                    return record.close(record.text[:-length] + each.replacement)
        return value

    def is_own(self, value: bytes, kinds: Mapping[str, str]) -> bool:
        """Whether a record that could not be read is one of the person's. `kinds`: of the fields with identifiers."""
        return any(self.exact(kind, text) != text for kind, text in identifiers_in(value, kinds))


def replaced(value: str, sought: Iterable[Sought]) -> str:
    """The text with what is sought replaced, one after the other."""
    for each in sought:
        value = each.pattern.sub(each.replacement, value)
    return value


def replaced_in_string(old: str, sought: Sequence[Sought]) -> str:
    """The same within a JSON string, which stays one: a backslash before an identifier may have made its first letter
    another sign (`\\b`), or be the escape of a JSON within.
    """
    new = replaced(old, sought)
    if new == old or is_json(new):
        return new
    try:
        return json.dumps(replaced(json.loads(old, strict=False), sought))
    except ValueError:  # it was none before
        return new


def is_json(text: str) -> bool:
    """Whether a text is JSON, with line breaks and the like in its strings or without."""
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True


NUMBER = re.compile(r"-?\d[\d.eE+-]*")


def without_zero_fraction(number: str) -> str:
    """`7.0` as `7`. Linear, where a pattern that ends with the number tries each of its zeros as the first."""
    whole, dot, fraction = number.rpartition(".")
    return whole if dot and fraction and not fraction.strip("0") else number


def identifiers_in(value: bytes, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(kind, text) of the identifiers that a record names in these fields, also when it is broken JSON."""
    if not kinds:
        return
    names, pattern = _fields(frozenset(kinds))
    for spelled, scalar in pattern.findall(open_record(value).text):
        kind = kinds[names[spelled]]
        with suppress(ValueError):
            text = json.loads(closed(scalar)) if scalar.startswith('"') else without_zero_fraction(scalar)
            if known := normal(kind, text):
                yield kind, known


@lru_cache(maxsize=64)
def _fields(names: frozenset[str]) -> tuple[dict[str, str], re.Pattern[str]]:
    """What finds these fields in JSON: (name by how JSON may spell it, pattern of spelled name and value)."""
    spelled = {json.dumps(name, ensure_ascii=is_ascii)[1:-1]: name for name in names for is_ascii in (True, False)}
    either = "|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))
    return spelled, re.compile(f'"({either}){_SCALAR_OF_FIELD}', re.DOTALL)


def closed(string: str) -> str:
    """A JSON string that a record broken off in it left open, closed."""
    return string if len(string) > 1 and string.endswith('"') else string + '"'


def readings_of(text: str) -> Iterator[str]:
    """The text as it stands, without JSON's escapes, and without those of URLs, once and twice."""
    yield text
    for decode in (lambda t: _ESCAPES.sub(lambda code: chr(int(code[1], 16)), t), unquote, unquote):
        if (decoded := decode(text)) != text:
            text = decoded
            yield text


def emails_in_words(text: str) -> Iterator[str]:
    """E-mail addresses in a text, however they are encoded, as they are compared: each that may begin at a word."""
    found: dict[str, None] = {}
    for reading in readings_of(text):
        before = 0
        while (sign := reading.find("@", before)) >= 0:
            found |= dict.fromkeys(emails_around(reading, sign, before))
            before = sign + 1
    yield from found


def emails_around(text: str, sign: int, start: int) -> Iterator[str]:
    """E-mail addresses with the "@" at a place of the text, none of which begins before `start`."""
    behind = text[sign + 1 : sign + 2 + LONGEST_DOMAIN]
    domains = {match[0] for pattern in _DOMAINS if (match := pattern.match(behind))}
    if not domains:
        return
    backwards = text[max(start, sign - LONGEST_LOCAL) : sign][::-1]
    matched = _LOCAL_BACKWARDS.match(backwards)
    local = matched[0][::-1] if matched else ""
    beginnings = {0} | {match.start() for match in _LOCAL_BEGINS.finditer(local)}
    for begin in sorted(beginnings)[-_BEGINNINGS:]:
        for domain in domains:
            if known := normal("email", f"{local[begin:]}@{domain}"):
                yield known
