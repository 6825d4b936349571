"""How a visit goes: the order of event types, and each page of it rendered once as JSON.

A visit walks listing → detail → option → add to cart → cart → checkout → success and may leave at any step. A rendered
visit is shared by many visitors (the same pages are seen by many people), which is what makes 50,000 events a second
possible: rendering a page with `json.dumps` costs about 15 µs, reusing it 0.1 µs.
"""

import json
import random
from dataclasses import dataclass

from simulator import catalogue
from simulator.stores import ODD_HOST_SHARE, ODD_ORIGINS, Store, stores

# A checkout's number is of the one visit, not of the shared page.
ORDER_PLACEHOLDER = b"@ORDER@"

# After an event of the first type comes one of the others by weight; "" ends the visit. The weights were chosen so that
# the shares of the 27 types come out near those counted over 41 million real events (see
# tests/unit/test_simulator_product_views.py).
_NEXT: dict[str, dict[str, float]] = {
    "": {
        "view_listing_page": 38, "view_product_detail": 32, "view_home_page": 9, "view_landing_page": 13,
        "view_static_page": 8,
    },
    "view_home_page": {
        "view_listing_page": 52, "view_landing_page": 6, "search_box_action": 8, "view_static_page": 8,
        "view_my_account": 3, "": 23,
    },
    "view_landing_page": {
        "landing_page_recommendation_visible": 24, "view_listing_page": 36, "view_product_detail": 18, "": 22,
    },
    "landing_page_recommendation_visible": {
        "landing_page_recommendation_noticed": 25, "view_listing_page": 45, "view_product_detail": 20, "": 10,
    },
    "landing_page_recommendation_noticed": {"landing_page_recommendation_clicked": 25, "view_listing_page": 75},
    "landing_page_recommendation_clicked": {"view_product_detail": 100},
    "view_static_page": {"view_static_page": 25, "view_listing_page": 30, "view_home_page": 20, "": 25},
    "view_listing_page": {
        "view_listing_page": 36, "view_product_detail": 41, "listing_page_recommendation_visible": 6,
        "view_static_page": 3,
        "search_box_action": 1, "view_sorting_relevance": 0.12, "view_home_page": 2, "": 11,
    },
    "listing_page_recommendation_visible": {
        "listing_page_recommendation_noticed": 12, "view_product_detail": 40, "view_listing_page": 48,
    },
    "listing_page_recommendation_noticed": {"listing_page_recommendation_clicked": 25, "view_listing_page": 75},
    "listing_page_recommendation_clicked": {"view_product_detail": 100},
    "search_box_action": {"view_listing_page": 70, "view_product_detail": 25, "": 5},
    "view_sorting_relevance": {"sorting_relevance_click_action": 60, "view_listing_page": 40},
    "sorting_relevance_click_action": {"view_product_detail": 100},
    "view_product_detail": {
        "select_product_option": 40, "view_listing_page": 18, "view_product_detail": 9,
        "product_detail_recommendation_visible": 12,
        "add_to_cart_action": 0.8, "back_to_product_action": 0.05, "": 20,
    },
    "select_product_option": {
        "select_product_option": 45, "select_product_option_quality": 15, "view_product_detail": 16,
        "add_to_cart_action": 2.4,
        "view_listing_page": 10, "": 11.6,
    },
    "select_product_option_quality": {
        "select_product_option_quality": 40, "select_product_option": 25, "add_to_cart_action": 4,
        "view_product_detail": 18, "": 13,
    },
    "product_detail_recommendation_visible": {
        "product_detail_recommendation_noticed": 38, "view_product_detail": 30, "view_listing_page": 20, "": 12,
    },
    "product_detail_recommendation_noticed": {
        "product_detail_recommendation_clicked": 30, "view_all_recommend": 8, "view_product_detail": 40, "": 22,
    },
    "product_detail_recommendation_clicked": {"view_product_detail": 100},
    "view_all_recommend": {"product_view_all_recommend_clicked": 40, "view_product_detail": 60},
    "product_view_all_recommend_clicked": {"view_product_detail": 100},
    "back_to_product_action": {"view_product_detail": 100},
    "add_to_cart_action": {"view_shopping_cart": 80, "view_listing_page": 15, "": 5},
    "view_shopping_cart": {"checkout": 34, "view_shopping_cart": 25, "view_my_account": 9, "view_listing_page": 14,
    "": 18},
    "view_my_account": {"view_my_account": 35, "view_shopping_cart": 20, "view_home_page": 20, "": 25},
    "checkout": {"checkout_success": 36, "checkout": 30, "view_shopping_cart": 14, "": 20},
    "checkout_success": {"view_my_account": 20, "view_home_page": 10, "": 70},
}  # fmt: skip
_CHOICES = {event: (tuple(weights), tuple(weights.values())) for event, weights in _NEXT.items()}

EVENT_TYPES = tuple(event for event in _NEXT if event)
_LONGEST = 60

_DIRECT_SHARE = 0.21
_BLANK_REFERRER_SHARE = 0.015
_BOT_BLANK_REFERRER_SHARE = 0.4
_EXTERNAL_REFERRERS = (
    "https://www.google.com/", "https://www.google.de/", "https://www.google.com/", "https://www.bing.com/",
    "https://www.facebook.com/", "https://l.instagram.com/", "https://www.pinterest.com/", "https://chatgpt.com/",
    "https://duckduckgo.com/", "https://mail.yahoo.com/", "https://www.hochzeit-blog.example/ringe?ref=lumera",
    "android-app://com.google.android.googlequicksearchbox/", "https://yandex.ru/",
)  # fmt: skip
_PRODUCT_EVENTS = frozenset(
    {"view_product_detail", "select_product_option", "select_product_option_quality", "add_to_cart_action",
     "product_detail_recommendation_visible", "view_all_recommend", "back_to_product_action",
     "sorting_relevance_click_action"}
)  # fmt: skip
_VIEWING_EVENTS = frozenset({"product_detail_recommendation_noticed", "product_detail_recommendation_clicked"})
_RECOMMENDED_EVENTS = frozenset(
    {"listing_page_recommendation_clicked", "landing_page_recommendation_clicked", "product_view_all_recommend_clicked"}
)


@dataclass(frozen=True)
class Journey:
    """A rendered visit: `pages` holds, per event, the JSON members from `current_url` on, ending in a comma."""

    store: Store
    is_bot: bool
    pages: tuple[bytes, ...]
    has_order: bool


def walk(rng: random.Random) -> list[str]:
    """The event types of one person's visit, in order; at most 60."""
    visit: list[str] = []
    event = ""
    while len(visit) < _LONGEST:
        names, weights = _CHOICES[event]
        event = rng.choices(names, weights)[0]
        if not event:
            break
        visit.append(event)
    return visit


def crawl(rng: random.Random) -> list[str]:
    """The event types of one robot's visit: pages, and never a cart."""
    kinds = ("view_product_detail", "view_listing_page", "view_static_page", "view_home_page")
    return rng.choices(kinds, (42, 38, 14, 6), k=rng.randrange(4, 24))


def render(rng: random.Random, *, is_bot: bool) -> Journey:
    """One visit to a store (drawn by its weight), rendered."""
    store = rng.choices(stores(), [store.weight for store in stores()])[0]
    visit = crawl(rng) if is_bot else walk(rng)
    pages = _Pages(rng, store)
    rendered = tuple(pages.page(event, is_bot=is_bot) for event in visit)
    return Journey(store, is_bot, rendered, any(ORDER_PLACEHOLDER in page for page in rendered))


class _Pages:
    """The pages of one visit: each knows the one before (its referrer), the product looked at, and the cart."""

    def __init__(self, rng: random.Random, store: Store) -> None:
        self.rng = rng
        self.store = store
        self.origin = rng.choice(ODD_ORIGINS) if rng.random() < ODD_HOST_SHARE else store.origin
        self.campaign = self._click_id()
        self.referrer = "" if rng.random() < _DIRECT_SHARE else rng.choice(_EXTERNAL_REFERRERS)
        self.url = ""
        self.product = catalogue.popular(rng)
        self.cart: list[dict[str, object]] = []

    def page(self, event: str, *, is_bot: bool) -> bytes:
        members = self._members(event)
        if self.rng.random() < (_BOT_BLANK_REFERRER_SHARE if is_bot else _BLANK_REFERRER_SHARE):
            members["referrer_url"] = ""
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1].encode() + b","

    def _click_id(self) -> str:
        """The click id of an advertisement, which stays in the URLs of the visit; empty without one."""
        source = self.rng.random()
        if source < 0.13:
            return f"fbclid=IwAR{self.rng.getrandbits(228):057x}"
        if source < 0.20:
            return f"gclid=Cj0KCQ{self.rng.getrandbits(228):057x}"
        return ""

    def _visit_url(self, event: str) -> None:
        """Moves to the event's page, where it is another one than before."""
        rng, store = self.rng, self.store
        match event:
            case "view_product_detail":
                self.product = catalogue.popular(rng)
                url = catalogue.product_url(rng, store, self.product, self.campaign)
            case "view_listing_page" | "view_sorting_relevance":
                url = catalogue.listing_url(rng, store, self.campaign)
            case "view_home_page":
                url = f"{store.origin}/" + (f"?{self.campaign}" if self.campaign else "")
            case "view_landing_page":
                url = f"{store.origin}/{rng.choice(catalogue.LANDING_PAGES)}.html" + (
                    f"?{self.campaign}" if self.campaign else ""
                )
            case "view_static_page":
                url = f"{store.origin}/{rng.choice(catalogue.STATIC_PAGES)}/"
            case "view_all_recommend":
                url = (
                    f"{store.origin}/county/recommendation/list/id/{self.product.product_id}"
                    f"/alloy/{self.product.alloys[0]}/diamond/{self.product.stones[0]}/price/{self.product.euros}"
                )
            case "view_shopping_cart":
                url = f"{store.origin}/checkout/cart/"
            case "checkout":
                url = f"{store.origin}/checkout/onepage/"
            case "checkout_success":
                url = f"{store.origin}/checkout/onepage/success/"
            case "view_my_account":
                url = f"{store.origin}/customer/account/"
            case _ if not self.url:
                url = f"{store.origin}/"
            case _:
                return
        if self.url:
            self.referrer = self.url
        self.url = url.replace(store.origin, self.origin, 1)

    def _members(self, event: str) -> dict[str, object]:
        """The JSON members of one event that belong to its page."""
        rng = self.rng
        self._visit_url(event)
        members: dict[str, object] = {"current_url": self.url, "referrer_url": self.referrer, "collection": event}
        product_id = str(self.product.product_id)
        if event in _PRODUCT_EVENTS and rng.random() < 0.985:
            members["product_id"] = product_id
        if event in _VIEWING_EVENTS:
            members["viewing_product_id"] = product_id
        if event in _VIEWING_EVENTS | _RECOMMENDED_EVENTS and rng.random() < 0.8:
            members["recommendation_product_id"] = str(catalogue.popular(rng).product_id)
        match event:
            case "view_product_detail":
                members["option"] = catalogue.chosen_options(rng, self.product, count=rng.choice((1, 2)))
            case "add_to_cart_action":
                members["option"] = catalogue.chosen_options(rng, self.product, count=3)
                members["price"] = self.store.price(self.product.euros)
                members["currency"] = self.store.currency
                self._put_into_cart()
            case "select_product_option":
                members["option"] = catalogue.chosen_options(rng, self.product, count=1)
            case "select_product_option_quality":
                members["option"] = catalogue.chosen_options(rng, self.product, count=1, quality=True)
            case "view_listing_page" | "view_all_recommend" if rng.random() < 0.8:
                members["option"] = catalogue.listing_filters(rng)
                members["cat_id"] = rng.choice(catalogue.CATEGORIES)
                if rng.random() < 0.2:
                    members["collect_id"] = str(rng.randrange(1, 40))
            case "search_box_action":
                members["key_search"] = rng.choice(catalogue.SEARCHES)
            case "checkout":
                members["order_id"] = ""
                members["cart_products"] = [{"product_id": line["product_id"], "option": ""} for line in self._lines()]
            case "checkout_success":
                members["order_id"] = self._order_id()
                members["cart_products"] = self._lines()
                members["is_paypal"] = rng.choice((True, False, None))
                self.cart = []
        return members

    def _put_into_cart(self) -> None:
        rng = self.rng
        unreadable = rng.random() < 0.003
        option = [
            {**chosen, "option_id": rng.randrange(50_000, 340_000), "value_id": rng.randrange(300_000, 3_300_000)}
            for chosen in catalogue.chosen_options(rng, self.product, count=rng.choice((1, 2)))
        ]
        self.cart.append(
            {
                "product_id": self.product.product_id,
                "amount": rng.choices((1, 2, 3), (88, 11, 1))[0],
                "price": "on request" if unreadable else self.store.price(self.product.euros),
                "currency": self.store.currency,
                "option": option,
            }
        )

    def _lines(self) -> list[dict[str, object]]:
        """The cart, never empty: a returning visitor's cart was filled in an earlier visit."""
        if not self.cart:
            self._put_into_cart()
        return self.cart

    def _order_id(self) -> str:
        """A placeholder that becomes an integer, a number with `.0`, or now and then an empty text."""
        return "" if self.rng.random() < 0.02 else ORDER_PLACEHOLDER.decode()
