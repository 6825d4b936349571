"""The machine: Python, Java, memory, disks, limits of this user."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

from health.doctor.bounds import GIB, Bounds
from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.errors import UserError
from landfall.wording import share

CGROUP = Path("/sys/fs/cgroup")
UNKNOWN_MEMORY = 2**60
"""A control group without a limit says `max`, or a number near 2^63."""


def python(deployment: Deployment) -> list[Finding]:
    """Is it the version that the packages are locked for?"""
    return [judge_python(sys.version_info[:3], metadata("landfall")["Requires-Python"])]


def judge_python(version: tuple[int, int, int], required: str) -> Finding:
    """`required`: as packages say it, `>=3.11,<3.12`."""
    from packaging.specifiers import SpecifierSet

    said = ".".join(map(str, version))
    if SpecifierSet(required).contains(said):
        return well("python", f"Python {said} at {sys.prefix}.")
    return error(
        "python",
        f"This is Python {said}, and the packages are locked for {required}.",
        "Remove .venv and run `make setup` with such a Python on the PATH.",
    )


def java(deployment: Deployment) -> list[Finding]:
    """Is there one that Spark and Kafka are released for, and does it start?"""
    from jvm.java import ADVICE, java_home, major_version

    advice = f"{ADVICE[0].upper()}{ADVICE[1:]}."
    try:
        home = java_home()
    except UserError as missing:
        return [error("java", missing.format_message().removesuffix(f": {ADVICE}.") + ".", advice)]
    # Without performance data, which a JVM writes into the folder of temporary files.
    program = [str(home / "bin" / "java"), "-XX:-UsePerfData", "-version"]
    asked = subprocess.run(program, capture_output=True, text=True, errors="replace", check=False)
    if asked.returncode != 0:
        said = (asked.stderr or asked.stdout).strip().splitlines() or ["nothing"]
        return [error("java", f"{program[0]} does not start; it says: {said[0]}", advice)]
    return [well("java", f"Java {major_version(home)} at {home}.")]


def memory(deployment: Deployment) -> list[Finding]:
    """How much is there, how much of it is left?"""
    import psutil

    found = psutil.virtual_memory()
    limit = group_limit(CGROUP, "memory.max", "memory/memory.limit_in_bytes")
    total = found.total if limit is None else min(found.total, limit)
    used = group_limit(CGROUP, "memory.current", "memory/memory.usage_in_bytes") if limit is not None else None
    available = found.available if used is None else min(found.available, max(total - used, 0))
    return [judge_memory(total, available, deployment.bounds)]


def judge_memory(total: int, available: int, bounds: Bounds) -> Finding:
    """Bytes that this machine, or this container, has, and those that a program could still get."""
    message = f"{total / GIB:.1f} GiB, of which {available / GIB:.1f} can be had."
    if total < bounds.memory_bytes_error:
        advice = "Give the machine, or the container, more: landing, Kafka, Postgres and dbt do not fit in it together."
        return error("memory", message, advice)
    if total < bounds.memory_bytes_warn:
        advice = (
            f"Below {bounds.memory_bytes_warn / GIB:.0f} GiB, a lower LANDFALL_MAX_OFFSETS_PER_TRIGGER makes loads"
            " smaller; run Superset and Dagster elsewhere."
        )
        return warn("memory", message, advice)
    if available < bounds.memory_available_bytes_warn:
        return warn("memory", message, "Stop what holds it, before the kernel stops something of ours.")
    return well("memory", message)


def group_limit(folder: Path, *names: str) -> int | None:
    """A figure of this control group, by its name in version 2 or 1; None where there is none."""
    for name in names:
        try:
            value = int((folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        return value if value < UNKNOWN_MEMORY else None
    return None


@dataclass(frozen=True)
class Room:
    """What a file system says of itself. `inodes`: 0 where it does not count them."""

    free_bytes: int
    bytes: int
    free_inodes: int
    inodes: int
    read_only: bool = False

    @classmethod
    def of(cls, folder: Path) -> Room:
        """Of the file system that holds a folder, as a program of this user finds it."""
        found = os.statvfs(folder)
        size = found.f_frsize
        read_only = bool(found.f_flag & os.ST_RDONLY)
        return cls(found.f_bavail * size, found.f_blocks * size, found.f_favail, found.f_files, read_only)


def disk(deployment: Deployment) -> list[Finding]:
    """Room, by file system: bytes and inodes."""
    folders = {
        "state folder": nearest(deployment.home),
        "Postgres": deployment.home / "postgres" / "data",
        "Kafka": deployment.home / "kafka",
        "temporary files": Path(deployment.environ.get("TMPDIR") or "/tmp"),  # tempfile would try by writing a file
        "project": deployment.dbt_project,
    }
    by_device: dict[int, list[str]] = {}
    first: dict[int, Path] = {}
    for name, folder in folders.items():
        if folder.is_dir():
            device = folder.stat().st_dev
            by_device.setdefault(device, []).append(name)
            first.setdefault(device, folder)
    found = [judge_room(", ".join(by_device[d]), first[d], Room.of(first[d]), deployment.bounds) for d in first]
    shared = Path("/dev/shm")
    if deployment.has_local_postgres and shared.is_dir():
        found.append(judge_shared_memory(shared, Room.of(shared), deployment.bounds))
    return found


def nearest(folder: Path) -> Path:
    """The folder, or else the nearest above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def judge_room(what: str, folder: Path, room: Room, bounds: Bounds) -> Finding:
    """Whether there is enough for `what` on the file system of a folder."""
    inodes = room.free_inodes / room.inodes if room.inodes else 1.0
    message = f"{room.free_bytes / GIB:,.1f} GiB of {room.bytes / GIB:,.1f} are free at {folder}"
    message += f", and {share(inodes)} of its inodes." if room.inodes else "."
    advice = (
        "Make room: `landfall retention --dry-run` says what is older than it has to be, topics keep what their"
        " retention says; or set LANDFALL_HOME to a folder of another disk."
    )
    if room.read_only and what.startswith("state folder"):
        return error(
            what, f"The file system of {folder} takes no writes.", "Mount it for writing, or set LANDFALL_HOME."
        )
    if inodes < bounds.inodes_free_share_warn:
        advice = f"Many small files use inodes up: `du --inodes -d 2 {folder}` says where they are."
    if room.free_bytes < bounds.disk_free_bytes_error or inodes < bounds.inodes_free_share_error:
        return error(what, message, advice)
    if room.free_bytes < bounds.disk_free_bytes_warn or inodes < bounds.inodes_free_share_warn:
        return warn(what, message, advice)
    return well(what, message)


def judge_shared_memory(folder: Path, room: Room, bounds: Bounds) -> Finding:
    """By which parallel queries of the local Postgres share rows."""
    message = f"{room.free_bytes / 2**20:,.0f} MiB of {room.bytes / 2**20:,.0f} are free at {folder}."
    if room.free_bytes < bounds.shared_memory_bytes_warn:
        advice = "Give the container more (`docker run --shm-size=1g`): parallel queries of Postgres fail without it."
        return warn("shared memory", message, advice)
    return well("shared memory", message)


def limits(deployment: Deployment) -> list[Finding]:
    """How many files and processes may this user have?"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    pids = group_limit(CGROUP, "pids.max", "pids/pids.max")
    found = {"processes of this user": processes, "processes of this container": pids}
    return [judge_open_files(soft, hard, deployment.bounds), *judge_processes(found, deployment.bounds)]


def judge_open_files(soft: int, hard: int, bounds: Bounds) -> Finding:
    """Limits of open files; RLIM_INFINITY is none."""
    infinite = resource.RLIM_INFINITY
    message = f"A process may have {in_words(soft)} files open, and raise that to {in_words(hard)}."
    advice = "Raise it: `ulimit -n 65536`, `LimitNOFILE=65536` of systemd, or /etc/security/limits.conf."
    if soft != infinite and soft < bounds.open_files_error:
        return error("open files", message, advice)
    low = soft < bounds.open_files_warn or (hard != infinite and hard < bounds.open_files_hard_warn)
    return warn("open files", message, advice) if soft != infinite and low else well("open files", message)


def judge_processes(found: Mapping[str, int | None], bounds: Bounds) -> list[Finding]:
    """Limits of processes with their threads, by whose they are; None where there is none."""
    low = {name: most for name, most in found.items() if most not in (None, resource.RLIM_INFINITY)}
    return [
        warn(
            name, f"At most {most:,} of them, threads included.", "Raise it: `ulimit -u`, or `--pids-limit` of docker."
        )
        for name, most in low.items()
        if most is not None and most < bounds.processes_warn
    ] or [well("processes", f"At least {bounds.processes_warn:,} of them, threads included.")]


def in_words(limit: int) -> str:
    """A limit of the kernel's."""
    return "any number of" if limit == resource.RLIM_INFINITY else f"{limit:,}"


CHECKS = (
    DoctorCheck("python", "Python's version", "machine", python),
    DoctorCheck("java", "a Java 17 or 21, and that it starts", "machine", java, 20.0),
    DoctorCheck("memory", "memory of the machine or the container, and how much can be had", "machine", memory),
    DoctorCheck(
        "disk",
        "room of the state folder, of Postgres and Kafka in it, of temporary files and the project, in bytes and in"
        " inodes; shared memory",
        "machine",
        disk,
    ),
    DoctorCheck("limits", "how many files and processes this user may have", "machine", limits),
)
