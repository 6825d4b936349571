"""How figures stand in a sentence."""

import datetime as dt
from collections.abc import Iterable, Sequence


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`, `2 days`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{minutes // 1440} days"


def share(part: float) -> str:
    """`4.2 %`."""
    return f"{part * 100:.1f} %"


def counted(number: float, one: str, many: str | None = None) -> str:
    """`1 record`, `2,000 records`."""
    return f"{number:,.0f} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are; each cut at 80 characters."""
    shown = ", ".join(name if len(name) <= 80 else name[:79] + "…" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def at_utc(moment: dt.datetime) -> str:
    """`2026-03-28 10:15 UTC`."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
