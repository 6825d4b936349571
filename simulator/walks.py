"""The order of event types in a visit: people walk towards the cart and may leave at any step, robots look at pages."""

import random

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
        "view_listing_page": 35, "view_product_detail": 41, "listing_page_recommendation_visible": 6,
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
        "select_product_option": 42, "view_listing_page": 17, "view_product_detail": 9,
        "product_detail_recommendation_visible": 12,
        "add_to_cart_action": 0.8, "back_to_product_action": 0.1, "": 20,
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


def walk(rng: random.Random, start: str = "") -> list[str]:
    """The event types of one person's visit, in order, `start` the first if given; at most 60."""
    visit = [start] if start else []
    event = start
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
