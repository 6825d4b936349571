"""Seconds from produced to landed, from the ledger's slices alone. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

POINTS = 20
"""Events that stand for a slice; a finer grid moves the percentiles of a run by less than 0.01 s."""


@dataclass(frozen=True)
class Age:
    """A slice: how many records, and the age in seconds of its newest and its oldest one when it was committed."""

    records: int
    newest: float
    oldest: float


def percentiles(slices: Iterable[Age], shares: Sequence[float]) -> list[float] | None:
    """The ages (s) below which these shares of the records were committed; None without any record.

    The records of a slice are taken as spread evenly between its oldest and its newest, as they are at a steady rate.
    """
    known = [age for age in slices if age.records]
    if not known:
        return None
    steps = (np.arange(POINTS) + 0.5) / POINTS
    ages = np.concatenate([age.newest + (age.oldest - age.newest) * steps for age in known])
    weights = np.repeat([age.records / POINTS for age in known], POINTS)
    order = np.argsort(ages)
    reached = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(reached, np.asarray(shares)), len(ages) - 1)
    return [float(age) for age in ages[order][places]]
