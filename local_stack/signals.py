"""Signals of a process that has servers to stop before it ends."""

import signal


def interrupt_when_told() -> None:
    """SIGINT and SIGTERM raise KeyboardInterrupt from here on, so that `finally` is reached.

    SIGINT too: a background job ignores it, Dagster in this process then ignores SIGTERM, and so would what it starts.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
