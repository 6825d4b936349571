"""Geo files of a few networks, for one test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def write_geo_file(path: Path, networks: Mapping[str, Mapping[str, Any]], kind: str = "Test-City") -> Path:
    """An MMDB with these records by network."""
    writer = MMDBWriter(6, kind, ["en"], "Made by a test.", ipv4_compatible=True)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), dict(record))
    writer.to_db_file(str(path))
    return path


def city(country: str, name: str) -> dict[str, Any]:
    """A record as MaxMind writes it."""
    return {"country": {"iso_code": country}, "city": {"names": {"en": name}}}
