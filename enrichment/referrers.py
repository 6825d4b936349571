"""Who sent a visitor, by the host of the referrer: its medium, and whose host it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from enrichment.tables import REFERRER_HOSTS

HOSTS = Path(__file__).with_name("referrer_hosts.yaml")
MEDIA = ("search", "social", "ai", "email", "other")
COUNTRY_DOMAIN = re.compile(r"(?:(?:co|com|net|org|ne|or|ac)\.)?[a-z]{2}")
# What stands for a country's domain in the list.
ANY = ".{}"
WEB_MAIL = "Web mail"
LONGEST_HOST = 253

Referrer = tuple[str, str | None]
UNKNOWN: Referrer = ("other", None)


class ReferrerRules:
    """Looks hosts up in the list of known ones."""

    table = REFERRER_HOSTS
    corrects = True

    def __init__(self, path: Path = HOSTS) -> None:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        self.version = f"hosts {hashlib.sha256(text.encode()).hexdigest()[:12]}"
        document = yaml.load(text, yaml.CSafeLoader)
        self._prefixes = {label: medium for medium, labels in document["prefixes"].items() for label in labels}
        self._hosts: dict[str, Referrer] = {}
        self._names: dict[str, Referrer] = {}
        for medium in MEDIA:
            for source, hosts in document[medium].items():
                for host in hosts:
                    known = self._names if host.endswith(ANY) else self._hosts
                    known.setdefault(host.removesuffix(ANY), (medium, source))

    def reload(self) -> None:
        """The list is part of the program."""

    def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        return [self.look_up(text) for text in texts]

    def look_up(self, host: str) -> Referrer:
        """(medium, source) of a host; ("other", None) for one that is not known."""
        host = host.rstrip(".")
        if len(host) > LONGEST_HOST:
            return UNKNOWN
        own = host.removeprefix("www.")
        if found := self._exactly(own):
            return found
        label, _, below = own.partition(".")
        if label in self._prefixes and "." in below:
            return self._prefixes[label], WEB_MAIL
        return next((found for part in above(own) if (found := self._exactly(part))), UNKNOWN)

    def _exactly(self, host: str) -> Referrer | None:
        if found := self._hosts.get(host):
            return found
        labels = host.split(".")
        for count in (1, 2):  # google.de, google.co.uk
            name, domain = ".".join(labels[:-count]), ".".join(labels[-count:])
            if name in self._names and COUNTRY_DOMAIN.fullmatch(domain):
                return self._names[name]
        return None


def above(host: str) -> Iterator[str]:
    """The domains that a host lies in, the nearest first: l.m.facebook.com, m.facebook.com, facebook.com."""
    while "." in host:
        yield host
        host = host.partition(".")[2]
