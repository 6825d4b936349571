"""Postgres' own client programs: which of those on this machine fits the server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from landfall.errors import UserError


def client_program(name: str, server_version: int, folders: Iterable[Path] = ()) -> Path:
    """The program of this name (`pg_dump`) that is of the server's release, or else of the next newer one there is.

    Looked for on PATH, then in `folders`. `server_version`: as libpq has it, 180004. Not just the newest: pg_restore
    sets parameters of its own release, which an older server may not know (17's `transaction_timeout`).
    Raises UserError where all are older than the server, whose tables they cannot read, or there is none.
    """
    needed = server_version // 10_000
    on_path = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    programs = dict.fromkeys(folder / name for folder in (*on_path, *folders))
    found = {program: version for program in programs if (version := major_version(program)) is not None}
    fitting = [program for program in found if found[program] >= needed]
    if not fitting:
        there = ", ".join(str(version) for version in sorted(set(found.values())))
        has = f"{name} is here of release {there}" if there else f"there is no {name} here"
        raise UserError(
            f"The server is Postgres {needed}, and {has}: install the client programs of Postgres {needed}, and put"
            " their folder on PATH."
        )
    return min(fitting, key=lambda program: found[program])


def major_version(program: Path) -> int | None:
    """18 of a program that says `pg_dump (PostgreSQL) 18.4`; None where it cannot be run."""
    if not os.access(program, os.X_OK) or program.is_dir():
        return None
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.search(r"\(PostgreSQL\) (\d+)", asked.stdout)
    return int(said[1]) if said else None
