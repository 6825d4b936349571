"""The enricher as a program, with rules that end its process in one way or another: see test_beside.py."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from enrichment import process
from enrichment.user_agents import UserAgentRules

KILLS, FREEZES = "kills", "freezes"
"""User agents at which the process dies, and at which no thread of it comes to run any more."""

judge = UserAgentRules.judge


def deadly(rules: UserAgentRules, texts: Sequence[str]) -> list[tuple[Any, ...]]:
    if KILLS in texts:
        os.kill(os.getpid(), signal.SIGKILL)
    if FREEZES in texts:
        library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        for _ in range(2):  # for ever, and holding the interpreter's lock, as an extension in an endless loop does
            library.pthread_mutex_lock(mutex)
    return judge(rules, texts)


if __name__ == "__main__":
    UserAgentRules.judge = deadly  # type: ignore[assignment, method-assign]
    sys.exit(1 if os.environ.get("LC_DEADLY") == "at once" else process.main())
