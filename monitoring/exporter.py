"""The exporter: http://127.0.0.1:PORT/metrics."""

from __future__ import annotations

import logging
import threading

from prometheus_client import CollectorRegistry, start_http_server

from landfall.errors import UserError
from landfall.settings import Settings
from monitoring.collector import LandfallCollector

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"


def serve(settings: Settings, port: int, stop: threading.Event) -> None:
    """Serve metrics on loopback until `stop` is set. `port` 0: a free one, which the log names.

    Raises UserError when the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(LandfallCollector(settings))
    try:
        server, thread = start_http_server(port, addr=HOST, registry=registry)
    except OSError as error:
        why = f"Port {port} of {HOST} cannot be used ({error.strerror})"
        raise UserError(f"{why}: does another exporter run? Choose a port with --port.") from error
    logger.info("metrics at http://%s:%d/metrics", HOST, server.server_port)
    try:
        stop.wait()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
