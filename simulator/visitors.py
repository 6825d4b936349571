"""Who sends the events: browsers, known bots, screens, addresses, people."""

import random

from simulator.batch import pick

_CHROME = ("137.0.0.0", "138.0.0.0", "139.0.7258.66", "81.0.4044.138", "126.0.6478.127")
_DESKTOPS = (
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "Windows NT 6.1; Win64; x64",
)
_PHONES = ("SM-G991B", "SM-A515F", "Pixel 8", "M2101K6G", "CPH2211", "K")
_IOS = ("13_4_1", "16_6", "17_5_1", "18_3")


def _browsers() -> tuple[str, ...]:
    webkit, khtml = "AppleWebKit/537.36", "(KHTML, like Gecko)"
    agents = []
    for version in _CHROME:
        agents += [f"Mozilla/5.0 ({system}) {webkit} {khtml} Chrome/{version} Safari/537.36" for system in _DESKTOPS]
        agents += [
            f"Mozilla/5.0 (Linux; Android 13; {phone}) {webkit} {khtml} Chrome/{version} Mobile Safari/537.36"
            for phone in _PHONES
        ]
    for version in _IOS:
        iphone = f"Mozilla/5.0 (iPhone; CPU iPhone OS {version} like Mac OS X) AppleWebKit/605.1.15 {khtml}"
        safari = f"{iphone} Version/{version.split('_')[0]}.1 Mobile/15E148 Safari/604.1"
        # Several times: phones with Safari are a third of the visitors.
        agents += [safari] * 5
        agents += [f"{iphone} Mobile/15E148 [FBAN/FBIOS;FBDV/iPhone12,1;FBMD/iPhone;FBSN/iOS;FBSV/{version}]"]
    for version in ("128.0", "115.0"):
        agents += [f"Mozilla/5.0 ({system}; rv:{version}) Gecko/20100101 Firefox/{version}" for system in _DESKTOPS[:3]]
    agents += [
        f"Mozilla/5.0 ({_DESKTOPS[0]}) {webkit} {khtml} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
        f"Mozilla/5.0 ({_DESKTOPS[1]}) AppleWebKit/605.1.15 {khtml} Version/17.5 Safari/605.1.15",
        f"Mozilla/5.0 (Linux; Android 12; SAMSUNG SM-A525F) {webkit} {khtml} SamsungBrowser/25.0 "
        "Chrome/121.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 ({_DESKTOPS[0]}) {webkit} {khtml} Chrome/120.0.0.0 Safari/537.36 OPR/106.0.0.0",
    ]
    return tuple(agents)


BROWSERS = _browsers()

BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.6478.182 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Pinterest/0.2 (+https://www.pinterest.com/bot.html)",
    "python-requests/2.32.3",
)

CRAWLER_RESOLUTION = "2000x2000"
_RESOLUTIONS = (
    "375x667", "414x896", "390x844", "360x771", "393x851", "412x915", "1366x768", "1920x1080", "1536x864", "1280x720",
    "1440x900", "2560x1440", "1024x1366", "768x1024",
)  # fmt: skip
_NAMES = (
    "anna",
    "ben",
    "carla",
    "david",
    "elena",
    "finn",
    "gül",
    "hugo",
    "ines",
    "jonas",
    "katja",
    "léa",
    "mia",
    "noah",
)


def resolution(rng: random.Random) -> str:
    """A screen, `WxH` in pixels."""
    return pick(rng, _RESOLUTIONS)


def address(rng: random.Random) -> str:
    """An IPv4 address outside the private and special ranges' first octets."""
    first = pick(rng, (2, 5, 31, 37, 46, 62, 78, 80, 86, 91, 93, 109, 151, 178, 188, 189, 200, 212))
    bits = rng.getrandbits(24)
    return f"{first}.{bits >> 16}.{bits >> 8 & 255}.{bits & 255}"


def email(rng: random.Random) -> str:
    """An e-mail address in a domain that is reserved for examples (RFC 2606)."""
    return f"{pick(rng, _NAMES)}{int(rng.random() * 100_000)}@example.{pick(rng, ('com', 'org', 'net'))}"


def device_id(rng: random.Random) -> str:
    """A random (version 4) UUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
