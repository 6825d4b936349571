"""The last record that landed of a partition, as the ledger keeps it: by it a log that is another one is known."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Witness:
    """A record of a partition: where it stands, its Kafka time (None where its producer wrote none), and a hash of key
    and value, 64 bits as Postgres' bigint has them.
    """

    offset: int
    timestamp: dt.datetime | None
    digest: int


def witness(records: pa.RecordBatch, row: int) -> Witness:
    """The record in this row of a batch of RECORD_SCHEMA."""
    found = hashlib.blake2b(digest_size=8)
    for name in ("kafka_key", "value"):
        part = records.column(name)[row].as_py()
        # With its length, so that no other key and value make the same bytes; a missing one is none of length 0.
        found.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return Witness(
        records.column("kafka_offset")[row].as_py(),
        records.column("kafka_timestamp")[row].as_py(),
        int.from_bytes(found.digest(), signed=True),
    )


def last_of_each(records: pa.RecordBatch) -> Iterator[tuple[int, Witness]]:
    """(partition, its last record) of a batch in which offsets ascend within each partition."""
    # Imported here: who asks the ledger reads no record.
    import numpy as np
    import pyarrow as pa

    rows = pa.table({"partition": records.column("kafka_partition"), "row": pa.array(np.arange(records.num_rows))})
    for found in rows.group_by("partition").aggregate([("row", "max")]).to_pylist():
        yield found["partition"], witness(records, found["row_max"])
