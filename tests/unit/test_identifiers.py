"""Identifiers of a person are found however they are written, and nothing else is."""

import json
import re
import time
from collections.abc import Callable

import pytest

from erasure.identifiers import Identifier, Replacer, emails_in_words, identifiers_in, normal, salted_key, spellings
from landing_stream.classify import nesting

SALT = "salt"
EMAIL, USER, DEVICE = "ada@example.com", "502567", "beb2cacb-20af-4f05-9c03-c98e54a1b71a"
PERSON = Replacer(
    Identifier(kind, salted_key(SALT, value), value, stands)
    for kind, value, stands in (("email", EMAIL, "E"), ("user", USER, "U"), ("device", DEVICE, "D"))
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://x.example/?m={EMAIL}&u={USER}", "https://x.example/?m=E&u=U"),
        ("https://x.example/?m=ADA%40Example.com#502567", "https://x.example/?m=E#U"),
        ("https://x.example/?next=https%3A%2F%2Fy%3Fm%3Dada%2540example%252Ecom%26u%3D502567", None),
        (f"/account/{USER}/rings.html", "/account/U/rings.html"),
        (f"Write to {EMAIL}.", "Write to E."),
        (f"cookie={DEVICE};", "cookie=D;"),
        (f"exports/{EMAIL}.csv.gz", "exports/E.csv.gz"),
        (f"{DEVICE.upper()} 1502567 5025671", "D 1502567 5025671"),
        (f"https://x.example/%62{DEVICE[1:].replace('-', '%2d')}", "https://x.example/D"),
        ("grace.ada@example.com ada@example.com.br ada@example.community", None),
    ],
)
def test_identifiers_stand_in_texts_by_themselves(text: str, expected: str | None) -> None:
    untouched = "grace" in text
    found = PERSON.text(text, own=True)
    assert found == (expected or (text if untouched else "https://x.example/?next=https%3A%2F%2Fy%3Fm%3DE%26u%3DU"))


def test_a_short_identifier_counts_in_the_persons_own_records_alone() -> None:
    assert PERSON.text(f"{USER} {EMAIL} {DEVICE}", own=False) == f"{USER} E D"


def test_json_stays_json_and_all_else_in_it_as_it_was_written() -> None:
    text = (
        '{"a":502567,"b":"502567","c":502567.0,"m":"ada\\u0040example.com","n":5025670,"x":[1,2.50,-3e5],"d":"1502567"}'
    )
    assert PERSON.json_text(text, own=True) == (
        '{"a":"U","b":"U","c":"U","m":"E","n":5025670,"x":[1,2.50,-3e5],"d":"1502567"}'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"\b{DEVICE[1:]} of {DEVICE}", f"\b{DEVICE[1:]} of D"),
        (json.dumps({"m": "X", "d": DEVICE}).replace(DEVICE[0], r"\u0062"), json.dumps({"m": "X", "d": "D"})),
        (json.dumps({"say": f'"{EMAIL}"'}), json.dumps({"say": '"E"'})),
    ],
)
def test_what_stands_behind_a_backslash_leaves_json_readable(value: str, expected: str) -> None:
    found = PERSON.json_text(json.dumps({"note": value, "n": 1}), own=True)
    assert json.loads(found) == {"note": expected, "n": 1}


def test_bytes_that_are_no_json_and_no_text_are_kept_but_for_the_person() -> None:
    record = b'{"user_id": 502567, "price": NaN, "mail": "ADA@example.com" \xff\x00'
    assert PERSON.is_own(record, {"user_id": "user"})
    assert PERSON.raw(record, own=True) == b'{"user_id": "U", "price": NaN, "mail": "E" \xff\x00'
    assert not PERSON.is_own(b'{"product_id": 502567', {"user_id": "user"})
    assert list(identifiers_in(b'{"user_id": " 7.0 ", "uid": 7.0, "x": "y"', {"user_id": "user", "uid": "device"})) == [
        ("user", "7.0"),
        ("device", "7"),
    ]


def test_a_field_is_found_in_a_broken_record_whatever_it_is_called() -> None:
    kinds = {'the "user"': "user", "e-mail @ désk": "email", "a.b": "device", "$": "device"}
    record = {'the "user"': "u7", "e-mail @ désk": "Ada@Example.com", "a.b": 5, "axb": 6, "$": "x"}
    expected = [("user", "u7"), ("email", "ada@example.com"), ("device", "5"), ("device", "x")]
    for is_ascii in (True, False):
        assert list(identifiers_in(json.dumps(record, ensure_ascii=is_ascii)[:-1].encode(), kinds)) == expected


def test_whole_values_are_compared_without_blanks_and_e_mails_in_lower_case() -> None:
    assert PERSON.exact("email", " ADA@Example.com ") == "E"
    assert PERSON.exact("user", f" {USER}") == "U"
    assert PERSON.exact("user", "7") == "7"
    assert PERSON.exact("device", None) is None
    assert [normal("email", text) for text in ("  ", None, "A@B")] == [None, None, "a@b"]


def test_postgres_and_python_read_the_same_pattern() -> None:
    assert re.fullmatch(spellings("a@b-ü"), "a%40b%2D\\u00fc")
    assert PERSON.sure_pattern is not None
    assert USER not in PERSON.sure_pattern


def test_e_mails_are_found_in_any_text() -> None:
    text = 'x=ada%40example.com&y=https%3A%2F%2Fz%3Fm%3Dbob%2540example.org {"m": "eve\\u0040example.net"}'
    assert {"ada@example.com", "eve@example.net"} <= set(emails_in_words(text))


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("/search?to=o'neil@example.com", "o'neil@example.com"),
        ("/search?to=neil@example.com", "neil@example.com"),
        ("%41da%40example.com", "ada@example.com"),
        (r'{"m": "\u0061da\u0040ex\u0061mple.com"}', "ada@example.com"),
        ("exports/ada@example.com.csv.gz", "ada@example.com"),
        ("<ada@exämple.de>, Ada@example.com", "ada@example.com"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_an_e_mail_is_found_by_its_sign_whatever_stands_before_it(text: str, email: str) -> None:
    assert email in set(emails_in_words(text))


def test_half_a_surrogate_of_a_broken_record_has_a_key() -> None:
    ((kind, text),) = identifiers_in(b'{"user_id": "\\ud800", NaN', {"user_id": "user"})
    assert (kind, text) == ("user", "\ud800")
    assert salted_key(SALT, text) != salted_key(SALT, "")


PIECES = [
    *("a", "@", "a@", "%40", "%2540", "a@b.c", "ada@example.", r"\u0040", r"\u0040a.b"),
    *('"', '\\"', '"\\', '{"user_id":"', '"user_id":', '"a":"\\', "1", "1.0", "0", "-", "1e", " ", "'", "="),
]
READERS: list[Callable[[str], object]] = [
    lambda text: list(emails_in_words(text)),
    lambda text: list(identifiers_in(text.encode(), {"user_id": "user"})),
    lambda text: PERSON.raw(text.encode(), own=True),
    lambda text: nesting(b"[" * 1001 + text.encode()),
]


@pytest.mark.parametrize("piece", PIECES)
def test_twice_the_text_takes_twice_the_time(piece: str) -> None:
    """What strangers send meets these patterns: a quadratic one took 28 s for a record of 100 KB, and holds the GIL."""

    def seconds(reader: Callable[[str], object], characters: int) -> float:
        text = piece * (characters // len(piece))
        began = time.thread_time()
        reader(text)
        return time.thread_time() - began

    for reader in READERS:
        # a pause of the machine makes one look slow; a quadratic reader takes four times as long at each
        looks = range(5)
        assert any(seconds(reader, 64_000) <= 2.5 * seconds(reader, 32_000) + 0.002 for _ in looks), reader
