"""The wall clock of the landing's or the refresh's processes, moved while they run.

Not by libfaketime: as Debian has it (0.9.10) it moves the monotonic clock as well, which no clock that is set does, or,
told not to, fails Python's `time.sleep` with EINVAL. `clock.c` moves the wall clock alone.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from benchmarks.fault_lab.left_out import LeftOut

PARTS = ("landing", "refresh")
_SOURCE = Path(__file__).with_name("clock.c")


class Clocks:
    """A clock for each of PARTS, in files of `folder`; whose processes have `environ(part)` go by it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder, self._library = folder, folder / "clock.so"
        self.why_not = ""
        compiler = shutil.which("cc")
        if compiler is None:
            self.why_not = "there is no C compiler (cc) on the PATH to build clock.c with"
            return
        for part in PARTS:
            self._file(part).write_bytes(struct.pack("d", 0.0))
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", self._library, _SOURCE, "-ldl"], check=True)

    def environ(self, part: str) -> dict[str, str]:
        """Variables for the processes of a part."""
        return {} if self.why_not else {"LD_PRELOAD": str(self._library), "CLOCK_FILE": str(self._file(part))}

    def set(self, part: str, seconds: float) -> None:
        """From now on its clock is so far ahead. Raises LeftOut where there are no such clocks."""
        if self.why_not:
            raise LeftOut(self.why_not)
        with self._file(part).open("r+b") as file:  # in place: the processes have it mapped
            file.write(struct.pack("d", seconds))

    def _file(self, part: str) -> Path:
        return self._folder / f"{part}.clock"
