"""The 86 stores of a fictional jewellery shop: hosts, languages, currencies, clocks and price notations.

The shop, "Lumera Jewels", is invented. The shapes of its hosts are those of a real international shop: country
suffixes, two-part suffixes, an international `.com`, `.africa`, a brand host of one country, path stores, and hosts
that are not production.
"""

from dataclasses import dataclass
from functools import cache

BRAND_HOST = "lumera-jewels"
GERMAN_BRAND_HOST = "www.trauring-lumera.de"

# suffix | paths of further stores | currency as the shop writes it | ISO code | price notation | UTC offset (min) |
# weight
_TABLE = """
de|/|€|EUR|de|60|90
de:brand|/|€|EUR|de|60|22
at|/|€|EUR|de|60|24
ch|/ /fr /it|CHF|CHF|ch|60|30
li|/|CHF|CHF|ch|60|2
fr|/|€|EUR|fr|60|60
be|/ /fr|€|EUR|de|60|26
lu|/|€|EUR|fr|60|4
nl|/|€|EUR|de|60|24
co.uk|/|£|GBP|en|0|70
ie|/|€|EUR|en|0|10
com|/|USD $|USD|en|-300|55
us|/|$|USD|en|-300|20
ca|/ /fr|CAD $|CAD|en|-300|34
com.au|/|AU $|AUD|en|600|42
co.nz|/|NZD $|NZD|en|720|12
es|/|€|EUR|de|60|36
pt|/|€|EUR|de|0|14
it|/|€|EUR|de|60|38
com.mt|/|€|EUR|en|60|3
gr|/|€|EUR|de|120|12
com.cy|/|€|EUR|de|120|3
se|/|kr|SEK|fr|60|34
no|/|kr|NOK|fr|60|18
dk|/|kr.|DKK|de|60|20
fi|/|€|EUR|fr|120|14
is|/|kr|ISK|de0|0|3
ee|/|€|EUR|fr|120|4
lv|/ /ru|€|EUR|fr|120|6
lt|/|€|EUR|fr|120|6
pl|/|zł|PLN|fr|60|26
cz|/|Kč|CZK|fr|60|22
sk|/|€|EUR|fr|60|14
hu|/|Ft|HUF|fr|60|22
ro|/|lei|RON|de|120|44
md|/|lei|MDL|de|120|3
bg|/|лв.|BGN|fr|120|14
hr|/|kn|HRK|de|60|10
si|/|€|EUR|de|60|8
rs|/|RSD|RSD|de|60|8
ba|/|KM|BAM|de|60|3
mk|/|ден|MKD|de|60|2
al|/|Lek|ALL|en|60|2
com.tr|/|₺|TRY|de|180|22
ua|/ /ru|₴|UAH|fr|120|8
ge|/|GEL|GEL|en|240|2
am|/|AMD|AMD|en0|240|1
az|/|AZN|AZN|en|240|1
kz|/|₸|KZT|fr|300|3
com.mx|/|MXN $|MXN|en|-360|24
cl|/|CLP|CLP|de0|-240|18
pe|/|S/|PEN|en|-300|6
com.co|/|COP $|COP|de0|-300|8
com.br|/|R$|BRL|de|-180|14
com.ar|/|ARS $|ARS|de|-180|4
com.uy|/|UYU|UYU|de|-180|2
com.pa|/|USD $|USD|en|-300|2
com.do|/|DOP $|DOP|en|-240|2
in|/|₹|INR|en|330|10
sg|/|SGD $|SGD|en|480|10
hk|/ /zh|HKD $|HKD|en|480|12
com.my|/|RM|MYR|en|480|5
com.ph|/|₱|PHP|en|480|8
co.th|/|฿|THB|en|420|3
vn|/|₫|VND|de0|420|4
co.id|/|Rp|IDR|de0|420|2
jp|/|￥|JPY|en0|540|8
co.kr|/|₩|KRW|en0|540|4
tw|/|NT$|TWD|en0|480|4
ae|/|AED|AED|en|240|6
qa|/|QAR|QAR|en|180|2
com.sa|/|SAR|SAR|en|180|2
co.il|/|₪|ILS|en|120|3
co.za|/|R|ZAR|ch|120|8
africa|/|USD $|USD|en|120|3
ma|/|MAD|MAD|fr|60|2
ng|/|₦|NGN|en|60|1
ke|/|KSh|KES|en|180|1
com.eg|/|EGP|EGP|en|120|1
"""

# Ids of the shop that no store has (any more): 101 ids, 86 stores.
_HOLES = frozenset({3, 9, 15, 21, 28, 33, 40, 47, 54, 60, 67, 73, 79, 85, 95})

# (decimal separator or "" for currencies without cents, thousands separator)
_NOTATIONS = {
    "en": (".", ","),
    "de": (",", "."),
    "fr": (",", " "),
    "ch": (".", "'"),
    "en0": ("", ","),
    "de0": ("", "."),
}

# Share of page views on hosts that are not production, and on hosts that no seed can know.
ODD_HOST_SHARE = 0.006
ODD_ORIGINS = (
    f"https://stage.{BRAND_HOST}.de/glgb",
    f"https://stage2.{BRAND_HOST}.com",
    f"https://test.{BRAND_HOST}.co.uk",
    f"https://dev1.{BRAND_HOST}.de",
    "http://lumera.local",
    "file:///C:/Users/shop/Desktop/offline",
    f"https://www.{BRAND_HOST}.de.mirror.example",
    f"https://{BRAND_HOST}.translate.example",
)

# Rough units of the currency per euro, so that prices have the digits that a visitor of the store sees.
_UNITS_PER_EURO = {
    "SEK": 11, "NOK": 11, "DKK": 7.5, "ISK": 150, "PLN": 4.4, "CZK": 25, "HUF": 390, "RON": 5, "MDL": 19, "RSD": 117,
    "MKD": 61, "ALL": 100, "TRY": 35, "UAH": 43, "AMD": 420, "KZT": 500, "MXN": 20, "CLP": 1000, "PEN": 4, "COP": 4400,
    "BRL": 6, "ARS": 1000, "UYU": 42, "DOP": 63, "INR": 90, "HKD": 8.5, "PHP": 62, "THB": 38, "VND": 27000,
    "IDR": 17000, "JPY": 160, "KRW": 1500, "TWD": 35, "AED": 4, "QAR": 4, "SAR": 4, "ILS": 4, "ZAR": 20, "MAD": 11,
    "NGN": 1700, "KES": 140, "EGP": 52,
}  # fmt: skip


@dataclass(frozen=True)
class Store:
    """One store: a language or country version of the shop."""

    store_id: int
    origin: str  # scheme, host and path prefix, without a slash at the end
    suffix: str
    currency: str  # as the shop writes it in a cart
    iso_currency: str
    notation: str
    utc_offset_minutes: int
    weight: int

    @property
    def host(self) -> str:
        """The host name of the store's pages."""
        return self.origin.split("/")[2]

    def price(self, euros: float) -> str:
        """The price of something worth `euros`, in the store's currency and notation."""
        return written(euros * _UNITS_PER_EURO.get(self.iso_currency, 1), self.notation)


def written(amount: float, notation: str) -> str:
    """`en` 1,725.00 · `de` 4.990,00 · `fr` 22 688,00 · `ch` 1'725.00; with a 0 behind, without cents."""
    decimal, thousands = _NOTATIONS[notation]
    whole, cents = divmod(round(amount * 100), 100)
    grouped = f"{whole:,}".replace(",", thousands)
    return f"{grouped}{decimal}{cents:02d}" if decimal else grouped


@cache
def stores() -> tuple[Store, ...]:
    """All 86 stores, by id."""
    ids = (number for number in range(1, 102) if number not in _HOLES)
    found = []
    for line in _TABLE.split("\n"):
        if not line:
            continue
        suffix, paths, currency, iso, notation, offset, weight = line.split("|")
        host = GERMAN_BRAND_HOST if suffix == "de:brand" else f"www.{BRAND_HOST}.{suffix}"
        for position, path in enumerate(paths.split(" ")):
            share = max(1, int(weight) // (1 + 2 * position))
            origin = f"https://{host}{path.rstrip('/')}"
            found.append(Store(next(ids), origin, suffix.split(":")[0], currency, iso, notation, int(offset), share))
    return tuple(found)
