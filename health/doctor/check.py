"""A check of the doctor: what it looks at, how long it may take, and the words for what it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from health.doctor.deployment import Deployment
from health.findings import Finding

Part = Literal["machine", "set-up", "state", "kafka", "postgres"]


@dataclass(frozen=True)
class DoctorCheck:
    """One thing that `landfall doctor` looks at."""

    name: str
    """What its findings are known by: it stays."""
    looks_at: str
    """What it looks at, in the words of the reference."""
    of: Part
    """What has to answer."""
    find: Callable[[Deployment], list[Finding]]
    """Makes its findings, by `well`, `warn` and `error` below; may raise what it cannot foresee. It writes nothing."""
    seconds: float = 10.0
    """How long it may take: whoever has not answered by then is said to be silent, and the others do not wait."""
    needs: tuple[str, ...] = ()
    """Checks that have to be well before this one says anything of use."""


def well(subject: str, message: str) -> Finding:
    """As it should be."""
    return Finding("", subject, (), "ok", message)


def warn(subject: str, message: str, advice: str) -> Finding:
    """Works, and is worth a look."""
    return Finding("", subject, (), "warn", message, advice)


def error(subject: str, message: str, advice: str) -> Finding:
    """Does not work, or will lose something."""
    return Finding("", subject, (), "error", message, advice)
