"""Grafana's macros in SQL, replaced as its PostgreSQL data source does: so that a board's SQL runs without Grafana."""

import datetime as dt
import re

MACRO = re.compile(r"\$__(?P<name>\w+)\((?P<argument>[^()]*)\)")


def expanded(sql: str, since: dt.datetime, until: dt.datetime) -> str:
    """The statement for the time from `since` to `until`, both with a time zone.

    Known are $__timeFilter(column), $__timeFrom() and $__timeTo(). Raises ValueError for another one.
    """
    first, last = (f"'{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}'" for moment in (since, until))

    def replacement(found: re.Match[str]) -> str:
        match found["name"]:
            case "timeFilter":
                return f"{found['argument']} BETWEEN {first} AND {last}"
            case "timeFrom":
                return first
            case "timeTo":
                return last
        raise ValueError(f"macro {found[0]} is not known here")

    done = MACRO.sub(replacement, sql)
    if "$__" in done:
        raise ValueError(f"a macro is left in {done!r}")
    return done
