"""What each part needs of a Kafka that asks for rights, and the commands that give it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

NEEDED: dict[str, tuple[tuple[str, ...], str]] = {
    "land": (("Read",), "`landfall land` reads the topics; no consumer group, as offsets are in Postgres"),
    "watch": (
        ("Read", "DescribeConfigs"),
        "`landfall status`, `doctor`, `metrics` and Dagster ask where topics end and how they are set",
    ),
    "produce": (("Write",), "`landfall simulate` and `replay`, or whoever writes the events"),
    "topics": (("Create", "Describe"), "`landfall migrate --topics` makes those that are missing"),
}
"""By part, the operations on each topic, as `kafka-acls` names them, and what they are for. Read and Write bring
Describe with them. Nothing is needed on the cluster, on groups or on transactions."""


def commands(parts: Iterable[str], user: str, topics: Sequence[str], server: str) -> list[str]:
    """A comment and a line of shell for each part of NEEDED that is named, for `kafka-acls` of Kafka itself.

    `user`: as the brokers call the login, without `User:`. `server`: host:port of a broker, as an administrator has it.
    """
    lines = []
    for part in parts:
        operations, why = NEEDED[part]
        asked = ["kafka-acls", "--bootstrap-server", server, "--command-config", "admin.properties", "--add"]
        asked += ["--allow-principal", f"User:{user}"]
        asked += [word for operation in operations for word in ("--operation", operation)]
        asked += [word for topic in topics for word in ("--topic", topic)]
        lines += [f"# {part}: {why}", shlex.join(asked)]
    return lines
