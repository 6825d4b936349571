"""CPU time of everything that takes part in a measurement, by part, from /proc.

A process is counted with the children that it has waited for, so that one that came and went between two readings (a
Python worker, a Postgres backend) is not forgotten: the kernel adds its time to its parent's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from local_stack.kafka import Kafka
from local_stack.postgres import Postgres

DRIVER, JVM, WORKERS, POSTGRES, KAFKA = "driver", "JVM", "Python workers", "Postgres", "Kafka"
PARTS = (DRIVER, JVM, WORKERS, POSTGRES, KAFKA)

# An idle broker takes 2 to 5 % of a core; after producing, its compiler and its flushes take a whole one for a while.
_QUIET_CORES, _QUIET_SECONDS = 0.1, 30.0


def cpu_seconds(home: Path, driver: psutil.Process | None = None) -> dict[str, float]:
    """CPU seconds so far, by part, of the servers in `home` and of the Spark application whose Python is `driver`.

    Only differences of two readings mean anything.
    """
    return {name: sum(map(_seconds, processes)) for name, processes in members(home, driver).items()}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was used between two readings, by part; a part that was not there before began at nothing."""
    return {name: after[name] - before.get(name, 0.0) for name in after}


def wait_until_quiet(home: Path, seconds: float = _QUIET_SECONDS) -> None:
    """Polls until the servers in `home` have done what was left from before (flushes, vacuum), at most `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before, began = sum(cpu_seconds(home).values()), time.monotonic()
        time.sleep(0.5)
        if sum(cpu_seconds(home).values()) - before < _QUIET_CORES * (time.monotonic() - began):
            return


def members(home: Path, driver: psutil.Process | None = None) -> dict[str, list[psutil.Process]]:
    """The living processes, by part."""
    found: dict[str, list[psutil.Process]] = application(driver) if driver is not None else {}
    servers = {POSTGRES: Postgres(home / "postgres").postmaster(), KAFKA: Kafka(home / "kafka").broker()}
    for name, server in servers.items():
        found[name] = [server, *descendants(server)] if server is not None else []
    return found


def application(driver: psutil.Process) -> dict[str, list[psutil.Process]]:
    """The processes of a Spark application, by part: its Python with the enricher beside it, the JVM that it started,
    the workers under that.
    """
    children = _children(driver)
    jvms = [child for child in children if _name(child) == "java"]
    workers = [process for jvm in jvms for process in descendants(jvm)]
    return {DRIVER: [driver, *(child for child in children if child not in jvms)], JVM: jvms, WORKERS: workers}


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """All processes below one, at any depth."""
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def resident_bytes(processes: list[psutil.Process]) -> int:
    """Memory of the processes together. What forked workers share is counted once: each has its part of it (PSS)."""
    return sum(_memory(processes))


def _memory(processes: list[psutil.Process]) -> Iterator[int]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            yield process.memory_full_info().pss


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children()
    return []


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.name()
    return ""
