"""A check: what it asks, of which assets, and what finds the answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from health.context import Context
from health.findings import Finding
from warehouse.catalogue import Catalogue, judged_marts, of_kind

Asset = tuple[str, ...]
"""Key of a Dagster asset, such as ("marts", "kpi_products_daily")."""
Scope = Callable[[Iterable[str], Catalogue], list[Asset]]
"""From the streams that have a contract and the catalogue of the models to the assets that a check is asked of."""


@dataclass(frozen=True)
class Check:
    """One thing that is asked of the system at every evaluation. README.md in this folder lists them all."""

    name: str
    """What its findings are known by, in alerts too: it stays."""
    question: str
    scope: Scope
    find: Callable[[Context], list[Finding]]
    """Makes its findings. Checks that judge the same rows share it, and it makes the findings of all of them."""
    group: str
    """What such checks together are known by, where they cannot be made."""


def every_stream(streams: Iterable[str], catalogue: Catalogue) -> list[Asset]:
    """Each stream's landing table."""
    return [("landing", stream) for stream in streams]


def streams_that_count(kind: str) -> Scope:
    """Streams whose table of values counts values of this kind (meta.counts)."""
    return lambda streams, catalogue: [
        ("landing", stream) for stream, values in of_kind(catalogue, "values").items() if kind in values.counts
    ]


def every_judged_mart(streams: Iterable[str], catalogue: Catalogue) -> list[Asset]:
    """Each KPI table and fact."""
    return [("marts", mart) for mart in judged_marts(catalogue)]


def marts(*names: str) -> Scope:
    """These marts."""
    return lambda streams, catalogue: [("marts", name) for name in names]


def no_asset(streams: Iterable[str], catalogue: Catalogue) -> list[Asset]:
    """The warehouse as a whole."""
    return []
