"""PgBouncer, as Debian packages it, before the test's Postgres."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from landfall.debian import unpack
from landfall.layout import build_folder
from landfall.processes import free_port, is_free, wait_until
from landfall.settings import Settings
from landfall.state import write_private
from local_stack.service_user import find_or_make
from tests.doctor.secured import Certificates

CONFIG = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
client_tls_sslmode = require
client_tls_key_file = {key}
client_tls_cert_file = {certificate}
max_client_conn = 1000
"""


def program() -> tuple[str, dict[str, str]]:
    """PgBouncer and the environment that it needs: the one on the PATH, or Debian's, unpacked beside the project."""
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return found, {}
    folder = build_folder() / "pgbouncer"
    unpacked = folder / "usr" / "sbin" / "pgbouncer"
    if not unpacked.exists():
        unpack(["pgbouncer"], folder, "pgbouncer", whole=True)
    libraries = {str(path.parent) for path in folder.rglob("lib*.so.*")}
    return str(unpacked), {"LD_LIBRARY_PATH": ":".join(sorted(libraries))}


@contextmanager
def bouncing(settings: Settings, folder: Path, **options: Any) -> Iterator[Settings]:
    """The same logins of the same database through a PgBouncer with these options, such as `pool_mode`. It speaks TLS
    alone, with a certificate of an authority that nobody else knows.
    """
    folder.mkdir(parents=True)
    files = Certificates.make(folder)
    parts = [conninfo_to_dict(dsn) for dsn in settings.dsns.values()]
    users = folder / "users.txt"
    write_private(users, "".join(f'"{part["user"]}" "{part["password"]}"\n' for part in parts))
    port = free_port(None)
    text = CONFIG.format(server=parts[0]["port"], port=port, users=users, key=files.key, certificate=files.certificate)
    if os.geteuid() == 0:  # as which it does not run: it becomes another once it has read its files
        options["user"] = find_or_make().pw_name
    write_private(folder / "pgbouncer.ini", text + "".join(f"{name} = {value}\n" for name, value in options.items()))
    command, environ = program()
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(
            [command, str(folder / "pgbouncer.ini")], env={**os.environ, **environ}, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: process.poll() is not None or not is_free(port), 20)
        assert process.poll() is None, (folder / "pgbouncer.log").read_text()
        yield settings.with_dsns(**{role: at(dsn, port, files.authority) for role, dsn in settings.dsns.items()})
    finally:
        process.terminate()
        process.wait(20)


def at(dsn: str, port: int, authority: Path) -> str:
    """The login at another port of this machine, by TLS."""
    parts = urlsplit(dsn)
    place = f"{parts.username}:{parts.password}@localhost:{port}"
    return parts._replace(netloc=place, query=f"sslmode=verify-full&sslrootcert={authority}").geturl()
