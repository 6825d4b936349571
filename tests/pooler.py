"""A connection pooler in transaction mode: each transaction of a client may be another server process'.

Harder than PgBouncer: it turns through its server connections one by one, lets none of a session's settings follow the
client, and refuses every startup parameter that PgBouncer does not know.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from psycopg import pq

from landfall.settings import Settings

KNOWN = {"user", "database", "application_name", "client_encoding", "datestyle", "timezone"}
REPORTED = (
    *("server_version", "server_encoding", "client_encoding", "integer_datetimes"),
    *("DateStyle", "TimeZone", "IntervalStyle", "standard_conforming_strings"),
)
CONNECTIONS = 3
"""Server connections of each login, as long as no more transactions than that go on at once."""


@contextmanager
def pooled(settings: Settings) -> Iterator[tuple[Settings, Pooler]]:
    """The same logins of the same database, through a pooler."""
    pooler = Pooler({str(urlsplit(dsn).username): dsn for dsn in settings.dsns.values()})
    threading.Thread(target=pooler.serve, daemon=True).start()
    try:
        dsns = {}
        for role, dsn in settings.dsns.items():
            parts = urlsplit(dsn)
            place = f"{parts.username}:{parts.password}@127.0.0.1:{pooler.port}"
            dsns[role] = parts._replace(netloc=place).geturl()
        yield settings.with_dsns(**dsns), pooler
    finally:
        pooler.close()


class Server:
    """A connection to Postgres. libpq logs in; from then on its socket is ours."""

    def __init__(self, dsn: str) -> None:
        self._login = pq.PGconn.connect(dsn.encode())
        assert self._login.status == pq.ConnStatus.OK, self._login.error_message
        self.reported = {name: self._login.parameter_status(name.encode()) or b"" for name in REPORTED}
        self.socket = socket.socket(fileno=os.dup(self._login.socket))
        self.socket.setblocking(True)

    def is_alive(self) -> bool:
        """Whether Postgres has not ended it, as for being idle."""
        try:
            self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        return False  # it has said goodbye, or is closed

    def close(self) -> None:
        self.socket.close()
        self._login.finish()


class Pooler:
    """`changes` counts the transactions that went to another server connection than the client's one before."""

    def __init__(self, dsns: Mapping[str, str]) -> None:
        self._dsns = dsns
        self._idle: dict[str, deque[Server]] = {user: deque() for user in dsns}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.changes = 0

    def serve(self) -> None:
        """A thread a client, until `close`."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._client, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for servers in self._idle.values():
                while servers:
                    servers.pop().close()

    def _take(self, user: str) -> Server:
        with self._lock:
            while len(self._idle[user]) >= CONNECTIONS:
                server = self._idle[user].popleft()
                if server.is_alive():
                    return server
                server.close()
        return Server(self._dsns[user])

    def _give(self, user: str, server: Server) -> None:
        with self._lock:
            self._idle[user].append(server)

    def _client(self, client: socket.socket) -> None:
        with client:
            user = log_in(client, self._dsns)
            if user is None:
                return
            server = self._take(user)
            client.sendall(welcome(server.reported))
            self._give(user, server)
            last: Server | None = None
            received = b""
            while data := receive(client):
                received += data
                server = self._take(user)
                self.changes += last is not None and server is not last
                rest = relay(client, server.socket, received)
                if rest is None:  # it went away inside a transaction, which ends with the connection
                    server.close()
                    return
                received, last = rest, server
                self._give(user, server)


def receive(source: socket.socket) -> bytes:
    """What there is; empty at the end."""
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def relay(client: socket.socket, server: socket.socket, first: bytes) -> bytes | None:
    """Both ways until no transaction is open: what is left of a next message. None when the client has gone."""
    waiting, status = 0, b"I"
    buffers = {client: first, server: b""}
    with selectors.DefaultSelector() as selector:
        for each in (client, server):
            selector.register(each, selectors.EVENT_READ)
        while True:
            for source, target in ((client, server), (server, client)):
                messages, buffers[source] = whole_messages(buffers[source])
                for kind, message in messages:
                    if source is client and kind == b"X":
                        return b"" if status == b"I" and not waiting else None
                    if source is client:
                        waiting += kind in (b"Q", b"S", b"F")
                    elif kind == b"Z":
                        waiting, status = waiting - 1, message[5:6]
                    target.sendall(message)
            if not waiting and status == b"I" and not buffers[server]:
                return buffers[client]
            for key, _ in selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                data = receive(ready)
                if not data:
                    return None
                buffers[ready] += data


def whole_messages(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """(kind, bytes) of each whole message, and the rest."""
    found = []
    while len(data) >= 5:
        length = 1 + struct.unpack("!I", data[1:5])[0]
        if len(data) < length:
            break
        found.append((data[:1], data[:length]))
        data = data[length:]
    return found, data


def log_in(client: socket.socket, users: Mapping[str, str]) -> str | None:
    """The user that a client says it is; None where it asks for what a pooler does not know."""
    while True:
        (length,) = struct.unpack("!I", exactly(client, 4))
        body = exactly(client, length - 4)
        if body[:4] != struct.pack("!I", 196608):  # TLS, or Kerberos
            client.sendall(b"N")
            continue
        words = body[4:].split(b"\0")
        given = {key.decode(): value.decode() for key, value in zip(words[::2], words[1::2], strict=False) if key}
        unknown = sorted(set(given) - KNOWN)
        if unknown or given["user"] not in users:
            text = f"unsupported startup parameter: {', '.join(unknown) or given['user']}"
            fields = b"SFATAL\0C08P01\0M" + text.encode() + b"\0\0"
            client.sendall(b"E" + struct.pack("!I", 4 + len(fields)) + fields)
            return None
        return given["user"]


def welcome(reported: Mapping[str, bytes]) -> bytes:
    """Log-in done, and what the server says of itself."""
    said = b"R" + struct.pack("!II", 8, 0)
    for name, value in reported.items():
        pair = name.encode() + b"\0" + value + b"\0"
        said += b"S" + struct.pack("!I", 4 + len(pair)) + pair
    said += b"K" + struct.pack("!III", 12, 1, 1)
    return said + b"Z" + struct.pack("!I", 5) + b"I"


def exactly(source: socket.socket, count: int) -> bytes:
    """So many bytes. Raises ConnectionError at the end before them."""
    found = b""
    while len(found) < count:
        data = source.recv(count - len(found))
        if not data:
            raise ConnectionError("the client has gone")
        found += data
    return found
