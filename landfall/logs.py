"""One log format for everything: lines of text, or of JSON, on stderr. No event content ever gets into them.

`python -m landfall.logs` brings the lines of another program (Dagster) that come in through stdin into the same JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import signal
import sys
import traceback
from types import TracebackType
from typing import Any

from landfall.plain_text import printable

PACKAGES = (
    "cli",
    "landfall",
    "database",
    "jvm",
    "landing_stream",
    "erasure",
    "enrichment",
    "warehouse",
    "local_stack",
    "dashboards",
    "orchestration",
    "monitoring",
)
"""Whose loggers speak from INFO on; other libraries from WARNING on."""

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_DAGSTER = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}) - (?P<logger>\S+) - (?P<level>[A-Z]+) - ")


def configure_logging(log_format: str) -> None:
    """Logs to stderr, one line a record: `text`, or `json` with the fields of `extra`.

    With `json`, warnings of Python and an exception that ends the process are such lines too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    # py4j logs each dropped connection of a JVM that was stopped on purpose.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    if log_format == "json":
        logging.captureWarnings(True)
        sys.excepthook = _log_uncaught


def logs_are_json() -> bool:
    """Whether `configure_logging("json")` is in force in this process."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.getLogger().handlers)


def safe_message(error: BaseException) -> str:
    """What an error says, without what it may quote of an event: one line, at most 300 characters.

    Postgres puts values into DETAIL and CONTEXT, never its primary message alone for the statements used here.
    """
    # Imported here for start-up time.
    import psycopg

    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})"
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time (UTC), level, logger, message, and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        return json.dumps(
            {**_head(_time(record), record.levelname, record.name, message), **_fields(record)}, default=str
        )


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={printable(value)}" for name, value in _fields(record).items())
        message = printable(record.getMessage())
        return f"{_time(record)} {record.levelname:7} {message}{' | ' + fields if fields else ''}"


def as_json_line(line: str, program: str, now: dt.datetime) -> str:
    """A line of another program in the JSON of ours.

    Known are structlog's JSON (Dagster's `--log-format json`) and Dagster's text, which its code servers write always.
    Anything else, a traceback say, becomes the message of a line by itself, of `program`, at `now`.
    """
    text = _COLOUR.sub("", line).rstrip()
    if text.startswith("{"):
        try:
            record = json.loads(text)
            time = _utc(dt.datetime.fromisoformat(record.pop("timestamp")))
            head = _head(time, record.pop("level"), record.pop("logger"), record.pop("event"))
            return json.dumps({**head, **record})
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    if found := _DAGSTER.match(text):
        at = dt.datetime.strptime(found["time"], "%Y-%m-%d %H:%M:%S %z")
        return json.dumps(_head(_utc(at), found["level"], found["logger"], text[found.end() :]))
    return json.dumps(_head(_utc(now), "INFO", program, text))


def main(program: str = "dagster") -> None:
    """Filter stdin to stdout until it ends. Signals are for the program that writes: its last lines count too."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    for line in sys.stdin:
        if line.strip():
            print(as_json_line(line, program, dt.datetime.now(dt.UTC)), flush=True)


def _head(time: str, level: str, logger: str, message: str) -> dict[str, Any]:
    return {"time": time, "level": level.upper(), "logger": logger, "message": message}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return _utc(dt.datetime.fromtimestamp(record.created, dt.UTC))


def _utc(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    where = "".join([*traceback.format_tb(trace), *getattr(error, "__notes__", ())])
    logging.getLogger("landfall").critical("%s: %s", kind.__name__, safe_message(error), extra={"traceback": where})


if __name__ == "__main__":
    main()
