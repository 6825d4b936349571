"""A database into a file and back, by Postgres' own pg_dump and pg_restore.

Their login travels in the environment, which nobody but the user and root can read; a command line is everybody's.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database.connect import libpq_variables
from landfall.errors import UserError
from landfall.login import Login

LOCK_TIMEOUT_MS = 300_000
"""How long a dump waits for a table that is being changed; others wait behind it."""
# What a dump holds of objects that are the server's: their owner made them, and no other may change them.
SERVERS_OWN = re.compile(r"^\d+; \d+ \d+ (?:ACL pg_catalog|COMMENT - EXTENSION) ")


def dump(login: Login, target: Path, program: Path, jobs: int = 1) -> None:
    """Write the login's database, as of one moment, to a file that is for this user alone; whole or not at all.

    `jobs` above 1: to a folder, by so many processes at once. Raises UserError where the target is there already or
    cannot be written, and with what pg_dump says when it fails.
    """
    if target.exists():
        raise UserError(f"{target} is there already: name a new file, or remove that one.")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise UserError(f"{target.parent} is no folder that can be written to: make it, or name another file.")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        written = Path(beside) / target.name
        kind = ["--format=custom"] if jobs == 1 else ["--format=directory", f"--jobs={jobs}"]
        run(login, program, *kind, f"--lock-wait-timeout={LOCK_TIMEOUT_MS}", f"--file={written}")
        if target.exists():
            raise UserError(f"{target} was made meanwhile: name another file.")
        written.rename(target)
    sync(target.parent)


def contents(login: Login, source: Path, program: Path) -> list[str]:
    """What a dump has to bring in, as pg_restore lists it; without what is the server's own.

    Raises UserError with what pg_restore says of a file that is no dump.
    """
    listed = run(login, program, "--list", str(source))
    return [line for line in listed.splitlines() if line[:1] != ";" and not SERVERS_OWN.match(line)]


def load(login: Login, source: Path, program: Path, wanted: Iterable[str], jobs: int = 1) -> None:
    """Bring what is wanted of a dump's contents into the login's database, which has nothing of the kind yet.

    With one job whole or not at all; several, each on a connection of its own, leave behind what they had when one of
    them fails. Raises UserError with what pg_restore says.
    """
    database = make_conninfo(dbname=str(conninfo_to_dict(login.dsn).get("dbname") or ""))
    at_once = "--single-transaction" if jobs == 1 else f"--jobs={jobs}"
    with tempfile.NamedTemporaryFile(prefix="landfall-restore-", mode="w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in wanted)
        file.flush()
        choice = (f"--use-list={file.name}", f"--dbname={database}")
        run(login, program, "--exit-on-error", at_once, *choice, str(source))


def run(login: Login, program: Path, *arguments: str) -> str:
    """What the program prints. Its end is ours: told to stop, it is stopped. Raises UserError with its first error."""
    with started(login, program, *arguments) as process:
        printed, said = process.communicate()
    if process.returncode != 0:
        raise UserError(f"Postgres' {program.name} failed: {first_error(said)}")
    return printed


@contextmanager
def started(login: Login, program: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program as a process, ended with the block."""
    process = subprocess.Popen(
        [program, *arguments],
        env={**os.environ, **libpq_variables(login), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        umask=0o077,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate()


def first_error(said: str) -> str:
    """The first error of a program's words, without detail and context, which may hold an event."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"pg_\w+: (?:error|fatal):", line)]
    return " ".join((errors or lines or ["(it says nothing)"])[0].split())


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk; the files are there already."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def size_of(dumped: Path) -> int:
    """Bytes of a dump, one file or a folder of them."""
    return sum(path.stat().st_size for path in (dumped.rglob("*") if dumped.is_dir() else [dumped]))
