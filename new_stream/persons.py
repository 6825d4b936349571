"""What looks like a person: by the name of a field, and by every value of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from new_stream.names import several, words_of

EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+[0-9][0-9 ().-]{6,20}[0-9]")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?")
_CARD = re.compile(r"[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}")

_PERSONS = several(
    "user customer client member account acct person people visitor subscriber patient employee rider passenger driver"
    " guest host owner author sender recipient contact buyer seller player student login actor attendee tenant borrower"
    " lender payer payee cardholder holder assignee reporter applicant candidate"
)
_DEVICES = several("device cookie fingerprint anonymous uid idfa gaid imei mac")
_NAMES = several("firstname lastname surname fullname username nickname forename realname")
_MAILS = several("email mail mails emails")
_PHONES = several("phone mobile telephone tel fax msisdn cellphone")
_ADDRESSES = several("street address addr")
_PAPERS = several("iban ssn passport birth birthdate birthday dob taxid nin creditcard pan")
_ID = several("id ids uuid guid key no number num nr ref hash handle login")


@dataclass(frozen=True)
class Person:
    """Why a field is personal; `identifies` and `enrichment` as the contract has them, for `landfall erase`."""

    why: str
    identifies: str | None = None
    enrichment: str | None = None


def by_name(name: str, inside: str | None = None) -> Person | None:
    """What a field's name says of a person; `inside`: the object that it is a member of."""
    words = words_of(name)
    joined, has = "".join(words), set(words)
    if has & _MAILS or joined.endswith("email"):
        return Person("its name says e-mail", identifies="email")
    if has & {"ip", "ipv4", "ipv6"} or joined in ("remoteaddr", "remotehost", "xforwardedfor"):
        return Person("its name says IP address", enrichment="ip")
    if has & _PHONES:
        return Person("its name says phone", identifies="user")
    if has & _PAPERS:
        return Person("its name says papers of a person", identifies="user")
    if has & _NAMES or joined in _NAMES or ("name" in has and (has & _PERSONS or has & {"first", "last", "full"})):
        return Person("its name says a person's name")
    if has & _ADDRESSES:
        return Person("its name says address")
    if words and words[0] in _PERSONS and (len(words) == 1 or words[-1] in _ID):
        return Person(f"its name says {words[0]}", identifies="user")
    if has & _PERSONS and has & _ID:
        return Person(f"its name says {next(word for word in words if word in _PERSONS)}", identifies="user")
    if has & _DEVICES and (len(words) == 1 or words[-1] in _ID | _DEVICES):
        return Person("its name says device", identifies="device")
    if joined == "name" and (inside is None or several(" ".join(words_of(inside))) & _PERSONS):
        return Person("its name says name")
    return None


def kind_of_value(text: str) -> str | None:
    """`email` (also inside a longer text), `email_alone`, `address`, `phone`, `account` or None."""
    if ("@" in text or "%40" in text) and (found := EMAIL.search(text)) is not None:
        return "email_alone" if found[0] == text.strip() else "email"
    if text[:1] == "+" and _PHONE.fullmatch(text):
        return "phone"
    if text[:1].isalnum() or text[:1] == ":":
        if _IBAN.fullmatch(text) and len(text) >= 15:
            return "account"
        if 7 <= len(text) <= 45 and ("." in text or ":" in text) and _is_address(text):
            return "address"
        if 13 <= len(text) <= 23 and _CARD.fullmatch(text) and _luhn(text):
            return "card"
    return None


def _is_address(text: str) -> bool:
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _luhn(text: str) -> bool:
    digits = [int(letter) for letter in reversed(text) if letter.isdigit()]
    return sum(d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits)) % 10 == 0


def by_values(kinds: dict[str, int], present: int) -> Person | None:
    """What all values of a field say: how many of each kind (see `kind_of_value`), of so many."""
    mails = kinds.get("email_alone", 0) + kinds.get("email", 0)
    if mails:
        alone = kinds.get("email_alone", 0) >= 0.9 * present
        return Person(f"{mails:,} of its values hold an e-mail", identifies="email" if alone else None)
    if kinds.get("address"):
        alone = kinds["address"] >= 0.9 * present
        return Person(f"{kinds['address']:,} of its values are IP addresses", enrichment="ip" if alone else None)
    if kinds.get("phone", 0):
        alone = kinds["phone"] >= 0.9 * present
        return Person(f"{kinds['phone']:,} of its values are phone numbers", identifies="user" if alone else None)
    if kinds.get("account", 0) and kinds["account"] >= 0.5 * present:
        return Person("its values are bank accounts", identifies="user")
    if kinds.get("card", 0) >= max(1, 0.9 * present):
        return Person("its values are card numbers", identifies="user")
    return None
