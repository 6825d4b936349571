"""Makes demo_geo.mmdb, the small geo file of the demo and the tests: `python -m enrichment.demo_geo`.

Its cities are real, its networks are not theirs: they were dealt out so that the simulator's addresses fall somewhere,
and some of them nowhere. It says so in its type and its description.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

from landfall.settings import DEMO_GEO_FILE

TYPE = "Landfall-Demo-Fictitious-City"
DESCRIPTION = "Made up for Landfall's demo and tests: the cities are real, which networks are in them is not."

# country | region | city, roughly as the simulated shop's visitors are spread: Germany and Britain more than once.
CITIES = """
DE|Bavaria|Munich
DE|Berlin|Berlin
DE|Hamburg|Hamburg
DE|Hesse|Frankfurt am Main
GB|England|London
GB|England|Manchester
GB|Scotland|Edinburgh
FR|Île-de-France|Paris
FR|Auvergne-Rhône-Alpes|Lyon
US|New York|New York
US|California|Los Angeles
CH|Zurich|Zürich
CA|Ontario|Toronto
CA|Quebec|Montréal
AU|New South Wales|Sydney
RO|București|Bucharest
IT|Lombardy|Milan
ES|Community of Madrid|Madrid
SE|Stockholm|Stockholm
PL|Mazovia|Warsaw
NL|North Holland|Amsterdam
AT|Vienna|Vienna
BE|Brussels Capital|Brussels
TR|Istanbul|Istanbul
CZ|Prague|Prague
DK|Capital Region|Copenhagen
PT|Lisbon|Lisbon
BR|São Paulo|São Paulo
MX|Mexico City|Mexico City
VN|Hanoi|Hanoi
JP|Tokyo|Tokyo
SG||Singapore
"""
# First octets of the simulator's addresses (simulator/visitors.py), each cut into 16 networks of a million addresses.
OCTETS = (2, 5, 31, 37, 46, 62, 78, 80, 86, 91, 93, 109, 151, 178, 188, 189, 200)
# Those of documentation (RFC 5737, RFC 3849), which tests write.
DOCUMENTATION = {
    "192.0.2.0/24": "DE|Berlin|Berlin",
    "198.51.100.0/24": "US||",
    "203.0.113.0/24": "VN|Hanoi|Hanoi",
    "2001:db8::/32": "FR|Île-de-France|Paris",
}


def networks() -> dict[str, str]:
    """Network → `country|region|city`."""
    cities = cycle(CITIES.split("\n")[1:-1])
    # 17 x 16 networks over 32 cities: one short of the round in each octet, so that neighbours are not all alike.
    dealt = {
        f"{octet}.{part * 16}.0.0/12": next(cities) for octet in OCTETS for part in range(16) if part != octet % 16
    }
    return {**dealt, **DOCUMENTATION}


def record(place: str) -> dict[str, object]:
    """A place as MaxMind's City files write it."""
    country, region, city = place.split("|")
    found: dict[str, object] = {"country": {"iso_code": country}}
    if region:
        found["subdivisions"] = [{"names": {"en": region}}]
    if city:
        found["city"] = {"names": {"en": city}}
    return found


def write_demo_geo_file(path: Path) -> None:
    """Write the file. Its build epoch is the time of the call."""
    # Packages of development: the product runs without them.
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet  # comes with it

    writer = MMDBWriter(6, TYPE, ["en"], DESCRIPTION, ipv4_compatible=True)
    for network, place in networks().items():
        writer.insert_network(IPSet([network]), record(place))
    writer.to_db_file(str(path))


if __name__ == "__main__":
    write_demo_geo_file(DEMO_GEO_FILE)
