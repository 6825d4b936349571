"""Who reads a landing table load by load, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Reader:
    """Somebody who reads a landing table load by load, directly or through facts, and how far they are."""

    stream: str
    name: str
    position: int


def read_readers(ops: Connection) -> list[Reader]:
    """How far each table of the models, whoever's schema it is in, and the enricher have read each stream."""
    rows = ops.execute(
        """
        select p.source, p.relation, p.position from ops.model_progress as p
        inner join pg_class as c on c.oid = to_regclass(p.relation) and c.relkind in ('r', 'p')
        union all
        select s.stream, 'the enricher', coalesce(e.position, 0) from landing.streams as s
        left join enrichment.progress as e on e.stream = s.stream
        where exists (select from ops.model_progress as p where p.source = s.stream)
        """
    )
    return [Reader(*row) for row in rows.fetchall()]
