"""Who may ask a page of ours: browsers that were told its own name, and pages of its own.

A page of any other site can send requests to 127.0.0.1 by its visitor's browser, and, by a name whose address it
changes meanwhile (DNS rebinding), read the answers too. The browser then names that other site in Host or in Origin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit


def refusal(hosts: Sequence[str], origins: Sequence[str], names: Collection[str]) -> str | None:
    """Why a request with these Host and Origin headers is not answered, None when it is.

    `names`: host names that are ours besides localhost and the addresses of loopback, as of a reverse proxy.
    Programs such as curl and Prometheus send no Origin; a browser sends one with whatever can change something.
    """
    if len(hosts) != 1 or not is_own(host_name(hosts[0]), names):
        asked = ", ".join(hosts) or "no host"
        return f"{asked[:100]!r} is no name of this server: ask for localhost, or add the name to LANDFALL_HOST_NAMES."
    for origin in origins:
        if netloc_of(origin) != hosts[0].lower():
            return f"A page of {origin[:100]!r} may ask nothing here."
    return None


def is_own(name: str | None, names: Collection[str]) -> bool:
    """Whether a host's name is loopback's, or one of `names`."""
    if name is None:
        return False
    if name == "localhost" or name in {other.lower() for other in names}:
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str | None:
    """The name in a Host header, in lower case and without the port; None where there is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def netloc_of(origin: str) -> str | None:
    """Host and port of an Origin header, as Host gives them; None for `null` and what is no origin."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https", "ws", "wss") else None
