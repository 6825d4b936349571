"""What a process inherits and must not depend on: the encoding of its locale and of its terminal."""

import io
import locale
import os
import sys
from collections.abc import Iterable

UTF8_MODE = "PYTHONUTF8"


def insist_on_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale's encoding is another one.

    Libraries read their own files by the locale: under LC_ALL=C with PYTHONUTF8=0, as some schedulers start programs,
    the rules for user agents could not be read. The process keeps its id; its children inherit the mode.
    """
    if sys.flags.utf8_mode or locale.getencoding().lower().replace("-", "") == "utf8":
        return
    os.environ[UTF8_MODE] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def write_what_can_be_written(streams: Iterable[object]) -> None:
    """A character that a terminal cannot show is written as an escape: `\\u2026` instead of an end with a traceback."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
