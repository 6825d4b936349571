"""A folder for Spark's own files: removed when its process ends, and by the next one when it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from landfall.processes import processes_with

_PREFIX = "spark-"
_LOCK = "in-use"
# Between making a folder and locking it lie microseconds; a younger one may be another process' that starts right now.
_YOUNGEST_LEFTOVER_SECONDS = 5.0


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A fresh folder in `parent`, for the time of the block. A killed copy leaves 3 MB: those go now."""
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f"{_PREFIX}*"):
        _remove_unused(leftover)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    # The kernel lets go of the lock when the process dies, however it dies.
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_unused(folder: Path) -> None:
    with suppress(OSError):  # another process removes it too
        if time.time() - folder.stat().st_ctime < _YOUNGEST_LEFTOVER_SECONDS:
            return
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A JVM ends by itself when its driver is killed, but not always one whose start was broken off.
            for process in processes_with(f"-Djava.io.tmpdir={folder}"):
                with suppress(psutil.Error):
                    process.kill()
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
