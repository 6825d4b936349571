"""How a visit goes: the order of event types, and each page of it rendered once as JSON.

A visit walks listing → detail → option → add to cart → cart → checkout → success and may leave at any step. A rendered
visit is shared by many visitors (the same pages are seen by many people), which is what makes 50,000 events a second
possible: rendering a page with `json.dumps` costs about 15 µs, reusing it 0.1 µs.
"""

import json
import random
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from simulator import catalogue, sources
from simulator.sources import Source
from simulator.stores import ODD_HOST_SHARE, ODD_ORIGINS, Store, stores
from simulator.walks import crawl, walk

# A checkout's number is of the one visit, not of the shared page.
ORDER_PLACEHOLDER = b"@ORDER@"

_BLANK_REFERRER_SHARE = 0.015
_BOT_BLANK_REFERRER_SHARE = 0.4
_EMPTIED_SHARE = 0.08  # of carts that are looked at and not paid for
_BUYS_SHARE = 0.65  # of visits for a cart that was left
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
    """A rendered visit.

    `pages` holds, per event, the JSON members from `current_url` on, `tags` those of its source; both end in a comma.
    """

    store: Store
    source: Source
    is_bot: bool
    tags: bytes
    pages: tuple[bytes, ...]
    has_order: bool
    leaves_cart: bool


@cache
def _store_weights() -> tuple[int, ...]:
    return tuple(accumulate(store.weight for store in stores()))


def render(rng: random.Random, *, is_bot: bool) -> Journey:
    """One visit to a store (drawn by its weight), rendered."""
    store = rng.choices(stores(), cum_weights=_store_weights())[0]
    visit = crawl(rng) if is_bot else walk(rng)
    return _rendered(rng, store, sources.draw(rng, is_bot=is_bot), visit, is_bot=is_bot)


def render_return(rng: random.Random, store: Store, source: Source) -> Journey:
    """A visit to the cart that was left in an earlier one; most of them buy it."""
    buys = rng.random() < _BUYS_SHARE
    visit = ["view_shopping_cart", "checkout", "checkout_success"] if buys else walk(rng, "view_shopping_cart")
    return _rendered(rng, store, source, visit, is_bot=False)


def _rendered(rng: random.Random, store: Store, source: Source, visit: list[str], *, is_bot: bool) -> Journey:
    pages = _Pages(rng, store, source)
    rendered = tuple(
        pages.page(event, following, is_bot=is_bot) for event, following in zip(visit, [*visit[1:], ""], strict=True)
    )
    return Journey(
        store,
        source,
        is_bot,
        sources.tags(rng, source),
        rendered,
        has_order=any(ORDER_PLACEHOLDER in page for page in rendered),
        leaves_cart=bool(pages.cart),
    )


class _Pages:
    """The pages of one visit: each knows the one before (its referrer), the product looked at, and the cart."""

    def __init__(self, rng: random.Random, store: Store, source: Source) -> None:
        self.rng = rng
        self.store = store
        self.origin = rng.choice(ODD_ORIGINS) if rng.random() < ODD_HOST_SHARE else store.origin
        self.campaign = sources.query(rng, source)
        self.referrer = rng.choice(source.referrers)
        self.url = ""
        self.product = catalogue.popular(rng)
        self.cart: list[dict[str, object]] = []

    def page(self, event: str, following: str, *, is_bot: bool) -> bytes:
        members = self._members(event, following)
        if self.rng.random() < (_BOT_BLANK_REFERRER_SHARE if is_bot else _BLANK_REFERRER_SHARE):
            members["referrer_url"] = ""
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1].encode() + b","

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

    def _members(self, event: str, following: str) -> dict[str, object]:
        """The JSON members of one event that belong to its page; `following`: the next event, "" for none."""
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
            case "view_shopping_cart":
                if following not in ("checkout", event) and rng.random() < _EMPTIED_SHARE:
                    self.cart = []
                    members["cart_products"] = []
                else:
                    members["cart_products"] = self._listed()
            case "checkout":
                members["order_id"] = ""
                members["cart_products"] = self._listed()
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

    def _listed(self) -> list[dict[str, object]]:
        """The cart without amounts and prices."""
        return [{"product_id": line["product_id"], "option": ""} for line in self._lines()]

    def _lines(self) -> list[dict[str, object]]:
        """The cart, never empty: a returning visitor's cart was filled in an earlier visit."""
        if not self.cart:
            self._put_into_cart()
        return self.cart

    def _order_id(self) -> str:
        """A placeholder that becomes an integer, a number with `.0`, or now and then an empty text."""
        return "" if self.rng.random() < 0.02 else ORDER_PLACEHOLDER.decode()
