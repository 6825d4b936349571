"""The one log format: our own records, other programs' lines, and what reads them again."""

import datetime as dt
import json
import subprocess
import sys

import pytest

from cli.dagster_server import JSON_LINES
from landfall.layout import PROJECT
from landfall.logs import as_json_line

NOW = dt.datetime(2026, 3, 28, 10, 15, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("line", "logger", "level", "message"),
    [
        (
            '{"event": "Started", "logger": "dagster.daemon", "level": "info", "timestamp": "2026-03-28T10:15:00Z"}',
            *("dagster.daemon", "INFO", "Started"),
        ),
        (
            "\x1b[32m2026-03-28 10:15:00 +0000\x1b[0m - dagster.code_server - \x1b[34mWARNING\x1b[0m - It is - late",
            *("dagster.code_server", "WARNING", "It is - late"),
        ),
        ('  File "x.py", line 3', "dagster", "INFO", '  File "x.py", line 3'),
        ('{"half": ', "dagster", "INFO", '{"half":'),
    ],
)
def test_lines_of_dagster_become_lines_of_ours(line: str, logger: str, level: str, message: str) -> None:
    record = json.loads(as_json_line(line, "dagster", NOW))
    assert dt.datetime.fromisoformat(record["time"]) == NOW
    assert (record["logger"], record["level"], record["message"]) == (logger, level, message)


WRITES = """
import logging, warnings
from landfall.errors import UserError
from landfall.logs import configure_logging
configure_logging("json")
logging.getLogger("landing_stream").info("landed", extra={"rows": 3})
warnings.warn("old")
UserError("No Kafka.").show()
raise ValueError("first line\\nsecond line")
"""


def test_everything_that_a_process_of_ours_says_is_json() -> None:
    done = subprocess.run([sys.executable, "-c", WRITES], capture_output=True, text=True, cwd=PROJECT, timeout=60)
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [record["level"] for record in records] == ["INFO", "WARNING", "ERROR", "CRITICAL"]
    assert [record["message"] for record in records[2:]] == ["No Kafka.", "ValueError: first line"]
    assert records[0]["rows"] == 3
    assert all({"time", "logger"} <= set(record) for record in records)


def test_dagster_is_started_behind_the_filter_where_logs_are_json() -> None:
    command = [str(JSON_LINES), sys.executable, "-c", "import os, sys; print(os.getpid(), sys.argv[1:])"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={"LANDFALL_LOG_FORMAT": "json", "PATH": "/bin"}
    )
    said, _ = process.communicate(timeout=60)
    assert json.loads(said)["message"] == f"{process.pid} ['--log-format', 'json']"
