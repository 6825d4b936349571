"""One address and one host in many spellings: Python, Postgres and what models and enricher put before say the same."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from database.connect import connect
from database.spellings import address_of, host_of
from enrichment.tables import IP_ADDRESS, SPELLINGS, URL_HOST
from landfall.settings import Settings
from tests.conftest import Connection
from tests.enrichment.conftest import Lake
from tests.growth import grows_too_fast

ADDRESSES: dict[str, str | None] = {
    "203.0.113.7": "203.0.113.7",
    " 203.0.113.7\t": "203.0.113.7",
    "\ufeff203.0.113.7\u00a0": "203.0.113.7",
    "203.0.113.7:50000": "203.0.113.7",
    "203.0.113.7:": "203.0.113.7",
    "[203.0.113.7]:80": "203.0.113.7",
    "::ffff:203.0.113.7": "203.0.113.7",
    "::FFFF:CB00:7107": "203.0.113.7",
    "0:0:0:0:0:ffff:203.0.113.7": "203.0.113.7",
    "[::ffff:203.0.113.7]:443": "203.0.113.7",
    "203.000.113.007": "203.0.113.7",
    "203.0.113.7, 198.51.100.1, 10.0.0.1": "203.0.113.7",
    "203.0.113.7:50000,198.51.100.1": "203.0.113.7",
    "2001:db8::7": "2001:db8::7",
    "2001:DB8::7": "2001:db8::7",
    "2001:0db8:0:0:0:0:0:7": "2001:db8::7",
    "2001:db8:0000:0000::0007": "2001:db8::7",
    "[2001:db8::7]": "2001:db8::7",
    "[2001:db8::7]:443": "2001:db8::7",
    "2001:db8::7%eth0": "2001:db8::7",
    "[fe80::1%25eth0]:80": "fe80::1",
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    "::1": "::1",
    "::": "::",
    "::1.2.3.4": "::1.2.3.4",
    "64:ff9b::1.2.3.4": "64:ff9b::102:304",
    # no address: as it is, and still counted
    "unknown": "unknown",
    " localhost:8080 ": "localhost:8080",
    "unknown, 203.0.113.7": "unknown, 203.0.113.7",
    "203.0.113.7:http": "203.0.113.7:http",
    "203.0.113.0/24": "203.0.113.0/24",
    "203.0.113.256": "203.0.113.256",
    "203.0.113": "203.0.113",
    "203.0.113.7.": "203.0.113.7.",
    "2001:db8::7::1": "2001:db8::7::1",
    "::.80": "::.80",
    "٢٠٣.0.113.7": "٢٠٣.0.113.7",
    ",": ",",
    "erased-4f0c-address-1": "erased-4f0c-address-1",
    "": None,
    " \t\n": None,
}
HOSTS: dict[str, str | None] = {
    "https://www.glamira.at/x": "www.glamira.at",
    "https://www.glamira.at": "www.glamira.at",
    "https://WWW.Glamira.AT/x": "www.glamira.at",
    "HTTPS://www.glamira.at/x": "www.glamira.at",
    "https://www.glamira.at./x": "www.glamira.at",
    "https://www.glamira.at..": "www.glamira.at",
    " https://www.glamira.at/x": "www.glamira.at",
    "\ufeff\thttps://www.glamira.at/x\r\n": "www.glamira.at",
    "https://www.gla\nmira.at/x": "www.glamira.at",
    "https://www.glamira.at:443/x": "www.glamira.at",
    "https://www.glamira.at:/x": "www.glamira.at",
    "https://www.glamira.at?x/y": "www.glamira.at",
    "https://www.glamira.at#x": "www.glamira.at",
    "https://www.glamira.at\\x": "www.glamira.at",
    "https:\\\\www.glamira.at\\x": "www.glamira.at",
    "https:///www.glamira.at/x": "www.glamira.at",
    "//www.glamira.at/x": "www.glamira.at",
    "https://user@www.glamira.at/x": "www.glamira.at",
    "https://user:secret@www.glamira.at/x": "www.glamira.at",
    "https://user:p@ss@www.glamira.at/x": "www.glamira.at",
    "https://@www.glamira.at/x": "www.glamira.at",
    "https://www.glamira.at/@somebody": "www.glamira.at",
    "https://www.glamira.at?mail=a@b.example": "www.glamira.at",
    "android-app://com.google.android.gm/": "com.google.android.gm",
    "https://bücher.example/x": "xn--bcher-kva.example",
    "https://BÜCHER.example/x": "xn--bcher-kva.example",
    "https://bu\u0308cher.example/x": "xn--bcher-kva.example",
    "https://xn--bcher-kva.example/x": "xn--bcher-kva.example",
    "https://XN--BCHER-KVA.example/x": "xn--bcher-kva.example",
    "https://ｗｗｗ．glamira。at/x": "www.glamira.at",
    "https://例え.テスト/x": "xn--r8jz45g.xn--zckzah",
    "https://[2001:DB8::7]:443/x": "[2001:db8::7]",
    "https://[2001:db8:0:0::7]/x": "[2001:db8::7]",
    "https://[::ffff:203.0.113.7]/x": "203.0.113.7",
    "https://203.0.113.7:8080/x": "203.0.113.7",
    "http://localhost:3000/x": "localhost",
    "file:///C:/shop.html": "file://",
    "FILE:///C:/shop.html": "file://",
    # no host
    "https://user:p/ss@www.glamira.at/x": None,
    "https://user:p?ss@www.glamira.at/x": None,
    "https://user:p#ss@www.glamira.at/x": None,
    "https://user:p\\ss@www.glamira.at/x": None,
    "https://evil.example／@www.glamira.at": "www.glamira.at",
    "https://www.glamira.at／.evil.example/": None,
    "https://www glamira.at/x": None,
    "https://<script>/": None,
    "https://[2001:db8::7/x": "[2001:db8::7]",
    "https://[not an address]/x": None,
    "www.glamira.at/x": None,
    "/checkout?x=https://www.glamira.at": None,
    "about:blank": None,
    "data:text/html,https://www.glamira.at/": None,
    "javascript:alert(1)": None,
    "mailto:a@b.example": None,
    "blob:https://www.glamira.at/0": None,
    "https://": None,
    "https://.": None,
    "": None,
}
SIDES: dict[str, tuple[dict[str, str | None], Callable[[str], str | None], tuple[str, str]]] = {
    "address": (ADDRESSES, address_of, ("landing.address_of(text)", IP_ADDRESS.replace("{text}", "text"))),
    "host": (HOSTS, host_of, ("landing.host_of(text)", URL_HOST.replace("{url}", "text"))),
}
PIECES = [
    *("1", "10", "256", "010", "::", "::ffff:", "FFFF", "db8", "2001", ":", ".", "/", "32", "[", "]", "%", " ", ","),
    *(
        "https://",
        "http:",
        "//",
        "\\",
        "file:",
        "user",
        "p@ss",
        "@",
        "80",
        "www.",
        "Glamira",
        ".at",
        "?",
        "#",
        "ü",
        "Ü",
    ),
    *(
        "ß",
        "。",
        "／",
        "＠",
        "例",
        "\t",
        "\u200b",
        "x" * 70,
        "e\u0301",
        "xn--",
        "-",
        "%2E",
        "<",
        "İ",
        "Σ",
        "\U0001f600",
        "ﬁ",
    ),
]


@pytest.fixture(scope="module")
def reader(settings: Settings) -> Iterator[Connection]:
    with connect(settings.as_transformer, autocommit=True) as connection:
        yield connection


def in_postgres(reader: Connection, expression: str, *texts: str) -> dict[str, str | None]:
    query = f"select text, {expression} from unnest(%s::text[]) as sent (text)"
    return dict(reader.execute(query.encode(), (list(texts),)).fetchall())


@pytest.mark.parametrize("side", SIDES)
def test_every_spelling_gives_the_one(side: str, reader: Connection) -> None:
    table, function, expressions = SIDES[side]
    assert {text: function(text) for text in table} == table
    for expression in expressions:
        assert in_postgres(reader, expression, *table) == table


@pytest.mark.parametrize("side", SIDES)
def test_python_and_postgres_agree_on_what_nobody_thought_of(side: str, reader: Connection) -> None:
    _, function, expressions = SIDES[side]
    chance = random.Random(7)
    texts = ["".join(chance.choices(PIECES, k=chance.randint(1, 6))) for _ in range(6_000)]
    texts += [f"https://{text}" for text in texts[:3_000]]
    expected = {text: function(text) for text in texts}
    for expression in expressions:
        assert in_postgres(reader, expression, *texts) == expected


@pytest.mark.parametrize("side", SIDES)
def test_the_one_spelling_stays_as_it_is(side: str) -> None:
    table, function, _ = SIDES[side]
    for spelling in filter(None, table.values()):
        if side == "address":
            assert function(spelling) == spelling
        elif spelling != "file://":
            assert function(f"https://{spelling}/") == spelling


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "piece", [" ", "/", "@", ":", ".", "[", "a", "ü", "ü.", "\u0323\u0308", "\\", ",", "https://", "1.", "::"]
)
def test_twice_the_text_takes_twice_the_time(side: str, piece: str, reader: Connection) -> None:
    _, function, expressions = SIDES[side]

    start = "" if side == "address" else "https://"
    count = 25_000 // len(piece)
    texts = start + piece * count, start + piece * 4 * count
    assert not grows_too_fast(function, *texts)
    for expression in expressions:
        assert not grows_too_fast(partial(in_postgres, reader, expression), *texts, clock=time.perf_counter)


def test_texts_that_older_spellings_found_are_found_again_and_nothing_waits_for_it(lake: Lake) -> None:
    """A full refresh fills the facts with the keys of today: their texts have to be known by them."""
    for number in range(3):
        lake.land("web_logs", [{"ip_address": f"::ffff:192.0.2.{number}", "user_agent": "curl/8.1"}])
    lake.land("product_views", [{"referrer_url": "https://www.google.at./"}])
    lake.enricher().run_once()
    lake.rows("delete from enrichment.ip_address returning 1")
    lake.rows("delete from enrichment.referrer_host returning 1")
    lake.rows("update enrichment.progress set spellings = null returning 1")

    enricher = lake.enricher(rows_a_step=1)
    assert enricher.run_once().new == 4
    assert lake.rows("select ip_address from enrichment.ip_address order by 1") == [
        (f"192.0.2.{number}",) for number in range(3)
    ]
    assert lake.rows("select referrer_host, source from enrichment.referrer_host") == [("www.google.at", "Google")]
    assert lake.rows("select distinct spellings, spelled_to from enrichment.progress") == [(SPELLINGS, 0)]
    assert lake.horizon("web_logs") == (3, 3)
    assert lake.enricher().run_once().new == 0
