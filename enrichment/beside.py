"""The enricher as a process beside a landing: started, watched, started again, and ended with it.

Whatever becomes of it (an error, a crash, a hang, a kill, no memory left), the landing goes on.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from enrichment.addresses import AddressRules
from landfall.backoff import Backoff
from landfall.errors import EXIT_GAVE_UP
from landfall.lifeline import prefix
from landfall.login import TRANSFORMER, WRITER
from landfall.processes import exit_in_words
from landfall.settings import DSN_VARIABLES, Settings

logger = logging.getLogger(__name__)

PROGRAM = ("-m", "enrichment.process")
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
STOP_SECONDS = 5.0
"""How long its end is waited for; it works in transactions, so that one cut off leaves nothing behind."""
SIGN_SECONDS, SILENT_SECONDS = 5.0, 60.0
"""How often it gives a sign of life, whatever it does, and after how long without it is taken for dead, and killed."""
START_SECONDS = 60.0
"""How long its first sign of life may take: imports, 0.5 s on a quiet machine."""
LIVED_SECONDS = 60.0
"""Who lived longer did not die of what its predecessor died of."""
POLL_SECONDS = 0.2
SUSPENDED_SECONDS = 5.0
"""Who has not polled for longer was suspended itself, and knows nothing of the other's signs of life."""
FAILURES_TO_CARE = 2
"""Failures in a row after which it judges one text at a time and names each before: what it dies of is then known."""
TRIES_ONCE = 8
"""With `landfall land --once` somebody waits for the end: about a minute of failures."""

NEEDED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LANDFALL_LOG_FORMAT",
    "LANDFALL_GEOIP_DATABASE",
)
NEEDED_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "PG", "SSL_")
NEEDED_ROLES = (TRANSFORMER, WRITER)
"""It reads the landing and writes schema enrichment, and replaces in the landing what erased people send again."""


class EnricherProcess:
    """Enriches until `stop` is set, or until `finish` was called and everything landed by then is enriched.

    Raises UserError when the geo file of the settings cannot be used.
    """

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        AddressRules(settings.geoip_database)
        self._environ = environment(settings, os.environ)
        self._stop = stop
        self._landed = threading.Event()
        self._went_well = True
        self._refused: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="enricher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> bool:
        """Wait until what has landed is enriched, or a moment when `stop` is set; False when it could not be done."""
        self._landed.set()
        while self._thread.is_alive() and not self._stop.is_set():  # a join without a timeout would hold signals back
            self._thread.join(POLL_SECONDS)
        self._thread.join(2 * STOP_SECONDS)
        return self._went_well

    def _run(self) -> None:
        """One process after the other. All from this thread, which lives as long as they do (landfall/lifeline.py)."""
        backoff, last = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS), None
        while not self._stop.is_set():
            began = time.monotonic()
            ended = self._follow(last, careful=backoff.failures >= FAILURES_TO_CARE)
            if ended is None or self._stop.wait(POLL_SECONDS):  # told to stop with us, it may be quicker than we are
                return
            last = ended.how
            if time.monotonic() - began > LIVED_SECONDS:
                backoff.reset()
            pause = backoff.next()
            if ended.judging is not None:  # that is got over, so that the next may be tried at once
                self._refused[ended.judging] = f"The process ended {last} while it was judged."
                pause, backoff.failures = FIRST_PAUSE_SECONDS, FAILURES_TO_CARE
            if self._landed.is_set() and (ended.gave_up or backoff.failures >= TRIES_ONCE):
                self._went_well = False
                logger.error(
                    "enrichment: the enricher could not finish (%s): no mart shows what is not enriched; the next"
                    " `landfall refresh` tries it again", last,
                )  # fmt: skip
                return
            logger.warning("enrichment: the enricher ended %s; it starts again in %.1f s", last, pause)
            self._stop.wait(pause)

    def _follow(self, last: str | None, *, careful: bool) -> Ended | None:
        """Start a process and watch it until it has ended; None when it ended because it was to.

        `last`: how its predecessor ended, which it notes for `landfall status`.
        """
        told = {"last": last, "careful": careful, "refused": self._refused, "sign_seconds": SIGN_SECONDS}
        try:
            process = subprocess.Popen(
                [*prefix(), sys.executable, *PROGRAM],
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        except OSError as error:
            return Ended(f"at its start: {error.strerror or type(error).__name__}")
        with process, Watched(process) as watched:
            try:
                watched.tell(json.dumps(told))
                return self._watch(watched)
            finally:
                watched.end()

    def _watch(self, watched: Watched) -> Ended | None:
        while not self._stop.is_set():
            if self._landed.is_set():
                watched.let_finish()
            if not watched.poll():
                code = watched.process.wait()
                if code == 0 and self._landed.is_set():
                    return None
                return Ended(exit_in_words(code), watched.judging, code == EXIT_GAVE_UP)
            allowed = SILENT_SECONDS if watched.was_heard else START_SECONDS
            if watched.silent_for() > allowed:
                return Ended(f"without a sign of life for {allowed:g} s", watched.judging)
        return None


class Ended:
    """How a process ended, and the text that it had named last: `KIND:KEY`, None when it was not at one."""

    def __init__(self, how: str, judging: str | None = None, gave_up: bool = False) -> None:
        self.how, self.judging, self.gave_up = how, judging, gave_up


class Watched:
    """A running process, and what it says: a line `alive` every few seconds, `judging KIND:KEY` and `judged`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self._in, self._out = process, process.stdin, process.stdout
        self.judging: str | None = None
        self.was_heard = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._rest = b""
        self._sign_at = self._polled_at = time.monotonic()

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *error: object) -> None:
        self._selector.close()

    def tell(self, line: str) -> None:
        """What it reads first. One that is gone already is found at the next poll."""
        with suppress(BrokenPipeError):
            self._in.write(line.encode() + b"\n")

    def let_finish(self) -> None:
        """All has landed: it is to end when that is enriched."""
        with suppress(BrokenPipeError):
            self._in.close()

    def poll(self) -> bool:
        """Hear what it says, for POLL_SECONDS at most; False once it has ended."""
        heard = b"alive"
        if self._selector.select(POLL_SECONDS):
            heard = self._out.read(1 << 16) or b""
            self.was_heard = True
            *lines, self._rest = (self._rest + heard).split(b"\n")
            for line in lines:
                self._hear(line.decode("utf-8", "replace"))
            self._sign_at = time.monotonic()
        return heard != b""

    def silent_for(self) -> float:
        """Seconds since it gave its last sign of life."""
        now = time.monotonic()
        if now - self._polled_at > SUSPENDED_SECONDS:
            self._sign_at = now
        self._polled_at = now
        return now - self._sign_at

    def end(self) -> None:
        """Ask it to end, which takes a moment; kill it when it takes longer."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def _hear(self, line: str) -> None:
        word, _, text = line.partition(" ")
        if word == "judging":
            self.judging = text
        elif word == "judged":
            self.judging = None


def environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What it needs of our environment: neither the admin's login, nor a password of Kafka, nor Spark's secrets."""
    found = {name: value for name, value in environ.items() if name in NEEDED or name.startswith(NEEDED_PREFIXES)}
    dsns = {DSN_VARIABLES[role]: settings.dsns[role] for role in NEEDED_ROLES if role in settings.dsns}
    return {**found, **dsns, "LANDFALL_HOME": str(settings.home)}
