"""Where an address is, by any MMDB geo file: country, region and city."""

from __future__ import annotations

import hashlib
import importlib.resources
import ipaddress
import logging
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import maxminddb

from enrichment.places import NONE, Place, location_key
from enrichment.places import NOWHERE as NOWHERE
from enrichment.tables import ADDRESSES
from landfall.errors import UserError

logger = logging.getLogger(__name__)

SETTING = "LANDFALL_GEOIP_DATABASE"
RECORDS_TRIED = 1_000
"""How many records of a geo file are read to see that it is whole and names places."""


class GeoFileError(ValueError):
    """A geo file that cannot be used. The message is a sentence about it, without its name."""


class GeoFile:
    """A geo file, read from a copy of its own: who writes over a mapped file ends the process that has it mapped."""

    def __init__(self, path: Path) -> None:
        digest = hashlib.blake2b(digest_size=6)
        try:
            with tempfile.NamedTemporaryFile(suffix=".mmdb") as copy, path.open("rb") as source:
                while chunk := source.read(1 << 20):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                self._reader = maxminddb.open_database(copy.name)
            self._try_out()
        except (maxminddb.InvalidDatabaseError, UnicodeDecodeError) as error:
            raise GeoFileError("is no MMDB file, or a damaged one") from error
        except OSError as error:
            raise GeoFileError(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
        self.type, self.build_epoch = self._reader.metadata().database_type, self._reader.metadata().build_epoch
        self.version = f"{self.type} {self.build_epoch} {digest.hexdigest()}"

    def _try_out(self) -> None:
        kind = self._reader.metadata().database_type
        if not any(place_in(record) != NOWHERE for _, record in islice(self._reader, RECORDS_TRIED)):
            raise GeoFileError(f"is of type {kind}, which names no countries; a file of countries or cities is needed")

    def place(self, text: str) -> Place:
        """Where an address is; NOWHERE for a text that is none, and for one that the file does not know."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return NOWHERE
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without a zone (fe80::1%eth0)
        try:
            return place_in(self._reader.get(address))
        except ValueError:  # an IPv6 address in a file of IPv4 only
            return NOWHERE


class AddressRules:
    """Looks addresses up in the geo file of the settings. Without a file every place is (none), and rows keep what
    they have: a shell in which the setting is missing must not wipe out what is known.

    Raises UserError for a file that cannot be used. Not `required`, it is told in the log, and waited for.
    """

    table = ADDRESSES

    def __init__(self, path: Path | None, *, required: bool = True) -> None:
        self._path = path
        self._stamp: tuple[int, ...] | None = None
        self._file: GeoFile | None = None
        if path is not None:
            self._stamp = stamp_of(path)
            try:
                self._file = GeoFile(path)
            except GeoFileError as error:
                if required:
                    raise UserError(f"{SETTING}: {path} {error}.") from error
                logger.warning("%s: %s %s; addresses have no place until it can be used", SETTING, path, error)

    @property
    def version(self) -> str:
        return self._file.version if self._file else "no geo file"

    @property
    def corrects(self) -> bool:
        return self._file is not None

    def reload(self) -> None:
        """Take over another file at the same path. One that cannot be used is told in the log."""
        if self._path is None or (stamp := stamp_of(self._path)) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._file = GeoFile(self._path)
            logger.info("%s: new geo file %s", SETTING, self.version)
        except GeoFileError as error:
            logger.warning("%s: %s %s; the one read before stays in use", SETTING, self._path, error)

    def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        places = [self._place(text) for text in texts]
        return [(location_key(place), *place) for place in places]

    def _place(self, text: str) -> Place:
        if self._file is None:
            return NOWHERE
        try:
            return self._file.place(text)
        except (maxminddb.InvalidDatabaseError, UnicodeDecodeError):
            logger.warning("%s: %s is damaged; some addresses have no place", SETTING, self._path)
            return NOWHERE


def stamp_of(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def place_in(record: Any) -> Place:
    """The place in a record: nested, as MaxMind and DB-IP write it, or flat, as IPinfo and IP2Location do."""
    if not isinstance(record, Mapping):
        return NOWHERE
    code = country_code(record)
    subdivisions = record.get("subdivisions")
    region = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else record.get("region")
    name = country_names().get(code or "") or english(record.get("country_name")) or english(record.get("country"))
    return (code, name or NONE, english(region) or NONE, english(record.get("city")) or NONE)


def country_code(record: Mapping[str, Any]) -> str | None:
    """ISO 3166 code: of the country, or else of the one that the network is registered in."""
    for field in ("country", "registered_country"):
        if isinstance(found := record.get(field), Mapping) and isinstance(code := found.get("iso_code"), str):
            return code.upper()
    for field in ("country_code", "country"):
        if isinstance(code := record.get(field), str) and len(code) == 2:
            return code.upper()
    return None


def english(value: Any) -> str | None:
    """A name: a text, or the English one of {"names": {"en": …}}."""
    if isinstance(value, Mapping):
        names = value.get("names")
        value = names.get("en") if isinstance(names, Mapping) else value.get("name")
    return value.strip() or None if isinstance(value, str) else None


@cache
def country_names() -> dict[str, str]:
    """Names of countries by code, as in tzdata's iso3166.tab: the same as of the shops' countries."""
    text = (importlib.resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.partition("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {code: name for code, _, name in rows}
