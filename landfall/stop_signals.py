"""What SIGINT, SIGTERM and a closed terminal do to a process that is to end cleanly."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def on_signals(then: Callable[[], object]) -> None:
    """What SIGINT and SIGTERM do from now on."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: then())


def interrupt_when_told() -> None:
    """SIGINT and SIGTERM raise KeyboardInterrupt from here on, so that `finally` is reached.

    SIGINT too: a background job ignores it, Dagster in this process then ignores SIGTERM, and so would what it starts.
    """
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second signal acts as it always does."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    with handled(SIGNALS, handle) as before:
        yield stop


@contextmanager
def stop_on_every_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set, the second time too: stopping takes seconds, and who
    presses Ctrl-C again meanwhile must not be left with half of the processes.
    """
    stop = threading.Event()
    # `nohup` has SIGHUP ignored, and means it.
    hangs_up = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    with handled([*SIGNALS, *hangs_up], lambda *_: stop.set()):
        yield stop


@contextmanager
def handled(
    numbers: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[Mapping[signal.Signals, Any]]:
    """These signals call `handler`, and what they did before again afterwards: by signal, what they did."""
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
