"""What a run produced, for people and for programs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import reduce
from typing import Any

from simulator.batch import MixedBatch


@dataclass
class StreamCounts:
    """One stream. `produced` counts acknowledged messages, all kinds together; the others are parts of it.

    `late`: event time 15 minutes to 3 days early; `duplicates`: an earlier message again; `malformed`: by the reason
    that the quarantine is to give; `unusable`: events that land and dbt rejects, as they have no key or no usable time.
    """

    produced: int = 0
    late: int = 0
    duplicates: int = 0
    unusable: int = 0
    malformed: dict[str, int] = field(default_factory=dict)

    def add(self, batch: MixedBatch, sent: int) -> None:
        """Count the first `sent` messages of a batch."""
        self.produced += sent
        self.late += sum(position < sent for position in batch.late)
        self.duplicates += sum(position < sent for position in batch.duplicates)
        self.unusable += sum(position < sent for position in batch.unusable)
        self._add_reasons(Counter(reason for position, reason in batch.malformed.items() if position < sent))

    def plus(self, other: "StreamCounts") -> "StreamCounts":
        """Both together."""
        both = StreamCounts(
            self.produced + other.produced,
            self.late + other.late,
            self.duplicates + other.duplicates,
            self.unusable + other.unusable,
            dict(self.malformed),
        )
        both._add_reasons(other.malformed)
        return both

    def _add_reasons(self, counted: Mapping[str, int]) -> None:
        for reason, count in counted.items():
            self.malformed[reason] = self.malformed.get(reason, 0) + count


@dataclass
class Summary:
    """A run. `failed`: messages that Kafka did not take; `seconds`: how long it took, with the last acknowledgement."""

    streams: dict[str, StreamCounts]
    seconds: float = 0.0
    failed: int = 0
    trouble: str = ""

    @property
    def total(self) -> StreamCounts:
        """All streams together."""
        return reduce(StreamCounts.plus, self.streams.values(), StreamCounts())

    @property
    def produced(self) -> int:
        """Acknowledged messages of all streams."""
        return self.total.produced

    @property
    def events_per_second(self) -> float:
        """Acknowledged messages a second."""
        return self.produced / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {
            **asdict(self.total),
            "failed": self.failed,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
            "streams": {stream: asdict(counts) for stream, counts in self.streams.items()},
        }

    def as_text(self) -> str:
        """The same as a table."""
        lines = [f"{'stream':<15}{'produced':>12}{'late':>10}{'duplicates':>12}{'malformed':>11}{'unusable':>10}"]
        for stream, counts in self.streams.items():
            lines.append(
                f"{stream:<15}{counts.produced:>12,}{counts.late:>10,}{counts.duplicates:>12,}"
                f"{sum(counts.malformed.values()):>11,}{counts.unusable:>10,}"
            )
        if reasons := self.total.malformed:
            lines.append("malformed: " + ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items())))
        lines.append(f"{self.produced:,} messages in {self.seconds:.1f} s ({self.events_per_second:,.0f} a second)")
        return "\n".join(lines)
