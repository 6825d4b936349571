"""How a setting is declared: once, as a field of a dataclass with its type, default, what its variable may hold, and a
sentence for the reference (landfall/settings_table.py).
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from landfall.errors import UserError
from landfall.own_names import is_own

T = TypeVar("T")
REQUIRED: Any = object()
"""For `default`, of a field that has none."""


@dataclass(frozen=True)
class Variable:
    """What sets a setting: a row of the table."""

    read: Callable[[str], Any]
    """From the variable's text to the value; raises ValueError that says what to write instead."""
    sentence: str
    """What it sets, with its unit, in Markdown."""
    secret: bool = False
    """Whether its text is kept out of messages."""
    names: tuple[str, ...] = ()
    """The first of these that is set counts."""
    default: str = ""
    """As the variable would have to hold it."""

    def value(self, name: str, text: str) -> Any:
        """The value that variable `name` gives; raises UserError that says which, what it is, and what to write."""
        try:
            return self.read(text)
        except ValueError as error:
            found = "does not fit" if self.secret else f"is {text!r}"
            raise UserError(f"{name} {found}: {error}.") from None


def setting(
    default: T, read: Callable[[str], T], sentence: str, *, secret: bool = False, names: tuple[str, ...] = ()
) -> T:
    """A field of a dataclass that a variable sets; without `names` it is called as the field."""
    variable = Variable(read, sentence, secret, names, in_words(default))
    if default is REQUIRED:
        return field(repr=not secret, metadata={"variable": variable})
    return field(default=default, repr=not secret, metadata={"variable": variable})


def variables(settings: type[Any], prefix: str) -> dict[str, Variable]:
    """By field, the variables that set a dataclass; `prefix` begins those that are called as the field."""
    found = {f.name: f.metadata["variable"] for f in fields(settings) if "variable" in f.metadata}
    return {name: replace(one, names=one.names or (prefix + name.upper(),)) for name, one in found.items()}


def given(settings: type[Any], prefix: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """By field, what the environment sets; an empty variable sets nothing. Raises UserError by the variable's name."""
    found = {}
    for key, one in variables(settings, prefix).items():
        if name := next((name for name in one.names if environ.get(name)), None):
            found[key] = one.value(name, environ[name])
    return found


def in_words(default: object) -> str:
    """A default as the variable would have to hold it; empty for none."""
    if default in (REQUIRED, None, ()):
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default)


def text(named: str) -> str:
    """As it stands."""
    return named


def number(least: float) -> Callable[[str], float]:
    """A number of at least `least`."""

    def read(named: str) -> float:
        value = as_number(named)
        if not least <= value < float("inf"):
            raise ValueError(f"write a number of at least {least:g}")
        return value

    return read


def whole(least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(named: str) -> int:
        value = as_number(named)
        if not least <= value <= (2**63 if most is None else most) or value != int(value):
            raise ValueError(f"write a whole number {bounds}")
        return int(value)

    return read


def as_number(named: str) -> float:
    """Not a number where the text is none."""
    try:
        return float(named)
    except ValueError:
        return float("nan")


def choice(*allowed: T) -> Callable[[str], T]:
    """One of these texts."""

    def read(named: str) -> T:
        for one in allowed:
            if named == one:
                return one
        raise ValueError(f"write one of {', '.join(map(str, allowed))}")

    return read


def yes_or_no(named: str) -> bool:
    """`yes` or `no`."""
    return choice("no", "yes")(named) == "yes"


def path(named: str) -> Path:
    """A path, absolute. Who opens it says whether it can be used."""
    return Path(named).expanduser().absolute()


def web_address(named: str) -> str:
    """An address of the web."""
    found = named.strip()
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", found):
        raise ValueError("write https://… in full")
    return found


def secret_address(named: str) -> str:
    """An address of the web that is a secret as a whole, and so never travels unencrypted."""
    found = web_address(named)
    if found.startswith("http://") and not is_own(urlsplit(found).hostname, ()):
        raise ValueError("it is a secret and would be sent unencrypted, so write https://… in full")
    return found


def database_uri(named: str) -> str:
    """An address of a database as SQLAlchemy writes it."""
    if not re.fullmatch(r"(sqlite|postgresql)(\+\w+)?://\S+", named.strip()):
        raise ValueError("write postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE, or sqlite:////PATH")
    return named.strip()


def spark_master(named: str) -> str:
    """A master as Spark writes it."""
    found = named.strip()
    if not re.fullmatch(r"local(\[(\d+|\*)\])?|spark://[^\s:]+:\d+(,[^\s:]+:\d+)*", found):
        raise ValueError("write spark://HOST:PORT or local[CORES]; any other master is for spark-submit to say")
    return found


def host_names(named: str) -> tuple[str, ...]:
    """Names of hosts, with commas."""
    names = tuple(name.strip() for name in named.split(",") if name.strip())
    if not all(re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", name) for name in names):
        raise ValueError("write names without scheme and port, with commas")
    return names


def listen_address(named: str) -> str:
    """An IP address of this machine, or all of them."""
    try:
        return str(ip_address(named.strip()))
    except ValueError:
        raise ValueError("write an IP address, as 127.0.0.1, or 0.0.0.0 for all that the machine has") from None


def day(named: str) -> dt.date:
    """A day as ISO 8601 writes it."""
    try:
        return dt.date.fromisoformat(named)
    except ValueError:
        raise ValueError("write a day like 2026-03-28") from None


def zone(named: str) -> str:
    """A zone of the tz database."""
    if named not in available_timezones():
        raise ValueError("write the name of a zone like Europe/Berlin")
    return named
