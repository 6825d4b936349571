"""What brings a visit: links of other sites, campaigns or nothing; and how often it is somebody who is known."""

import random
from dataclasses import dataclass
from functools import cache
from itertools import accumulate


@dataclass(frozen=True)
class Source:
    """A way to the shop.

    `weight`: of all people's visits. `referrers`: pages that link here, "" for none, each as likely. `utm`: source and
    medium of its campaign. `click_id`: the parameter that the advertiser's network adds to the address. `returning`:
    the share of its visits that people make who are known already. `reminds`: the share of them that come for a cart
    which was left.
    """

    weight: float
    referrers: tuple[str, ...]
    returning: float
    utm: tuple[str, str] | None = None
    click_id: str = ""
    reminds: float = 0.0


_SEARCH = (
    *("https://www.google.com/",) * 5, *("https://www.google.de/",) * 4, "https://www.bing.com/", "https://yandex.ru/",
    "https://duckduckgo.com/", *("android-app://com.google.android.googlequicksearchbox/",) * 2,
)  # fmt: skip
_SOCIAL = ("https://www.facebook.com/", "https://l.instagram.com/", "https://www.pinterest.com/")

DIRECT = Source(21, ("",), 0.50, reminds=0.04)
SOURCES = (
    DIRECT,
    Source(32, _SEARCH, 0.25),
    Source(11, _SOCIAL, 0.15, click_id="fbclid"),
    Source(5, ("https://mail.yahoo.com/", "https://mail.google.com/"), 0.70, reminds=0.07),
    Source(3, ("https://chatgpt.com/",), 0.12),
    Source(6, ("https://www.hochzeit-blog.example/ringe?ref=lumera",), 0.12),
    Source(9, ("https://www.google.com/", "https://www.google.de/"), 0.15, ("google", "cpc"), "gclid"),
    Source(5, ("https://www.facebook.com/", "https://l.instagram.com/"), 0.10, ("facebook", "social"), "fbclid"),
    Source(3, ("", "https://www.hochzeit-blog.example/"), 0.75, ("criteo", "retargeting"), reminds=0.08),
    Source(2, ("https://www.idealo.de/",), 0.15, ("idealo", "psm")),
    Source(3, ("", "https://mail.yahoo.com/"), 0.65, ("newsletter", "email"), reminds=0.06),
)


@cache
def _weights() -> tuple[float, ...]:
    return tuple(accumulate(source.weight for source in SOURCES))


def draw(rng: random.Random, *, is_bot: bool) -> Source:
    """A source by its weight; robots follow no link and no campaign."""
    return DIRECT if is_bot else rng.choices(SOURCES, cum_weights=_weights())[0]


def query(rng: random.Random, source: Source) -> str:
    """The parameters that it leaves in the addresses of the visit; empty without one."""
    parts = [f"utm_source={source.utm[0]}&utm_medium={source.utm[1]}"] if source.utm else []
    if source.click_id and rng.random() < 0.9:
        start = "IwAR" if source.click_id == "fbclid" else "Cj0KCQ"
        parts.append(f"{source.click_id}={start}{rng.getrandbits(228):057x}")
    return "&".join(parts)


def tags(rng: random.Random, source: Source) -> bytes:
    """The JSON members `recommendation`, `utm_source`, `utm_medium` of a visit, ending in a comma.

    Text for a campaign, else false or absent; now and then with a field of no contract.
    """
    if source.utm:
        utm = f'"utm_source":"{source.utm[0]}","utm_medium":"{source.utm[1]}",'
        return f'"recommendation":false,{utm}'.encode()
    drawn = rng.random()
    if drawn < 0.23:
        return b""
    experiment = f'"ab_test":"{rng.choice("AB")}",' if drawn < 0.245 else ""
    return f'"recommendation":false,"utm_source":false,"utm_medium":false,{experiment}'.encode()
