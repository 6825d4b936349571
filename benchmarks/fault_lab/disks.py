"""Disks that are full: small file systems of their own under Postgres, Kafka and the state folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from benchmarks.fault_lab.left_out import LeftOut

GIGABYTES = {"Postgres": 40, "Kafka": 20, "the state folder": 1}
"""Of each file system. They are sparse: what is not written takes nothing."""
_BALLAST = "ballast"


class Disks:
    """File systems in files of `folder`, by what is on them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mounted: dict[str, Path] = {}
        self.why_not = ""

    def lay_under(self, name: str, place: Path) -> None:
        """Makes `place` a file system of its own, with what is in it; where that cannot be, says so in `why_not`.

        Nobody may be using it.
        """
        if self.why_not:
            return
        self._folder.mkdir(exist_ok=True)
        image, aside = self._folder / f"{len(self._mounted)}.ext4", place.with_name(place.name + ".aside")
        with image.open("wb") as file:
            file.truncate(GIGABYTES[name] * 2**30)
        if place.exists():
            place.rename(aside)
        place.mkdir()
        try:
            for command in (("mkfs.ext4", "-q", "-F", "-m", "0", image), ("mount", "-o", "loop", image, place)):
                subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            self.why_not = f"no file system can be mounted here: {said.strip().splitlines()[-1]}"
            place.rmdir()
            if aside.exists():
                aside.rename(place)
            return
        self._mounted[name] = place
        (place / "lost+found").rmdir()
        if aside.exists():
            subprocess.run(["cp", "-a", f"{aside}/.", place], check=True)
            shutil.rmtree(aside)

    def fill(self, name: str) -> None:
        """Leaves no byte on it. Raises LeftOut where it is no file system of its own."""
        if self.why_not:
            raise LeftOut(self.why_not)
        place = self._mounted[name]
        with (place / _BALLAST).open("wb") as file:
            free = os.statvfs(place)
            os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - 4 * 2**20))
        with suppress(OSError), (place / f"{_BALLAST}.rest").open("wb", buffering=0) as rest:
            while rest.write(bytes(4096)):
                pass

    def free(self, name: str) -> None:
        """Removes what filled it."""
        for file in self._mounted[name].glob(f"{_BALLAST}*"):
            file.unlink()

    def remove(self) -> None:
        """Takes them all away, the newest first; nobody uses them any more."""
        for place in reversed([*self._mounted.values()]):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
        shutil.rmtree(self._folder, ignore_errors=True)
