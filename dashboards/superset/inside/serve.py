"""Superset: python -m dashboards.superset.inside.serve PORT ADDRESS, with SUPERSET_HOME set.

One process prepares what is not prepared yet and then serves: loading Superset takes some seconds, once.
"""

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from dashboards.superset.inside.prepare import is_prepared, prepare, say

OPTIONS: dict[str, Any] = {
    # A worker takes 0.35 GB; its threads mostly wait for Postgres.
    "workers": 1,
    "worker_class": "gthread",
    "threads": 8,
    "timeout": 120,
    "graceful_timeout": 2,
    "keepalive": 30,
    "preload_app": True,
    "control_socket_disable": True,
    "accesslog": None,
    "loglevel": "warning",
}


class Server(BaseApplication):
    """Gunicorn around an application that is loaded already."""

    def __init__(self, app: Flask, bind: str) -> None:
        self.app, self.bind = app, bind
        super().__init__()

    def load_config(self) -> None:
        """Called by Gunicorn."""
        for name, value in {**OPTIONS, "bind": self.bind}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called by Gunicorn."""
        return self.app


def hold(lock: Path) -> None:
    """Let nobody else serve from this folder, until this process and its workers have ended."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another Superset serves from {lock.parent}: stop it")


def take_texts_as_they_are() -> None:
    """Superset takes a filter's `<NULL>` and `<empty string>` for a value that is missing or empty; an event may say
    just that, and what is missing comes as null."""
    from superset.models import helpers

    helpers.NULL_STRING = helpers.EMPTY_STRING = None


def main() -> None:
    """Until SIGTERM or SIGINT."""
    os.umask(0o077)
    folder = Path(os.environ["SUPERSET_HOME"])
    given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    hold(folder / "lock")
    say("loading Superset")
    from superset.app import create_app
    from superset.extensions import db

    app = create_app()
    take_texts_as_they_are()
    if not is_prepared(given, folder):
        prepare(app, given, folder)
    with app.app_context():
        # The worker is a copy of this process, and a connection is not to be shared.
        db.session.remove()
        db.engine.dispose()
    try:
        port, address = sys.argv[1:]
        Server(app, f"[{address}]:{port}" if ":" in address else f"{address}:{port}").run()
    except SystemExit as end:
        # In the worker too. To take all of Superset down object by object would take seconds of a core.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


if __name__ == "__main__":
    main()
