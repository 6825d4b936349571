"""The network between two parts, to be cut, slowed, silenced, and robbed of the answers to commits.

A proxy on loopback, since a firewall's rules would need rights on the machine. What it cannot do: the kernel goes on
to answer keep-alive probes for a peer that is silent, so each silence ends with a reset, as of a host that restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""Postgres' protocol: a simple query, its length, and what psycopg and dbt send at the end of a transaction."""
COMMITS_ITSELF = b"select ops.refresh_model("
"""The statement of `landfall refresh --watch` that refreshes a model: a transaction of its own."""
_CHUNK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
_CONTROL_SECONDS, _CLOSE_SECONDS = 30.0, 5.0


@dataclass(eq=False)
class _Way:
    """A connection of a client, and the one to the server behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    commit_sent: bool = field(default=False)

    def reset(self) -> None:
        """Both sides see a reset: the peer is gone, and says nothing more."""
        for writer in (self.client, self.server):
            with contextlib.suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Link:
    """A port of 127.0.0.1 that leads to another one. Methods may be called from any thread."""

    def __init__(self, network: Network, name: str, target: Callable[[], int]) -> None:
        self.name = name
        self.lost_commits = 0
        """Commits that the server made, and whose answer nobody got."""
        self.refused = 0
        """Connections that came while it was cut."""
        self.held = 0
        """Pieces that came while it was silent."""
        self._network, self._target = network, target
        self._cut = False
        self._delay = 0.0
        self._skip_commits = self._lose_commits = 0
        self._ways: set[_Way] = set()
        self._open = network.call(_event())
        self.port: int = network.call(self._listen())

    def cut(self) -> None:
        """Resets what is connected, and whoever connects."""
        self._network.call(self._set(cut=True, reset=True))

    def slow(self, seconds: float) -> None:
        """Holds each piece of up to 64 KiB back for so long, in both directions."""
        self._network.call(self._set(delay=seconds))

    def silence(self) -> None:
        """Takes connections and bytes, and passes nothing on: a half-open connection, which nobody resets."""
        self._network.call(self._set(silent=True))

    def heal(self) -> None:
        """As it was. What was silent is reset: it had lost bytes."""
        self._network.call(self._set(reset=not self._open.is_set()))

    def lose_commits(self, skip: int, count: int) -> None:
        """Of the commits from now on `skip` pass; of the next `count` the server does each and the client is reset."""
        self._network.call(self._lose(skip, count))

    def end(self) -> None:
        """Resets what is connected, for good; in the thread of the network."""
        self._open.set()
        for way in list(self._ways):
            way.reset()

    async def _set(self, *, cut: bool = False, delay: float = 0.0, silent: bool = False, reset: bool = False) -> None:
        self._cut, self._delay = cut, delay
        if reset:
            for way in list(self._ways):
                way.reset()
        if silent:
            self._open.clear()
        else:
            self._open.set()

    async def _lose(self, skip: int, count: int) -> None:
        self._skip_commits, self._lose_commits = skip, count

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._network.keep(self, server)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if self._cut:
                self.refused += 1
            else:
                from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target())
                way = _Way(writer, to_server)
                self._ways.add(way)
                try:
                    await asyncio.gather(self._pump(reader, way, up=True), self._pump(from_server, way, up=False))
                finally:
                    self._ways.discard(way)
                    way.reset()
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, way: _Way, *, up: bool) -> None:
        """Passes on what one side sends, until it ends."""
        writer = way.server if up else way.client
        while chunk := await reader.read(_CHUNK):
            if not self._open.is_set():
                self.held += 1
                await self._open.wait()
            if self._delay:
                await asyncio.sleep(self._delay)
            if up and (chunk.endswith(COMMIT) or COMMITS_ITSELF in chunk):
                way.commit_sent = self._is_to_be_lost()
            elif not up and way.commit_sent:
                self.lost_commits += 1  # the answer is here: the server has committed
                way.reset()
                return
            writer.write(chunk)
            await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def _is_to_be_lost(self) -> bool:
        if self._skip_commits:
            self._skip_commits -= 1
            return False
        if not self._lose_commits:
            return False
        self._lose_commits -= 1
        return True


class Network:
    """A thread that carries the bytes of all links, between `__enter__` and `__exit__`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._links: list[tuple[Link, asyncio.Server]] = []

    def __enter__(self) -> Network:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CONTROL_SECONDS)

    def link(self, name: str, target: Callable[[], int]) -> Link:
        """A new way to the port that `target` gives when somebody connects."""
        return Link(self, name, target)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Does it in the thread of the network, and gives what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CONTROL_SECONDS)

    def keep(self, link: Link, server: asyncio.Server) -> None:
        """Closed at the end."""
        self._links.append((link, server))

    async def _close(self) -> None:
        for link, server in self._links:
            server.close()
            link.end()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=_CLOSE_SECONDS)


async def _event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
