"""A finding: what one check says of one table or stream."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warn", "error"]
Unit = Literal[
    "", "seconds", "records", "events", "ratio", "spans", "runs", "models", "tests", "ends", "hosts", "types", "texts",
    "zones", "rows",
]  # fmt: skip
SEVERITIES: tuple[Severity, ...] = ("ok", "warn", "error")
"""From well to wrong."""


@dataclass(frozen=True)
class Finding:
    """One check of one subject at one evaluation; (check, subject) is its identity from one to the next."""

    check: str
    """Name of the check, such as `data_age`: see README.md in this folder."""
    subject: str
    """What it is about: a stream, or schema.table."""
    asset: tuple[str, ...]
    """Key of the Dagster asset that it is shown on, such as ("marts", "kpi_products_daily"); empty: none."""
    severity: Severity
    message: str
    """What was found, with its figures; one sentence."""
    advice: str = ""
    """What to do; empty where all is well."""
    value: float | None = None
    """The figure that was judged, in `unit`; None where there is nothing to measure."""
    unit: Unit = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other findings, and stays from one evaluation to the next."""
        return (self.check, self.subject)


def rank(severity: Severity) -> int:
    """0 for ok, 1 for warn, 2 for error."""
    return SEVERITIES.index(severity)


def worst(findings: Iterable[Finding]) -> Severity:
    """The highest severity among them; ok for none."""
    return max((finding.severity for finding in findings), key=rank, default="ok")


def graded(value: float, warn: float, error: float) -> Severity:
    """error from `error` on, warn from `warn` on, else ok: for figures that are worse the higher they are."""
    return "error" if value >= error else "warn" if value >= warn else "ok"
