"""One spelling for an address and for the host of a URL, whoever wrote it: keys are made of these.

In SQL the same are landing.address_of and landing.host_of; a table of spellings goes through both in the tests.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

# Controls, blank, no-break and zero-width blanks, the mark at the start of a file.
BLANKS = "".join(map(chr, (*range(1, 33), 0x7F, 0xA0, 0x200B, 0x3000, 0xFEFF)))
WEB_SCHEMES = ("http", "https", "ws", "wss", "ftp")
"""Schemes in whose URLs browsers take a backslash for a slash, and any number of them for two."""
LONGEST_LABEL, LONGEST_NAME = 63, 253
"""Characters; what is longer is no name, and the normal form of a long row of accents takes its square."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_PORT = re.compile(r"(:[0-9]*)?")
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_NO_HOST = frozenset(BLANKS + '<>"^`{|}/\\?#@:[]')


def address_of(sent: str | None) -> str | None:
    """An address in one spelling: without port, brackets, zone and leading zeros; IPv6 as Postgres writes it; an IPv4
    address in IPv6 as that; of a list, as in X-Forwarded-For, the first. A text that is no address: as it is, without
    blanks around. None for none.
    """
    whole = (sent or "").strip(BLANKS)
    address = whole.partition(",")[0].strip(BLANKS)
    return read_address(address) or read_address(bare(address)) or whole or None


def bare(address: str) -> str:
    """An address without port, brackets and zone, where it has such; "" where what stands for a port is none."""
    port = ""
    if address.startswith("["):
        address, _, port = address[1:].partition("]")
    elif address.count(":") == 1:
        address, colon, port = address.partition(":")
        port = colon + port
    if ":" in address:
        address = address.partition("%")[0]
    return address if _PORT.fullmatch(port) else ""


def read_address(text: str) -> str | None:
    """The one spelling of an IPv4 or IPv6 address as Postgres' type inet takes it; None for any other text."""
    if not text.isascii() or "%" in text:
        return None
    try:
        if ":" not in text:  # 010.1.2.3 is 10.1.2.3 in logs that pad
            text = ".".join(str(int(part)) if re.fullmatch(r"[0-9]+", part) else part for part in text.split("."))
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    number = int(address)
    return f"::{ipaddress.IPv4Address(number)}" if 1 << 16 <= number < 1 << 32 else str(address)


def host_of(url: str | None) -> str | None:
    """The host of a URL in one spelling: lower case, Punycode, without user, password, port and trailing dots; file://
    for a page that was saved to a file. None where there is none: a relative URL, about:blank, data:, a port that is
    no number.
    """
    rest = (url or "").strip(BLANKS).translate({9: None, 10: None, 13: None})
    if rest.startswith("//"):
        scheme = "https"
    else:
        scheme, colon, rest = rest.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme):
            return None
        scheme = scheme.lower()
    if scheme == "file":
        return "file://"
    if scheme in WEB_SCHEMES:
        rest = rest.replace("\\", "/").lstrip("/")
    elif rest.startswith("//"):
        rest = rest[2:]
    else:
        return None
    # User and password end at the last @ before the path: they are nobody's business.
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        text, _, port = authority[1:].partition("]")
        host = bracketed(text)
    else:
        text, colon, port = authority.partition(":")
        port, host = colon + port, name_of(text)
    return host if _PORT.fullmatch(port) else None


def bracketed(text: str) -> str | None:
    """An address that stands for a host, IPv6 in brackets; None where it is none."""
    address = address_of(text)
    if address is None or read_address(address) is None:
        return None
    return f"[{address}]" if ":" in address else address


def name_of(text: str) -> str | None:
    """The name of a host in lower case and Punycode; None where it has a sign that no name has."""
    name = lower(text)
    if not name.isascii() and len(name) <= LONGEST_NAME:
        name = lower(unicodedata.normalize("NFKC", name.replace("\u3002", ".").replace("\uff61", ".")))
        name = ".".join(map(label_of, name.split(".")))
    name = name.rstrip(".")
    return None if not name or _NO_HOST & set(name) else name


def lower(text: str) -> str:
    """Lower case letter by letter, as in Postgres: no letter becomes two, nor another one at the end of a word."""
    return "".join(letter.lower()[0] for letter in text)


def label_of(label: str) -> str:
    """A label of a name in Punycode, unless it is too long for one."""
    if label.isascii() or len(label) > LONGEST_LABEL:
        return label
    return "xn--" + label.encode("punycode").decode("ascii")
