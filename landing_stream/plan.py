"""What Spark has planned for a micro-batch: the spans of offsets, read from the query's checkpoint.

Spark writes the planned end of a batch, per partition, as the last line of `offsets/<batch id>` before it calls the
batch function; the start is the end of the batch before, or `startingOffsets` (seen on 4.2.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from landing_stream.ledger import Span


def planned_ends(checkpoint: Path, batch_id: int, topic: str) -> dict[int, int]:
    """Partition to the offset up to which (exclusively) batch `batch_id` reads."""
    lines = (checkpoint / "offsets" / str(batch_id)).read_text(encoding="utf-8").splitlines()
    return {int(partition): offset for partition, offset in json.loads(lines[-1])[topic].items()}


def spans(starts: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, Span]:
    """The span of each partition that has anything to read.

    A partition that is new since the last batch starts at 0.
    """
    return {
        partition: Span(partition, starts.get(partition, 0), end)
        for partition, end in sorted(ends.items())
        if end > starts.get(partition, 0)
    }


def shares(planned: Mapping[int, Span], slots: int) -> list[list[Span]]:
    """The spans shared out over at most `slots` tasks: each goes, the largest first, to the task that has least."""
    found: list[list[Span]] = [[] for _ in range(max(1, min(slots, len(planned))))]
    sizes = [0] * len(found)
    for span in sorted(planned.values(), key=lambda span: span.from_offset - span.until_offset):
        least = sizes.index(min(sizes))
        found[least].append(span)
        sizes[least] += span.until_offset - span.from_offset
    return found
