"""What a stranger, a broken client or a bad day puts into a field, and events that hold it, in every field in turn."""

import datetime as dt
import json
import random
from collections.abc import Iterator

from landing_stream.contract import load_contracts
from tests.dbt.events import DAY, Event, uuid_v1

HOSTILE_DAY = DAY + dt.timedelta(days=40)
"""Events with a time of their own are of this day's first hours, so that they meet in windows, minutes and sessions."""
_RANDOM = random.Random(31)
LONG = 100_000

# fmt: off
NUMBERS = (
    "0", "-0", "-0.0", "-1", "+1", "1.", ".5", "1.5", "007", "1e1", "1E+2", "1e99", "-1e99", "1e-99", "1e308", "1e309",
    "1e-400", "9" * 18, "9" * 19, "9" * 30, "-" + "9" * 30, "9" * 30 + "e99", "9" * 400, "0." + "0" * 300 + "1",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "2147483648", "999999999999999.99", "NaN",
    "nan", "Infinity", "-Infinity", "inf", "1_000", "0x1F", "0b1", "1,000.50", "1.000,50", "1'000", "--1", "1-1",
    "١٢٣", "１２３", "²", "½", "1\u00a0000", "1e", "e1", "1e+", "5%", "€5", "(5)",
)
SENTINELS = (
    "", " ", "\t\r\n", "\u00a0", "\u200b", "\ufeff", "(none)", "(NONE)", " (none) ", "Unmapped", "XXX", "null", "NULL",
    "None", "undefined", "N/A", "Other", "direct", "internal", "true", "false", "True", "falsexyz", "{}", "[]", "0",
)
LANGUAGES = (
    "'", "''", '"', "`", "\\", "\\\\", "\\.", "\\N", "\\x41", "\\u0000", "$$", "$1", "$\\frac{$", "%", "%s", "%(x)s",
    "{{ 1 }}", "{% raw %}", "${jndi:ldap://x}", "<script>alert(1)</script>", "<NULL>", "&amp;", "=1+1", "@SUM(1)",
    "'; drop table landing.loads; --", "/*", "*/", "--", ";", "|", "||", "_", "%%", "^.*$", "(a+)+$", "[", "(", "*",
)
LETTERS = (
    "\x01\x02\x1f", "\x7f", "\x85", "\u2028", "\u202e\u2066abc", "\ufffd", "\uffff", "\U0010ffff", "👩\u200d👩\u200d👧",
    "e\u0301", "\u00e9", "İ", "ı", "ß", "ẞ", "ﬁ", "ǆ", "Å", "\u1e9b\u0323", "ｖｉｅｗ", "東京", "𝕏", "a" * LONG,
    " " * LONG, "(" * LONG, "é" * LONG, "".join(_RANDOM.choices("0123456789abcdef", k=LONG)), "9" * LONG,
    "0" * LONG + "1", "Mozilla/5.0 " + " " * 3000 + "(", "a/" * 5000, "1." * 5000,
)
TIMES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+12:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z",
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "1582-10-15T00:00:00Z", "1969-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z", "2026-05-07T24:00:00Z", "2026-05-07T23:59:60Z", "2026-05-07T10:15:00+99:99",
    "2026-05-07T10:15:00+15:59", "2026-05-07T10:15:00+16:00", "2026-05-07T23:59:59.99999999999999999999",
    "2026-05-07T10:15:00-00:00", "2026-05-07 10:15:00", "2026-05-07", "2026-13-01T00:00:00Z", "07/05/2026 10:15",
    "now", "epoch", "infinity", "-infinity", "today", "294276-12-31T23:59:59Z", "4713-01-01T00:00:00 BC",
    "2027-03-28T02:30:00", "2026-10-25T02:30:00", "2026-W19-4", "20260507T101500Z", "2026-05-07T10:15:00Z\n", "1",
    "9999999999", "99999999999", "999999999999", "9999999999999", "0000000000000", "1591266092.99999999999999",
    "253402300799", "253402300800", "1778148900.0000001", "-1778148900", "1778148900000", "1778148900000000",
)
UUIDS = (
    "00000000-0000-1000-8000-000000000000", "ffffffff-ffff-1fff-bfff-ffffffffffff",
    "FFFFFFFF-FFFF-1FFF-BFFF-FFFFFFFFFFFF", "00000000-0000-0000-0000-000000000000",
    "13814000-1dd2-11b2-8000-000000000000", "{13814000-1dd2-11b2-8000-000000000000}",
    "138140001dd211b28000000000000000", "2f7d1f7e-5a0c-4f55-8a61-0f2f6f6a2b11",
    "urn:uuid:13814000-1dd2-11b2-8000-000000000000",
)
ADDRESSES = (
    "::", "::1", "::ffff:203.0.113.9", "0:0:0:0:0:ffff:cb00:7109", "203.0.113.9:443", "[2001:db8::1]:443",
    "2001:DB8::1", "fe80::1%eth0", "203.0.113.9, 198.51.100.7", "unknown, 203.0.113.9", "999.999.999.999",
    "0177.0.0.1", "1.2.3.4/24", "1.2.3", "3405803785", "localhost", 'for="[2001:db8::1]:4711"', "255.255.255.255",
    "2001:db8::/32",
)
URLS = (
    "http://user:secret@www.glamira.de/", "http://user:se/cret@www.glamira.de/", "http://@/", "http://", "http:///x",
    "http://[::1]:80/", "http://[::1", "https://www.glamira.de.:443/x", " https://www.glamira.de/", "//www.glamira.de",
    "HTTPS://WWW.GLAMIRA.DE", "http://" + "a" * 3000 + ".de/", "http://" + "a." * 2000 + "de/", "javascript:alert(1)",
    "file:///", "about:blank", "mailto:a@b", "data:text/html,x", "http://ex ample/", "http://例え.jp/", "http://%00/",
    "http://www.glamira.de:99999999/", "http://www.glamira.de\\@evil.example/", "http://www.glamira.de?x=1",
    "www.glamira.de",
)
JSONS = (
    "[[[]]]", "[null]", "[1, 2]", '["a"]', "[true]", "[[1]]", "[{}]", '{"": ""}', '{"a": {"b": [1]}}', '"text"',
    "1e400", '[{"broken', "[1e400]", "[-0]", "[1e-400]", '{"a": 1, "a": 2}', '["\\u0000"]', '["\\ud800"]', "[1,]",
    "NaN", "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, json.dumps([{"product_id": 1}] * 3000),
    json.dumps({"a" * LONG: "b"}), json.dumps([{"option_label": "x", "value_label": "y" * LONG}]),
    '[{"option_label": 1, "value_label": [1], "value_id": {"a": 1}, "quality": false}]', '[{"option_label": null}]',
)
# fmt: on
TEXTS = tuple(dict.fromkeys((*NUMBERS, *SENTINELS, *LANGUAGES, *LETTERS, *TIMES, *UUIDS, *ADDRESSES, *URLS, *JSONS)))
"""Every hostile text once."""
TOKENS = (
    "1e400",
    "-1e400",
    "1e-400",
    "-0",
    "-1",
    "0.5",
    "1" * 400,
    "true",
    "null",
    "[]",
    "{}",
    "[1]",
    '{"a": 1}',
)
"""JSON that is no text: what a field of a cart's line may hold."""
LINE_FIELDS = ("product_id", "amount", "price", "currency", "option")


def hostile_events(stream: str) -> Iterator[Event]:
    """Each hostile text in each field of the stream's contract, beside fields that are well; and each field absent."""
    fields = [field.name for field in load_contracts()[stream].fields]
    number = 0
    for field in fields:
        for text in (*TEXTS, None):
            for event in ordinary_events(stream, number):
                yield {**event, field: text}
            number += 1
    for cart in hostile_carts() if stream == "product_views" else ():
        yield {**ordinary_events(stream, number)[1], "cart_products": cart}
        number += 1


def mixed_events(stream: str, count: int, seed: int) -> Iterator[Event]:
    """Events of which every third field or so is hostile."""
    chance = random.Random(seed)
    short = [text for text in TEXTS if len(text) < 1_000]
    for number in range(count):
        for event in ordinary_events(stream, 1_000_000 + number):
            yield {name: chance.choice(short) if chance.random() < 0.3 else value for name, value in event.items()}


def hostile_carts() -> Iterator[str]:
    """Carts of two lines, one of which has something hostile in one of its fields."""
    good = '{"product_id": "100", "amount": 1, "price": "10.00", "currency": "€"}'
    for field in LINE_FIELDS:
        for value in (*map(json.dumps, TEXTS), *TOKENS):
            line = {"product_id": '"101"', "amount": "2", "price": '"5.00"', "currency": '"€"', field: value}
            yield f"[{good}, {{{', '.join(f'{json.dumps(name)}: {token}' for name, token in line.items())}}}]"
    many = [{"product_id": "102", "amount": "9" * 18, "price": "9" * 15, "currency": "€"}] * 100
    yield json.dumps(many)


def ordinary_events(stream: str, number: int) -> list[Event]:
    """Events of the hostile day that are well, of the kinds that the marts count; `number` makes their keys."""
    moment = HOSTILE_DAY + dt.timedelta(seconds=number % 7_200)
    match stream:
        case "job_tracking":
            return [
                {
                    "create_time": uuid_v1(moment, number * 4 + place),
                    "custom_track": track,
                    "job_id": "900",
                    "publisher_id": "9.0",
                    "campaign_id": "90",
                    "group_id": "900",
                    "bid": "1.5",
                }
                for place, track in enumerate(("click", "conversion"))
            ]
        case "web_logs":
            return [
                {
                    "event_id": f"hostile-{number}-{action}",
                    "timestamp": moment.isoformat(),
                    "user_id": f"hostile-user-{number % 40}",
                    "ip_address": "198.51.100.7",
                    "action": action,
                    "product_id": "p9",
                    "user_agent": "Mozilla/5.0",
                    "response_time": "0.2",
                    "status_code": "200",
                }
                for action in ("view_product", "checkout")
            ]
        case _:
            return [
                {
                    "id": f"hostile-{number}-{event_type}",
                    "time_stamp": str(int(moment.timestamp())),
                    "collection": event_type,
                    "device_id": f"hostile-device-{number % 40}",
                    "product_id": "900",
                    "store_id": "9",
                    "ip": "198.51.100.7",
                    "user_agent": "Mozilla/5.0",
                    "resolution": "360x771",
                    "current_url": "https://www.glamira.at/ring",
                    "referrer_url": "https://blog.example/",
                    "utm_source": "false",
                    "utm_medium": "false",
                    "show_recommendation": "false",
                    **(
                        {"cart_products": '[{"product_id": "900", "amount": 1, "price": "3,00", "currency": "€"}]'}
                        if event_type == "checkout_success"
                        else {}
                    ),
                }
                for event_type in ("view_product_detail", "checkout_success")
            ]
