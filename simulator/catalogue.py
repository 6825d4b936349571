"""Products of the fictional shop, their options, and the URLs of its pages."""

import random
from dataclasses import dataclass
from functools import cache

from simulator.stores import Store

PRODUCTS = 3_000
_FIRST_PRODUCT_ID = 80_000

_ALLOYS = (
    *tuple(
        f"{colour}-{fineness}"
        for colour in ("yellow", "white", "red", "white_red", "white_yellow")
        for fineness in ("375", "585", "750")
    ),
    "white-platin",
    "white-silber",
)
_STONES = (
    "diamond-Brillant", "diamond-Zirconia", "diamond-Swarovsky", "diamond-sapphire", "black-sapphire", "green-amethyst",
    "ruby", "emerald", "pinksapphire", "aquamarine-cabochon", "amethyst-cabochon", "rhodolite-cabochon", "tanzanite",
    "browndiamond", "greendiamond", "opal", "garnet", "peridot", "swiss-blue-topaz",
)  # fmt: skip
_KINDS = {
    "ring": "ring", "pendant": "pendant", "earring": "earring", "bracelet": "bracelet", "anklet": "anklet",
    "knuckle-ring": "ring", "mens-ring": "mens-ring", "womens-ring": "womens-ring", "kids": "kids",
    "necklace": "necklace",
}  # fmt: skip
_WORDS_BY_SUFFIX = {
    "de": {"ring": "ring", "mens-ring": "herrenring", "womens-ring": "damenring", "necklace": "halskette"},
    "fr": {"ring": "bague", "mens-ring": "bague-pour-hommes", "womens-ring": "bagues-femmes", "pendant": "pendentif"},
    "es": {
        "ring": "anillo",
        "mens-ring": "anillo-de-hombre",
        "womens-ring": "anillo-de-mujer",
        "earring": "pendientes",
    },
    "it": {"ring": "anello", "mens-ring": "anello-uomo", "womens-ring": "anello-donna", "earring": "orecchini"},
    "ro": {"ring": "inel", "bracelet": "bratara", "earring": "cercei", "pendant": "pandantiv"},
    "com.tr": {"ring": "yuzuk", "bracelet": "bileklik", "earring": "kupe", "necklace": "kolye"},
    "lv": {"ring": "gredzens", "mens-ring": "viriesu-gredzens", "womens-ring": "sieviesu-gredzens"},
    "dk": {"ring": "ring", "womens-ring": "ringe-til-kvinder", "mens-ring": "ringe-til-maend"},
}
_SAME_WORDS = {"at": "de", "ch": "de", "li": "de", "be": "fr", "lu": "fr", "com.mx": "es", "cl": "es", "com.co": "es"}
_FIRST_SYLLABLES = ("Al", "Bri", "Ca", "Dor", "El", "Fe", "Gra", "Hi", "Iv", "Jo", "Ka", "Lu", "Ma", "No", "Or", "Pe")
_MIDDLE_SYLLABLES = ("an", "be", "del", "ga", "li", "me", "ri", "sa", "ti", "vo")
_LAST_SYLLABLES = ("da", "lle", "na", "ra", "sia", "the", "tte", "vy", "ya", "zen")
_VIRTUES = ("Eternal", "Pure", "Bright", "Secret", "Infinite", "Noble", "Classic", "Gentle", "Ornate", "Graceful")
_NOUNS = ("Love", "Belief", "Light", "Garden", "Heaven", "Fortune", "Witness", "Passion", "Serenity", "Way")
LISTINGS = (
    "womens-rings", "engagement-rings", "wedding-rings/platinum", "men-s-necklaces", "earrings/yellow-gold",
    "bracelets/585-gold", "pendants/hearts", "diamond-jewelry/solitaire", "kids-jewelry", "anklets", "new-arrivals",
)  # fmt: skip
STATIC_PAGES = ("about-us", "ring-size", "service/shipping", "faq", "contacts", "privacy-policy", "gemstones/diamond")
LANDING_PAGES = ("valentines-day", "mothers-day-gifts", "black-friday", "wedding-week", "silver-sale")
SEARCHES = (
    "ring",
    "infinity",
    "white gold",
    "engagement ring 0.5",
    "Ohrringe",
    "bague",
    "anillo oro",
    "kolye",
    "GLS-4711",
)
CATEGORIES = tuple(str(number) for number in range(701, 780))


@dataclass(frozen=True)
class Product:
    """One piece of jewellery."""

    product_id: int
    kind: str
    slug: str
    euros: float
    alloys: tuple[str, ...]
    stones: tuple[str, ...]


@cache
def products() -> tuple[Product, ...]:
    """The catalogue, the same in every run; the first products are the popular ones."""
    rng = random.Random("catalogue")
    found = []
    for product_id in rng.sample(range(_FIRST_PRODUCT_ID, _FIRST_PRODUCT_ID + 31_000), PRODUCTS):
        kind = rng.choice(tuple(_KINDS))
        if kind.endswith("s-ring"):
            name = f"{rng.choice(_VIRTUES)}-{rng.choice(_NOUNS)}-{rng.choice((3, 4, 5, 6, 8, 10))}-mm"
        else:
            name = rng.choice(_FIRST_SYLLABLES) + rng.choice(_MIDDLE_SYLLABLES) + rng.choice(_LAST_SYLLABLES)
        if rng.random() < 0.15:
            name = f"{name}-{rng.choice(('0.1', '0.25', '0.5'))}-crt"
        found.append(
            Product(
                product_id,
                kind,
                name.lower(),
                round(rng.lognormvariate(6.3, 0.8), 2),
                tuple(rng.sample(_ALLOYS, 4)),
                tuple(rng.sample(_STONES, rng.choice((1, 2, 2, 3, 3)))),
            )
        )
    return tuple(found)


def popular(rng: random.Random) -> Product:
    """A product by popularity: the density falls with the square of the place, as a long tail does."""
    catalogue = products()
    return catalogue[int(len(catalogue) * rng.random() ** 3)]


def product_url(rng: random.Random, store: Store, product: Product, campaign: str) -> str:
    """The address of a product's page with its options; `campaign` is the visit's click id, or empty."""
    words = _WORDS_BY_SUFFIX.get(_SAME_WORDS.get(store.suffix, store.suffix), {})
    kind = words.get(product.kind, _KINDS[product.kind])
    query = [f"alloy={rng.choice(product.alloys)}"]
    query += [f"{name}={stone}" for name, stone in zip(("diamond", "stone2", "stone3"), product.stones, strict=False)]
    if len(product.stones) == 1:
        query.append("pearl=white_pearl&stone2=diamond-Zirconia")
    if rng.random() < 0.16:
        query.append(f"itm_source=recommendation&itm_medium={rng.choice(('sorting', 'detail'))}")
    if campaign:
        query.append(campaign)
    if rng.random() < 0.03:
        query = []
    brand = "" if kind in ("mens-ring", "womens-ring") else "lumera-"
    return f"{store.origin}/{brand}{kind}-{product.slug}.html" + ("?" + "&".join(query) if query else "")


def listing_url(rng: random.Random, store: Store, campaign: str) -> str:
    """The address of a category page with filters."""
    filters = []
    if rng.random() < 0.8:
        filters.append(f"alloycolour={rng.choice(('yellow', 'white', 'red'))}&p={rng.randrange(1, 30)}")
    if rng.random() < 0.75:
        filters.append(
            f"diamond={rng.choice(_STONES)}&shapediamond={rng.choice(('round', 'princess', 'oval', 'heart'))}"
        )
    if rng.random() < 0.6:
        filters.append("dir=desc&order=position")
    if campaign:
        filters.append(campaign)
    query = "?" + "&".join(filters) if filters else ""
    return f"{store.origin}/{rng.choice(LISTINGS)}/{query}"


def chosen_options(rng: random.Random, product: Product, *, count: int, quality: bool = False) -> list[dict[str, str]]:
    """The options of a product as the shop logs them: an array of objects, values often blank."""
    labels = ["alloy", "diamond", "stone2", "stone3"][: 1 + len(product.stones)][:count]
    values = (rng.choice(product.alloys), *product.stones)
    options = []
    for label, value in zip(labels, values, strict=False):
        known = rng.random() < 0.4
        option = {
            "option_label": "stone/diamonds" if quality else label,
            "option_id": str(rng.randrange(50_000, 340_000)) if known else "",
            "value_label": value if known and rng.random() < 0.6 else "",
            "value_id": str(rng.randrange(300_000, 3_300_000)) if known else "",
        }
        if quality:
            option |= {
                "quality": rng.choice("AB") * rng.choice((1, 2, 3)),
                "quality_label": rng.choice(("I", "SI1", "VVS")),
            }
        options.append(option)
    return options


def listing_filters(rng: random.Random) -> dict[str, str]:
    """The filters of a category page: here `option` is an object, not an array."""
    stone = rng.choice(_STONES) if rng.random() < 0.3 else ""
    filters = {"alloy": rng.choice(_ALLOYS) if rng.random() < 0.3 else "", "diamond": stone, "shapediamond": ""}
    if rng.random() < 0.3:
        filters |= {"price": f"{rng.randrange(100, 3000)}.00", "category id": rng.choice(CATEGORIES), "Kollektion": ""}
    return filters
