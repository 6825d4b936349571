"""A login of Postgres and the role it acts as, which travel together: `Settings` knows the pairs."""

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote, urlsplit

Role = Literal["landing_writer", "transformer", "bi_reader"]
WRITER: Final = "landing_writer"
TRANSFORMER: Final = "transformer"
READER: Final = "bi_reader"


@dataclass(frozen=True)
class Login:
    """Who logs in, and as whom it acts: on servers of one's own a login may be named otherwise than its role, and all
    objects of a kind need one owner."""

    dsn: str = field(repr=False)
    """A libpq URL that holds a password: never log it."""
    role: Role | None
    """None: as itself, as the admin does."""


def with_password(dsn: str, password: str | None) -> str:
    """A libpq URL, or its `name=value` form, with this password where it holds none."""
    if not password:
        return dsn
    if "://" not in dsn:
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        return dsn if "password" in dsn else f"{dsn} password='{quoted}'"
    parts = urlsplit(dsn)
    user, at, hosts = parts.netloc.rpartition("@")
    if ":" in user or "password=" in parts.query:
        return dsn
    if at:
        return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{hosts}").geturl()
    query = f"{parts.query}&" if parts.query else ""
    return parts._replace(query=f"{query}password={quote(password, safe='')}").geturl()
