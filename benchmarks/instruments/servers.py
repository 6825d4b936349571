"""Servers of a measurement's own: a temporary state folder, used once and removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.prepare import up
from landfall.settings import Settings, environ_of_home
from landfall.state import MARKER
from landfall.stop_signals import interrupt_when_told
from local_stack.stack import down


@contextmanager
def temporary_servers(*, models: bool = False) -> Iterator[Settings]:
    """A fresh Postgres and Kafka with topics and landing tables (`models`: dbt's relations too); stopped and removed at
    the end, also after Ctrl-C or SIGTERM.
    """
    interrupt_when_told()
    folder = Path(tempfile.mkdtemp(prefix="landfall-bench-"))
    home = folder / "home"
    try:
        up(home, models=models)
        yield Settings.of_home(home)
    finally:
        if (home / MARKER).exists():
            down(home)
        shutil.rmtree(folder, ignore_errors=True)


def environment(settings: Settings) -> dict[str, str]:
    """For a child process: these servers, whatever others the shell names; its tuning variables stay."""
    return environ_of_home(settings.home, os.environ)
