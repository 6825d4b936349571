"""What each attribution model gives to the touches of an order's path, worked out by hand and exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

DIRECT = "direct"
HALF, ENDS = Fraction(1, 2), Fraction(2, 5)


def known(path: Sequence[str]) -> list[int]:
    """Places of the touches that are not direct; all places of a path where each one is."""
    return [place for place, channel in enumerate(path) if channel != DIRECT] or list(range(len(path)))


def linear(touches: int) -> list[Fraction]:
    """The same to each."""
    return [Fraction(1, touches)] * touches


def by_position(touches: int) -> list[Fraction]:
    """0.4 to the first and to the last, the rest in equal parts to those between; ½ each of two; 1 of one."""
    if touches <= 2:
        return linear(touches)
    return [ENDS, *[(1 - 2 * ENDS) / (touches - 2)] * (touches - 2), ENDS]


def only(place: int) -> Callable[[int], list[Fraction]]:
    """All to one place, counted from the end where it is negative."""
    return lambda touches: [Fraction(number == place % touches) for number in range(touches)]


KNOWN_MODELS: Mapping[str, Callable[[int], list[Fraction]]] = {
    "first": only(0),
    "last_non_direct": only(-1),
    "linear": linear,
    "position": by_position,
}
"""Models that share out over the known path: how many touches → the credit of each."""
MODELS = ("last", *KNOWN_MODELS)


def credits(path: Sequence[str]) -> dict[str, list[Fraction]]:
    """Model → the credit of each touch of a path (its touch channels, the oldest first); each model's add up to 1."""
    found = {"last": only(-1)(len(path))}
    places = known(path)
    for model, shares in KNOWN_MODELS.items():
        given = dict(zip(places, shares(len(places)), strict=True))
        found[model] = [given.get(place, Fraction(0)) for place in range(len(path))]
    return found
