"""Where the servers of one state folder answer, as `landfall up` wrote it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landfall.errors import UserError
from landfall.state import write_private

FILE_NAME = "endpoints.json"


@dataclass(frozen=True)
class Endpoints:
    """Addresses of a running local stack. DSNs are libpq URLs that hold a password: never log them."""

    postgres_dsn: str = field(repr=False)
    landing_dsn: str = field(repr=False)
    admin_dsn: str = field(repr=False)
    bi_dsn: str = field(repr=False)
    kafka_bootstrap_servers: str
    kafka_login: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The other fields of KafkaSettings, by name."""


def read_endpoints(home: Path) -> Endpoints | None:
    """Endpoints of the state folder `home`, None when no server was started there.

    Raises UserError when the file is damaged.
    """
    path = home / FILE_NAME
    try:
        return Endpoints(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged: run `landfall up`, which writes it anew.") from error


def write_endpoints(home: Path, endpoints: Endpoints) -> None:
    """Write the file with mode 600, whole or not at all."""
    write_private(home / FILE_NAME, json.dumps(asdict(endpoints), indent=2) + "\n")
