"""What a pooler before Postgres says where it cannot help, in words that say what to do."""

from __future__ import annotations

import re

KNOWN = (
    (
        r"query_wait_timeout",
        "the pooler had no connection to Postgres free in time: raise its default_pool_size, or let the LANDFALL_…_DSN"
        " lead to Postgres itself",
    ),
    (
        r"no more connections allowed",
        "the pooler takes no more clients: raise its max_client_conn, or let the LANDFALL_…_DSN lead to Postgres"
        " itself",
    ),
    (
        r"unsupported startup parameter(?: in options)?:? ?(\S*)",
        "the pooler refuses the parameter {0}: take it out of the LANDFALL_…_DSN and of PGOPTIONS, or name it in the"
        " pooler's ignore_startup_parameters",
    ),
)


def in_words(said: str) -> str | None:
    """What to do about what PgBouncer said; None where Postgres said it."""
    for pattern, words in KNOWN:
        if found := re.search(pattern, said):
            return words.format(*found.groups())
    return None
