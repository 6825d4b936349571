"""A login of Postgres and the role it acts as, which travel together: `Settings` knows the pairs."""

from dataclasses import dataclass, field
from typing import Final, Literal

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
