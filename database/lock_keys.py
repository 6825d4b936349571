"""Every advisory lock, by name: the one place in which their keys are made.

A key is a hash of the name, and a release and the one before may run side by side: a name, once given, stays. The names
of seeds and snapshots stand in dbt's macros too, the holder's in landing.seal_abandoned().
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg import sql


@dataclass(frozen=True)
class Lock:
    """An advisory lock. Postgres hashes its name, but where the holder of a key is asked for: see `HashedHere`."""

    name: str

    @property
    def key(self) -> sql.Composable:
        """The 64-bit key, for a statement."""
        return sql.SQL("hashtextextended({}, 0)").format(sql.Literal(self.name))


@dataclass(frozen=True)
class HashedHere(Lock):
    """A lock whose key is known without asking Postgres."""

    @property
    def number(self) -> int:
        """The key: the first 64 bits of SHA-256, signed."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big", signed=True)

    @property
    def key(self) -> sql.Composable:
        return sql.Literal(self.number)

    @property
    def halves(self) -> tuple[int, int]:
        """`classid` and `objid`, by which pg_locks shows it, with `objsubid` 1."""
        unsigned = self.number & 0xFFFF_FFFF_FFFF_FFFF
        return unsigned >> 32, unsigned & 0xFFFF_FFFF


MIGRATE = Lock("landfall.migrate")
"""One migration at a time."""
REFERENCE = Lock("landfall.reference")
"""One load of master data at a time."""


def writer_of(stream: str, door: str) -> HashedHere:
    """Who writes a stream through a door: shared by all that write, exclusive for the one that takes over."""
    return HashedHere(f"landfall.landing.writer/{stream}/{door}")


def holder_of_door(stream: str, door: str, generation: int) -> Lock:
    """A sign of life of a batch door's process."""
    return Lock(f"landfall.landing.holder/{stream}/{door}/{generation}")


def day_partition(name: str) -> Lock:
    """Who makes a partition of the landing."""
    return Lock(f"landfall.landing.partition/{name}")


def dagster_run(run_id: str) -> HashedHere:
    """A sign of life of a run's process."""
    return HashedHere(f"landfall.dagster.run/{run_id}")


def seed(relation: str) -> Lock:
    """Who makes the table of a seed."""
    return Lock(f"landfall.seed/{relation}")


def snapshot(relation: str) -> Lock:
    """Who adds versions to a snapshot."""
    return Lock(f"landfall.snapshot/{relation}")
