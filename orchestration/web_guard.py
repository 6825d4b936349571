"""Dagster's webserver answers its own pages alone: no other site can operate it by a visitor's browser.

Dagster itself checks neither Host nor Origin, and takes mutations over GET, which an image's address can be.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._daemon.types import DaemonHeartbeat
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from landfall.errors import UserError
from landfall.heartbeat import Heartbeat
from landfall.own_names import refusal
from landfall.settings import Settings
from landfall.state import open_state

POLICY_VIOLATION = 1008


class OwnPagesOnly:
    """ASGI middleware: refuses what comes from elsewhere, and whatever would change something over GET."""

    def __init__(self, app: ASGIApp, names: tuple[str, ...] = ()) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            why = refusal(headers(scope, b"host"), headers(scope, b"origin"), self._names)
            if why is None and scope["type"] == "http" and scope["method"] != "POST" and changes_something(scope):
                why = "A GET changes nothing here: send what is no query by POST."
            if why is not None:
                answer = PlainTextResponse(f"{why}\n", 403) if scope["type"] == "http" else refused_socket()
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def refused_socket() -> WebSocketClose:
    """The handshake is refused, with HTTP 403 on the wire."""
    return WebSocketClose(POLICY_VIOLATION)


def headers(scope: Scope, name: bytes) -> list[str]:
    """The values of a header, each time that it was sent."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def changes_something(scope: Scope) -> bool:
    """Whether the address holds GraphQL that is no query; what cannot be read is taken for such."""
    given = parse_qs(scope["query_string"].decode("latin-1")).get("query", [])
    return any(not is_query(document) for document in given)


def is_query(document: str) -> bool:
    """Whether every operation of the document only reads."""
    try:
        definitions = parse(document).definitions
    except (GraphQLError, RecursionError):
        return False
    operations = [found.operation for found in definitions if isinstance(found, OperationDefinitionNode)]
    return all(operation == OperationType.QUERY for operation in operations)


class GuardedInstance(dg.DagsterInstance):
    """The instance that dagster.yaml names, so that each webserver has the guard: that of `landfall serve`, of
    `dagster dev` typed by hand, and of a container. What starts it leaves no other way in for a middleware."""

    @classmethod
    def config_schema(cls) -> dict[str, Any]:
        """Nothing more than Dagster's own."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> dict[str, Any]:
        """Dagster's own."""
        return dict(InstanceRef.config_defaults(base_dir))

    def optimize_for_webserver(self, *arguments: Any, **named: Any) -> None:
        """Called by the webserver alone, before it makes its pages."""
        super().optimize_for_webserver(*arguments, **named)
        guard_webserver(Settings.load().host_names)

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Called by each part of the daemon while it works, every 30 s."""
        super().add_daemon_heartbeat(daemon_heartbeat)
        with suppress(UserError):
            heartbeat_of(daemon_heartbeat.daemon_type).beat()


@cache
def heartbeat_of(part: str) -> Heartbeat:
    """The file of a part of the daemon. Raises UserError for a folder that is no state folder."""
    home = Settings.load().home
    open_state(home)
    return Heartbeat(home, f"dagster.{part}")


def guard_webserver(names: tuple[str, ...]) -> None:
    """Put the guard before every page of Dagster's webserver that is made from now on in this process."""
    # Imported here for start-up time.
    from dagster_webserver.webserver import DagsterWebserver

    own = DagsterWebserver.build_middleware

    def build_middleware(self: Any) -> list[Middleware]:
        return [Middleware(OwnPagesOnly, names=names), *own(self)]

    DagsterWebserver.build_middleware = build_middleware  # type: ignore[method-assign]
