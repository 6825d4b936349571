"""The machine on which a figure was made, so that a reader sees how far to trust it."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

import psutil


def machine() -> str:
    """Cores, memory, processor, and how busy it is now: a load near 0 means a quiet machine."""
    load = "/".join(f"{average:.1f}" for average in os.getloadavg())
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {processor()}, load average {load} (1/5/15 minutes) before"


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below; those that vanish meanwhile are left out."""
    sizes = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size if path.is_file() else 0
    return sizes
