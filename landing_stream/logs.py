"""Structured logs, as text or JSON lines. No event content ever gets into them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import Any

import psycopg

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(log_format: str) -> None:
    """Logs to stderr, one line a record: `text`, or `json` with the fields of `extra`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("landing_stream", "enrichment", "warehouse", "local_stack", "landfall"):
        logging.getLogger(name).setLevel(logging.INFO)
    # py4j logs each dropped connection of a JVM that was stopped on purpose.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)


def safe_message(error: BaseException) -> str:
    """What an error says, without what it may quote of an event: one line, at most 300 characters.

    Postgres puts values into DETAIL and CONTEXT, never its primary message alone for the statements used here.
    """
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})"
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        return f"{_time(record)} {record.levelname:7} {record.getMessage()}{' | ' + fields if fields else ''}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        return json.dumps({**line, **_fields(record)}, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
