"""The enricher as a program, for a landing that runs it beside itself (beside.py): python -m enrichment.process

The first line of stdin is JSON: `last` (how its predecessor ended, or null), `careful` (judge one text at a time and
name it before), `refused` (texts not to judge, KIND:KEY, with the reason). When stdin ends, it finishes what has landed
by then and ends. On stdout it gives a sign of life every `sign_seconds`.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg

from database.connect import connect
from enrichment.enricher import Enricher
from enrichment.judging import Care
from enrichment.rules import all_rules
from landfall.errors import EXIT_GAVE_UP, UserError
from landfall.logs import configure_logging, safe_message
from landfall.settings import Settings

logger = logging.getLogger(__name__)

OOM_SCORE = 500
"""When memory runs out, the kernel is to end this process rather than the landing's."""


def main() -> int:
    """0 when all that landed is enriched, EXIT_GAVE_UP when that could not be done, 1 for a mistake in the settings.

    SIGTERM ends it at once: its transactions leave nothing behind.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the landing, which then ends this one
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    told = json.loads(sys.stdin.readline())
    settings = Settings.load()
    configure_logging(settings.log_format)
    landed = threading.Event()
    for work in (lambda: give_signs_of_life(told["sign_seconds"]), lambda: wait_for_end_of_input(landed)):
        threading.Thread(target=work, daemon=True).start()
    if told["last"] is not None:
        note_failure(settings, told["last"])
    care = Care(told["careful"], lambda kind, key: say(f"judging {kind}:{key}"), lambda: say("judged"), refused(told))
    try:
        enricher = Enricher(settings, rules=all_rules(settings, geo_file_required=False), care=care)
    except UserError as error:
        logger.error("enrichment: %s", error.message)
        return 1
    return 0 if enricher.run(threading.Event(), landed) else EXIT_GAVE_UP


def refused(told: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, UUID], str]:
    """Reasons not to judge a text, by its kind and key."""
    parts = ((*text.split(":"), reason) for text, reason in told["refused"].items())
    return {(kind, UUID(key)): reason for kind, key, reason in parts}


def note_failure(settings: Settings, reason: str) -> None:
    """Note how the predecessor ended, for `landfall status`; a failure is not noted where Postgres is away."""
    try:
        with connect(settings.as_transformer) as connection:
            connection.execute("insert into ops.enricher_failures (reason) values (%s)", (reason,))
            connection.execute(
                "delete from ops.enricher_failures where noted_at < clock_timestamp() - interval '1 day'"
            )
    except psycopg.Error as error:
        logger.warning("enrichment: how the last enricher ended is not noted: %s", safe_message(error))


def give_signs_of_life(every: float) -> None:
    """Until nobody hears them any more: who started this process is gone, and so must it be."""
    while True:
        try:
            say("alive")
        except OSError:
            os._exit(1)
        time.sleep(every)


def wait_for_end_of_input(landed: threading.Event) -> None:
    """Set `landed` when stdin ends."""
    while os.read(sys.stdin.fileno(), 1 << 16):
        pass
    landed.set()


def say(line: str) -> None:
    """A line to who started this process; it is there at once, also when this is the last thing to happen."""
    os.write(sys.stdout.fileno(), line.encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
