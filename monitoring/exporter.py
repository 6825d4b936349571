"""The exporter: http://127.0.0.1:PORT/metrics."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from landfall.errors import UserError
from landfall.own_names import refusal
from landfall.settings import Settings
from monitoring.collector import LandfallCollector

logger = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server(ThreadingMixIn, WSGIServer):
    """A scrape that hangs holds up no other, nor the end."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Scrapes are no news."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def serve(settings: Settings, port: int, stop: threading.Event) -> None:
    """Serve metrics where the settings say, until `stop` is set. `port` 0: a free one, which the log names.

    Raises UserError when the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(LandfallCollector(settings))
    app = for_own_names(make_wsgi_app(registry), settings.host_names)
    try:
        server = make_server(settings.listen_address, port, app, Server, Quiet)
    except OSError as error:
        why = f"Port {port} of {settings.listen_address} cannot be used ({error.strerror})"
        raise UserError(f"{why}: does another exporter run? Choose a port with --port.") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    logger.info("metrics at http://%s:%d/metrics", settings.listen_address, server.server_port)
    try:
        stop.wait()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def for_own_names(app: Application, names: Collection[str]) -> Application:
    """The application for those who ask for it by its own name: no page of another site reads metrics."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host, origin = environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN")
        why = refusal([host] if host else [], [origin] if origin else [], names)
        if why is None:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{why}\n".encode()]

    return guarded
