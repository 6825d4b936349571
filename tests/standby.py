"""A Postgres with a streaming standby, on one port of two addresses of this machine, to be failed over to."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from landfall.login import READER, TRANSFORMER, WRITER
from landfall.processes import gone, processes_in, wait_until
from landfall.settings import ADMIN, Settings
from local_stack import postgres
from local_stack.postgres import Postgres
from local_stack.service_user import give

HOSTS = ("127.0.0.1", "127.0.0.2")
PASSWORD = "right-w0rd"
REPLICA = "replica"
LOGINS = {TRANSFORMER: TRANSFORMER, WRITER: WRITER, ADMIN: "landfall_admin", READER: READER}


@dataclass(frozen=True)
class Pair:
    """The server and its standby, which is made by `add_standby`."""

    primary: Postgres
    standby: Postgres
    port: int

    def dsns(self) -> dict[str, str]:
        """By role, what leads to whichever of both takes writes."""
        return {
            role: self.dsn(user, ",".join(f"{host}:{self.port}" for host in HOSTS)) for role, user in LOGINS.items()
        }

    def dsn(self, user: str, places: str, wanted: str = "read-write") -> str:
        """A login at these hosts."""
        return f"postgresql://{user}:{PASSWORD}@{places}/landfall?target_session_attrs={wanted}"

    def at_standby(self, user: str) -> str:
        """A login at the standby."""
        return self.dsn(user, f"{HOSTS[1]}:{self.port}", "any")

    def add_standby(self, *, synchronous: bool) -> None:
        """A copy that follows from now on; `synchronous`: each commit waits for it."""
        data = self.standby.data
        for path in (self.standby.folder, data, self.standby.folder / "log"):
            path.mkdir(mode=0o700)
        if user := self.primary.user:
            for path in (data, self.standby.folder / "log"):
                give(user, path)
            self.standby._open_the_way(user)
        source = ("--host", HOSTS[0], "--port", str(self.port), "--username", REPLICA)
        self.standby._run("pg_basebackup", "--pgdata", str(data), *source, "--write-recovery-conf", "--checkpoint=fast")
        self.start_standby()
        if synchronous:
            config = self.primary.folder / "postgresql.conf"
            self.primary._write(config, config.read_text() + "synchronous_standby_names = '*'\n")
            server = self.primary.postmaster()
            assert server is not None
            server.send_signal(signal.SIGHUP)

    def start_standby(self) -> None:
        """Start it, as it was."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(postgres, "CONFIG", f"{postgres.CONFIG}listen_addresses = '{HOSTS[1]}'\n")
            self.standby._launch_on(self.port)
        assert self.standby.postmaster() is not None, self.standby.said()

    def lose_primary(self) -> None:
        """All of its processes at once, as when its machine goes."""
        end(processes_in(self.primary.data.resolve(), "postgres"))

    def promote(self) -> None:
        """The standby becomes the server."""
        self.standby._run("pg_ctl", "promote", "-D", str(self.standby.data), "-w")


def end(processes: list[psutil.Process]) -> None:
    """Kill them, and wait until they are gone. Those that are told by the end of another may be gone before."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert wait_until(lambda: gone(processes), 20)


@contextmanager
def replicated(folder: Path) -> Iterator[Pair]:
    """Both run in `folder` for the time of the block."""
    primary, standby = Postgres(folder / "primary"), Postgres(folder / "standby")
    primary.make(PASSWORD)
    primary._run(
        *("postgres", "--single", "-D", str(primary.data), "-c", "log_min_messages=warning", "postgres"),
        # What manages a server that is rented: it owns its database and makes roles, and that is all.
        given=f"create role {REPLICA} login replication\nalter role landfall_admin nocreatedb\n",
    )
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(postgres, "HBA", f"host replication {REPLICA} 127.0.0.1/32 trust\n{postgres.HBA}")
            yield Pair(primary, standby, primary.start())
    finally:
        for server in (primary, standby):
            end(processes_in(server.data.resolve(), "postgres"))


def settings_of(pair: Pair, home: Path, kafka: Settings) -> Settings:
    """Those of a deployment that knows both servers."""
    return Settings(home, pair.dsns(), kafka.kafka)
