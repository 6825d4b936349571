"""What SIGINT, SIGTERM and a closed terminal do to a process that is to end cleanly."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal acts as it always does."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_on_every_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set, the second time too: stopping takes seconds, and who
    presses Ctrl-C again meanwhile must not be left with half of the processes.
    """
    stop = threading.Event()
    # `nohup` has SIGHUP ignored, and means it.
    wanted = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in wanted}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_when_told() -> None:
    """SIGINT and SIGTERM raise KeyboardInterrupt from here on, so that `finally` is reached.

    SIGINT too: a background job ignores it, Dagster in this process then ignores SIGTERM, and so would what it starts.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
