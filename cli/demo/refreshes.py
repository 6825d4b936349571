"""What `landfall refresh --watch` says in its log."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from landfall.logs import message_of

REFRESHED = re.compile(r"refreshed in ([\d.]+) s: ([\d,]+) rows")
FAILED = re.compile(r"failed after [\d.]+ s: (.*)")


@dataclass
class Refreshes:
    """Refreshes so far: the seconds that each good one took, and what the others said."""

    log: Path
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _read: int = 0

    def look(self) -> None:
        """Read the lines that were added, whole ones only."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode("utf-8", errors="replace").splitlines():
            said = message_of(line)
            if good := REFRESHED.match(said):
                self.seconds.append(float(good[1]))
            elif bad := FAILED.match(said):
                self.failures.append(bad[1])
