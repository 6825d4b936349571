"""Identifiers of a person in texts, JSON and bytes, and what stands for them once they are erased. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote
from uuid import UUID

from enrichment.spellings import address_of

KINDS = ("user", "device", "email", "address")
DISTINCTIVE = 10
"""Characters from which an identifier cannot be mistaken for something else (a product, a price) wherever it stands."""
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 253
"""Characters before and behind an e-mail's "@", by RFC 5321."""
# Behind %40 and the like a new word begins, though the last letter is one.
_BEFORE = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_BEFORE_EMAIL = r"(?:(?<![A-Za-z0-9._+-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_AFTER = r"(?![A-Za-z0-9])"
_AFTER_EMAIL = r"(?!\.?[A-Za-z0-9])"
# Strangers send what these meet, so each is linear: a string that is never closed ends with the text, for if it did not
# match, the next quote would begin another one (28 s for a record of 100 KB).
_JSON_SCALARS = re.compile(r'"(?:[^"\\]|\\.)*+"?|(?<![\w.+-])-?\d[\d.eE+-]*(?![\w.])', re.DOTALL)
_FIELDS = re.compile(r'"([A-Za-z_][A-Za-z0-9_.-]*+)"\s*+:\s*+("(?:[^"\\]|\\.)*+"?|-?\d[\d.]*+)', re.DOTALL)
_ESCAPES = re.compile(r"\\u([0-9A-Fa-f]{4})")
# An e-mail is looked for outward from its "@", within its bounds: a pattern that begins with the local part tries each
# letter of a long word as its first (1.7 s for 20,000 of them).
_LOCAL_BACKWARDS = re.compile(r"[^\s@<>()\[\],;:\"\\]*+")
_LOCAL_BEGINS = re.compile(r"(?<![A-Za-z0-9._+-])[A-Za-z0-9._+-]")
_DOMAINS = (re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), re.compile(r"[\w-]+(?:\.[\w-]+)+"))
_BEGINNINGS = 5
"""How many of the words before an "@" may be the first of the local part: in `?to=o'neil@…` there are three."""


@dataclass(frozen=True)
class Identifier:
    """One identifier of a person, and what stands for it from now on.

    `key`: its salted hash. `value`: as it is compared (see `normal`); empty where only its key is known.
    """

    kind: str
    key: UUID
    value: str
    replacement: str


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


def spellings(value: str) -> str:
    """A regular expression for the value as it stands in URLs, encoded once or twice, and in JSON; for Postgres too."""
    return "".join(_spellings_of(character) for character in value)


def _spellings_of(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    encoded = quote(character, safe="") if quote(character, safe="") != character else f"%{ord(character):02X}"
    units = character.encode("utf-16-be").hex()
    escaped = "".join(rf"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
    codes = [encoded, encoded.replace("%", "%25"), escaped]
    ways = [re.escape(character), *codes, *(code.replace("%", "\0").lower().replace("\0", "%") for code in codes)]
    return f"(?:{'|'.join(dict.fromkeys(ways))})"


class Replacer:
    """Puts the replacements in the place of identifiers.

    `own`: the record is one of the person's, so that short identifiers count too; elsewhere only e-mails and
    identifiers that cannot be mistaken are looked for.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self.identifiers = tuple(identifiers)
        self.by_kind = {
            kind: {each.value: each.replacement for each in self.identifiers if each.kind == kind and each.value}
            for kind in KINDS
        }
        known = sorted({i for i in self.identifiers if i.value}, key=lambda i: -len(i.value))
        self._all = self._compiled(known)
        self._sure = self._compiled([i for i in known if is_distinctive(i)])

    @cached_property
    def sure_pattern(self) -> str | None:
        """What a text matches (by Postgres' `~*`) that may hold one of the identifiers that cannot be mistaken."""
        found = [spellings(i.value) for i in self.identifiers if i.value and is_distinctive(i)]
        return "|".join(found) or None

    def exact(self, kind: str, value: str | None) -> str | None:
        """The replacement where the whole value is an identifier of this kind; else the value."""
        known = normal(kind, value)
        return value if known is None else self.by_kind[kind].get(known, value)

    def text(self, value: str, *, own: bool) -> str:
        """The text with identifiers replaced wherever they stand by themselves."""
        for pattern, replacement in self._all if own else self._sure:
            value = pattern.sub(replacement, value)
        return value

    def json_text(self, value: str, *, own: bool) -> str:
        """The same for JSON, also broken JSON: a number that is an identifier becomes a string."""

        def replaced(match: re.Match[str]) -> str:
            scalar = match[0]
            if scalar.startswith('"'):
                return self.text(scalar, own=own)
            new = self.text(without_zero_fraction(scalar), own=own)
            return json.dumps(new) if EMPTY_NUMBER.fullmatch(new) is None else scalar

        return _JSON_SCALARS.sub(replaced, value)

    def raw(self, value: bytes, *, own: bool) -> bytes:
        """The same for the bytes of a record, whatever they are."""
        text = value.decode("utf-8", "surrogateescape")
        return self.text(self.json_text(text, own=own), own=False).encode("utf-8", "surrogateescape")

    def is_own(self, value: bytes, kinds: Mapping[str, str]) -> bool:
        """Whether a record that could not be read is one of the person's. `kinds`: of the fields with identifiers."""
        return any(self.exact(kind, text) != text for kind, text in identifiers_in(value, kinds))

    @staticmethod
    def _compiled(identifiers: Iterable[Identifier]) -> list[tuple[re.Pattern[str], str]]:
        found = []
        for each in identifiers:
            is_email = each.kind == "email"
            before, after = (_BEFORE_EMAIL, _AFTER_EMAIL) if is_email else (_BEFORE, _AFTER)
            pattern = re.compile(before + spellings(each.value) + after, re.IGNORECASE if is_email else 0)
            found.append((pattern, each.replacement))
        return found


EMPTY_NUMBER = re.compile(r"-?\d[\d.eE+-]*")


def without_zero_fraction(number: str) -> str:
    """`7.0` as `7`. Linear, where a pattern that ends with the number tries each of its zeros as the first."""
    whole, dot, fraction = number.rpartition(".")
    return whole if dot and fraction and not fraction.strip("0") else number


def identifiers_in(value: bytes, kinds: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(kind, text) of the identifiers that a record names in these fields, also when it is broken JSON."""
    for name, scalar in _FIELDS.findall(value.decode("utf-8", "replace")):
        if name in kinds:
            with suppress(ValueError):
                text = json.loads(closed(scalar)) if scalar.startswith('"') else without_zero_fraction(scalar)
                if known := normal(kinds[name], text):
                    yield kinds[name], known


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


def is_distinctive(identifier: Identifier) -> bool:
    """Whether it can be looked for in any text: an e-mail, or a long one."""
    return identifier.kind == "email" or len(identifier.value) >= DISTINCTIVE
