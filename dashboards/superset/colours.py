"""Colours that people who see few of them tell apart too (Okabe and Ito, "Color Universal Design", 2008), on white.

Superset has no such scheme, and one of our own would be missing in any other Superset; so series whose names are known
beforehand are given these, and the others Superset's own.
"""

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#7F7F7F"
SCHEME = "supersetColors"
LINEAR = "schemeBlues"
PALE = "#A6CEE3"
"""Dark text stands on it."""

LABELS = {
    # figures, by the name of their metric
    **dict.fromkeys(("views", "sessions", "revenue", "requests", "clicks", "landed", "p50"), BLUE),
    **dict.fromkeys(("conversions", "p95"), ORANGE),
    **dict.fromkeys(("conversion", "qualified"), GREEN),
    **dict.fromkeys(("quarantined", "ratio", "p99"), VERMILLION),
    "spend": PURPLE,
    # visitors and carts
    "new": BLUE,
    "returning": ORANGE,
    "bought": GREEN,
    "abandoned": VERMILLION,
    "emptied": GREY,
    "open": SKY,
    # models of attribution
    "last": BLUE,
    "first": ORANGE,
    "last_non_direct": GREEN,
    "linear": PURPLE,
    "position": SKY,
    # steps of a funnel, whose labels stand on them
    **dict.fromkeys(("listing", "detail", "option", "add to cart", "cart", "success", "view", "paid"), PALE),
    # channels and media
    "direct": BLUE,
    "search": ORANGE,
    "social": PURPLE,
    "internal": GREEN,
    "email": SKY,
    "ai": BLACK,
    "other": GREY,
    # statuses
    "2xx": BLUE,
    "3xx": SKY,
    "4xx": ORANGE,
    "5xx": VERMILLION,
    # actions of the web shop
    "view_product": BLUE,
    "view_category": SKY,
    "add_to_cart": GREEN,
    "remove_from_cart": GREY,
    "checkout": PALE,
    "purchase": PURPLE,
    "payment_error": BLACK,
    # streams
    "product_views": BLUE,
    "web_logs": ORANGE,
    "job_tracking": GREEN,
}
"""By the name of a series."""
