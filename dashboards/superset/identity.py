"""What each part is known by, in every Superset: UUIDs from names, so that a second import finds the first one's."""

import uuid

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "landfall.dashboards")
DATABASE = "Landfall"
VERSION = "1.0.0"
"""Of Superset's format of archives."""


def identity(kind: str, *names: str) -> str:
    """UUID of a part: a `database`, `dataset`, `chart` or `dashboard`."""
    return str(uuid.uuid5(NAMESPACE, "/".join((kind, *names))))


def short(kind: str, *names: str) -> str:
    """The same for what is known within one dashboard: twelve characters."""
    return identity(kind, *names).replace("-", "")[:12]
