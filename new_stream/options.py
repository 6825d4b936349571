"""What somebody has said of a stream, before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass

from new_stream.times import Notation


@dataclass(frozen=True)
class Options:
    """What somebody said. `keys`: names of a composite key, in their order; `time`: a field, or a path with dots."""

    keys: tuple[str, ...] = ()
    no_key: bool = False
    time: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    time_zone: str | None = None
    personal: tuple[str, ...] = ()
    not_personal: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    delimiter: str | None = None

    @property
    def notation(self) -> Notation | None:
        """The notation of the event time, where it was said."""
        if self.time_format is not None:
            return Notation("format", self.time_format)
        return Notation(self.time_unit) if self.time_unit not in (None, "format") else None  # type: ignore[arg-type]
