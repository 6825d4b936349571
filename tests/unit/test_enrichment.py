"""What user agents, addresses and referrer hosts mean."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from database.spellings import address_of, host_of
from enrichment.addresses import NOWHERE, AddressRules, GeoFile, place_in
from enrichment.bots import CLASSES, RULES, BotRules
from enrichment.demo_geo import DESCRIPTION, networks, record, write_demo_geo_file
from enrichment.referrers import ReferrerRules
from enrichment.user_agents import UserAgentRules
from landfall.errors import UserError
from landfall.settings import DEMO_GEO_FILE, Settings
from simulator.visitors import BOTS, BROWSERS
from tests.enrichment.geo_files import city, write_geo_file
from tests.growth import grows_too_fast

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.5 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 15; {device}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0"
    " Mobile Safari/537.36"
)


@pytest.fixture(scope="module")
def agents() -> UserAgentRules:
    return UserAgentRules()


def test_browser_and_os_have_the_family_names_of_uap_core(agents: UserAgentRules) -> None:
    assert agents.read(SAFARI) == ("Mobile Safari", "17.5", "iOS", "17.5.1", "iPhone", False, None, None)
    assert agents.read("something else")[:5] == ("Other", None, "Other", None, "Other")


@pytest.mark.parametrize("agent", ["", " ", "-", SAFARI, *BROWSERS])
def test_people_and_missing_agents_are_no_bots(agents: UserAgentRules, agent: str) -> None:
    assert agents.read(agent)[5:] == (False, None, None)


@pytest.mark.parametrize(
    "device",
    [
        "CUBOT_NOTE_S Build/LMY47I",
        "CUBOT X18",
        "GLX Spider1S Build/KOT49H",
        "HTC_Butterfly",
        "Expanse",
        "Fever_Plus_J",
        "RMX5116 Build/AP3A.240617.008; wv",
    ],
)
def test_the_name_of_a_phone_makes_no_bot(agents: UserAgentRules, device: str) -> None:
    assert agents.read(ANDROID.format(device=device))[5] is False


@pytest.mark.parametrize(
    "agent",
    [
        "ExamplePodcasts/4022.7 CFNetwork/1410.0.3 Darwin/22.6.0",
        "Example podcast/1.0.4 (com.example.audio; build:5; Android 11; Sdk:30; Model: SM-A505FN) OkHttp/4.9.0",
        "com.example.podcast/3.18.0 (iPhone; ) (build 1901, iOS 13.3.1)",
        "Example/12.08 (iPhone11,8; iOS 16.0.2; gzip) grpc-c++/1.33.2 (ios; cronet_http)",
        "Turntable/0.7.7; (Android 13); +https://turntable.example",
        "Example Radio",
        "ExamplePod/2.4.0",
        "Garmin Forerunner 245 Music/11.60",
        "mpv 0.29.1",
        "Listen (https://listen.example.fm)",
        "WhatsApp/2.17.427 Android/6.0 Device/HTC-HTC_Desire_816",
        "[FBAN/FB4A;FBAV/567.1.0.52.74;FBBV/1003893689;FBLC/nl_NL]",
    ],
)
def test_an_app_on_a_phone_and_a_player_are_peoples(agents: UserAgentRules, agent: str) -> None:
    """They use a library, read a feed or name their maker's site, as programs do: that alone makes none a bot."""
    assert agents.read(agent)[5:] == (False, None, None)


@pytest.mark.parametrize(
    ("agent", "bot_class"),
    [
        ("ExampleBot/1.0 CFNetwork/1410.0.3 Darwin/22.6.0", "other"),
        ("Example Podcast Crawler (Android 11)", "other"),
        ("WhatsApp/2.23.20.0 A", "preview"),
        ("{{.custom_user_agent}}", "scanner"),
        ("Mozilla/5.0 (Some Proxy)", "other"),
        ("Mozilla/5.0 Something", "other"),
        ("Some tool, Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/50.0", "other"),
        ("Apache-Maven/3.6.3 (Java 14; Linux 4.19.76)", "library"),
    ],
)
def test_what_is_none_of_an_apps_is_a_bots_still(agents: UserAgentRules, agent: str, bot_class: str) -> None:
    assert agents.read(agent)[5:7] == (True, bot_class)


@pytest.mark.parametrize("agent", BOTS)
def test_every_bot_of_the_simulator_is_caught_with_class_and_reason(agents: UserAgentRules, agent: str) -> None:
    is_bot, bot_class, reason = agents.read(agent)[5:]
    assert is_bot is True
    assert bot_class in CLASSES
    assert reason is not None
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("agent", "bot_class"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "search"),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "seo"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/x)", "ai"),
        ("Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "monitoring"),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "preview"),
        ("NetNewsWire/4.0.0 (Mac OS X; http://netnewswireapp.com/mac/; gzip-happy)", "feed"),
        ("python-requests/2.32.3", "library"),
        ("GuzzleHttp/6.3.3 curl/7.64.1 PHP/7.4.11", "library"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/113.0.0.0", "headless"),
        ("Nuclei - Open-source project (github.com/projectdiscovery/nuclei)", "scanner"),
        ("<script>alert(1)</script>", "scanner"),
        ("Mozilla/5.0 (compatible; NobodyKnowsBot/0.1)", "other"),
        ("Mozilla/5.0 (compatible; Something/1.0; +https://something.example)", "other"),
    ],
)
def test_bots_have_the_class_of_what_they_do(agents: UserAgentRules, agent: str, bot_class: str) -> None:
    assert agents.read(agent)[5:7] == (True, bot_class)


def test_every_rule_gives_a_known_class_and_a_sentence() -> None:
    for rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))["rules"]:
        assert rule["class"] in CLASSES
        assert rule["reason"].endswith(".")


def test_a_changed_rule_changes_the_version(tmp_path: Path) -> None:
    changed = tmp_path / "rules.yaml"
    changed.write_text(RULES.read_text(encoding="utf-8").replace("nikto", "nikto2"), encoding="utf-8")
    assert BotRules(changed).digest != BotRules().digest
    assert UserAgentRules().version == UserAgentRules().version


HOSTILE = (
    *(
        " ",
        "\t",
        "\n",
        "x",
        "1",
        "11",
        "a.",
        ".",
        "-",
        "_",
        "(",
        ")",
        ";",
        "; ",
        "; aa",
        "/",
        "../",
        "<a",
        "${",
        "@",
        "a@a-",
    ),
    *("Android", "Android ", "Android; ", "Adr 1", " Build", "Build/", " Build/", " MIUI/", "compatible; ", "A b "),
    *(
        "EmbeddedWB",
        "EmbeddedWB 1 ",
        "Embedded Web Browser from: ",
        " from: http://",
        "AutoPager",
        "AutoPager (http://",
    ),
    *("MRSPUTNIK", "RadioClicker", "Sogou Search App", "SogouMobile", "coccocbrowser", "1coccoc", "YandexSearch"),
    *("MetaIAB ", "Freespoke/", "union select ", "union ", "mailto:", "http://", "+http", "like Gecko; ", "bot"),
)
"""What patterns wait for or repeat, each of which a stranger can send many times over."""
LENGTHS = (1_000, 4_000, 16_000, 64_000)


@pytest.mark.parametrize(
    "judge",
    [UserAgentRules().read, ReferrerRules().look_up, GeoFile(DEMO_GEO_FILE).place, address_of, host_of],
    ids=["user agents", "hosts", "places", "addresses", "hosts of URLs"],
)
def test_time_grows_with_the_length_of_a_text_and_not_with_its_square(judge: Callable[[str], object]) -> None:
    """2,000 blanks took 0.14 s once: a few hundred such agents stopped every mart of their stream."""
    for piece in HOSTILE:
        texts = [piece * (length // len(piece)) + "x" for length in LENGTHS]
        assert not any(grows_too_fast(judge, text, longer) for text, longer in pairwise(texts)), piece


@pytest.mark.parametrize(
    ("host", "medium", "source"),
    [
        ("www.google.com", "search", "Google"),
        ("google.de", "search", "Google"),
        ("www.google.co.uk", "search", "Google"),
        ("google.evil.example", "other", None),
        ("notgoogle.com", "other", None),
        ("docs.google.com", "other", "Google"),
        ("mail.google.com", "email", "Gmail"),
        ("com.google.android.gm", "email", "Gmail"),
        ("gemini.google.com", "ai", "Gemini"),
        ("chatgpt.com", "ai", "ChatGPT"),
        ("www.perplexity.ai", "ai", "Perplexity"),
        ("m.facebook.com", "social", "Facebook"),
        ("l.instagram.com", "social", "Instagram"),
        ("t.co", "social", "Twitter"),
        ("com.linkedin.android", "social", "LinkedIn"),
        ("www.pinterest.co.uk", "social", "Pinterest"),
        ("duckduckgo.com", "search", "DuckDuckGo"),
        ("de.search.yahoo.com", "search", "Yahoo!"),
        ("webmail.provider.example", "email", "Web mail"),
        ("mail.ru", "other", None),
        ("e.mail.ru", "email", "Mail.ru"),
        ("www.google.com.", "search", "Google"),
        ("localhost", "other", None),
        ("file://", "other", None),
        ("", "other", None),
        ("x" * 100_000, "other", None),
        (".".join("x" * 50_000), "other", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_referrer_is_who_runs_its_host(host: str, medium: str, source: str | None) -> None:
    assert ReferrerRules().look_up(host) == (medium, source)


def test_addresses_lie_where_the_geo_file_says(tmp_path: Path) -> None:
    path = write_geo_file(
        tmp_path / "geo.mmdb",
        {
            "192.0.2.0/24": {**city("GB", "London"), "subdivisions": [{"names": {"en": "England"}}]},
            "2001:db8::/32": {"registered_country": {"iso_code": "VN"}},
            "198.51.100.0/24": {"country": "de", "region": "Berlin", "city": "Berlin"},
        },
    )
    geo = GeoFile(path)
    assert geo.place("192.0.2.1") == ("GB", "Britain (UK)", "England", "London")
    assert geo.place("::ffff:192.0.2.1") == geo.place("192.0.2.1")
    assert geo.place("2001:db8::1%eth0") == ("VN", "Vietnam", "(none)", "(none)")
    assert geo.place("198.51.100.1") == ("DE", "Germany", "Berlin", "Berlin")
    for text in ("203.0.113.1", "", "localhost", "192.0.2", "192.0.2.1:80", "192.0.2.256", "1" * 5_000, "١٢٣.٠.٠.١"):
        assert geo.place(text) == NOWHERE


@pytest.mark.parametrize("found", [None, "DE", 7, [], {}, {"country": 5, "city": {"names": []}, "subdivisions": "x"}])
def test_a_record_of_any_shape_is_read(found: Any) -> None:
    assert place_in(found)[2:] == ("(none)", "(none)")


def test_a_geo_file_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    missing, text, cut, other = (tmp_path / name for name in ("missing.mmdb", "text.mmdb", "cut.mmdb", "other.mmdb"))
    text.write_text("no geo file")
    cut.write_bytes(DEMO_GEO_FILE.read_bytes()[:3_000])
    write_geo_file(other, {"192.0.2.0/24": {"autonomous_system_number": 64496}}, "Test-ASN")
    for path, sentence in (
        (missing, "cannot be read: no such file or directory."),
        (tmp_path, "cannot be read: is a directory."),
        (text, "is no MMDB file, or a damaged one."),
        (cut, "is no MMDB file, or a damaged one."),
        (other, "is of type Test-ASN, which names no countries; a file of countries or cities is needed."),
    ):
        with pytest.raises(UserError) as caught:
            AddressRules(path)
        assert caught.value.message == f"LANDFALL_GEOIP_DATABASE: {path} {sentence}"


def test_the_setting_names_a_file_or_the_one_of_the_demo(tmp_path: Path) -> None:
    home = {"LANDFALL_HOME": str(tmp_path)}
    assert Settings.load(home).geoip_database is None
    assert Settings.load({**home, "LANDFALL_GEOIP_DATABASE": "demo"}).geoip_database == DEMO_GEO_FILE
    assert Settings.load({**home, "LANDFALL_GEOIP_DATABASE": "/x/y.mmdb"}).geoip_database == Path("/x/y.mmdb")


def test_the_geo_file_of_the_demo_is_what_its_program_makes_and_says_that_it_is_made_up(tmp_path: Path) -> None:
    import maxminddb

    write_demo_geo_file(tmp_path / "again.mmdb")
    again, committed = (maxminddb.open_database(path) for path in (tmp_path / "again.mmdb", DEMO_GEO_FILE))
    assert dict(again) == dict(committed)
    assert len(networks()) > 200
    assert committed.get("192.0.2.1") == record("DE|Berlin|Berlin")
    assert committed.metadata().description == {"en": DESCRIPTION}
    assert "Fictitious" in committed.metadata().database_type
