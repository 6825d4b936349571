"""A server on this machine that takes what Slack's incoming webhooks and a generic webhook are sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Keeps each message by path; answers with `status`."""

    def __init__(self, port: int) -> None:
        self.slack_url = f"http://127.0.0.1:{port}/services/T0/B0/SECRET"
        self.webhook_url = f"http://127.0.0.1:{port}/hook?token=SECRET"
        self.status = 200
        self.slack: list[dict[str, Any]] = []
        self.webhook: list[dict[str, Any]] = []

    def take(self, path: str, message: dict[str, Any]) -> int:
        """The status to answer with."""
        if self.status == 200:
            (self.slack if path.startswith("/services/") else self.webhook).append(message)
        return self.status

    def alerts(self) -> list[tuple[str, str]]:
        """(status, key) of each alert of the newest webhook message."""
        return [(alert["status"], alert["key"]) for alert in self.webhook[-1]["alerts"]]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(taken.take(self.path, json.loads(body)))
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taken = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()
