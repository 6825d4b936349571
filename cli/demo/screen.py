"""What the demo shows: a live table on a terminal, plain lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.demo.kpis import KpiTable
from cli.demo.observer import StreamView, View
from landfall.plain_text import printable

PLAIN_SECONDS = 5.0
LIVE_SECONDS = 0.5
COLUMNS = ("stream", "produced", "landed", "quarantined", "lag", "p50", "p95")


@dataclass(frozen=True)
class Moment:
    """A view, and what else there is to say at that moment."""

    view: View
    seconds: float
    title: str
    refreshes: str
    note: str = ""


class Screen(Protocol):
    """Where the demo speaks. A terminal that was closed is no error: the demo has other things to finish."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def show(self, moment: Moment) -> None:
        """The state of things, as often as the demo likes."""

    def close(self) -> None:
        """No more moments; lines may follow."""


class PlainLines:
    """Lines on stdout, a group of them every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def say(self, line: str) -> None:
        print(printable(line), flush=True)

    def show(self, moment: Moment) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PLAIN_SECONDS
        for line in plain_lines(moment):
            self.say(line)

    def close(self) -> None:
        pass


class LiveTable:
    """A table that is drawn anew in its place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._next = 0.0

    def say(self, line: str) -> None:
        self._console.print(printable(line), highlight=False, markup=False, soft_wrap=True)

    def show(self, moment: Moment) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LIVE_SECONDS
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        self._live.update(drawn(moment, self._console.width), refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class Guarded:
    """A screen that may go away (a closed terminal, a pipe's reader that ended): that stops the demo, cleanly."""

    def __init__(self, screen: Screen, stop: Event) -> None:
        self._screen: Screen | None = screen
        self._stop = stop

    def say(self, line: str) -> None:
        self._guard(lambda screen: screen.say(line))

    def show(self, moment: Moment) -> None:
        self._guard(lambda screen: screen.show(moment))

    def close(self) -> None:
        self._guard(lambda screen: screen.close())

    def _guard(self, call: Callable[[Screen], None]) -> None:
        if self._screen is None:
            return
        try:
            call(self._screen)
        except (OSError, SystemExit):  # rich raises SystemExit for a broken pipe
            self._screen = None
            self._stop.set()
            # Python's own flush at the end would fail once more, and change the exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def plain_lines(moment: Moment) -> list[str]:
    """A moment for a log: a line a stream, one for the models."""
    lines = [
        f"{moment.seconds:5.0f} s  {stream.stream:<14} produced {stream.produced:>9,}  landed {stream.landed:>9,}"
        f"  quarantined {stream.quarantined:>6,}  lag {stream.lag:>7,}"
        f"  produced to landed p50 {seconds(stream.p50)}, p95 {seconds(stream.p95)}"
        for stream in moment.view.streams
    ]
    tops = [f"top of {kpi.relation}: {', '.join(top(kpi))}" for kpi in moment.view.kpis[:1] if kpi.rows]
    lines.append(f"{moment.seconds:5.0f} s  " + "; ".join([moment.refreshes, *tops]))
    if moment.note:
        lines.append(f"{moment.seconds:5.0f} s  {moment.note}")
    return lines


def top(kpi: KpiTable) -> list[str]:
    """The first row of a KPI with its columns' names."""
    return [f"{name} {value}" for name, value in zip(kpi.columns, kpi.rows[0], strict=True)]


def drawn(moment: Moment, width: int) -> RenderableType:
    """A moment for a terminal of this width; 80 columns and 24 rows are enough for all of it."""
    parts: list[RenderableType] = [Text(moment.title, style="bold", no_wrap=True), stream_table(moment.view.streams)]
    beside, room = Table.grid(padding=(0, 2)), width
    tables = []
    for kpi in moment.view.kpis:
        table = kpi_table(kpi)
        room -= Console(width=width).measure(table).maximum + 2
        if room >= -2:
            tables.append(table)
    if tables:
        beside.add_row(*tables)
        parts.append(beside)
    parts.append(Text(printable(moment.refreshes), style="dim", no_wrap=True))
    if moment.note:
        parts.append(Text(printable(moment.note), style="yellow", no_wrap=True))
    parts.append(Text("Ctrl-C stops everything.", style="dim"))
    return Group(*parts)


def stream_table(streams: Iterable[StreamView]) -> Table:
    """The streams, with seconds from produced to landed."""
    table = new_table("Streams (p50, p95: seconds from produced to landed, newest loads)", COLUMNS)
    for stream in streams:
        table.add_row(
            stream.stream,
            *(f"{number:,}" for number in (stream.produced, stream.landed)),
            Text(f"{stream.quarantined:,}", style="yellow" if stream.quarantined else ""),
            f"{stream.lag:,}",
            seconds(stream.p50),
            seconds(stream.p95),
        )
    return table


def kpi_table(kpi: KpiTable) -> Table:
    """The top rows of a mart."""
    table = new_table(kpi.title, kpi.columns)
    for row in kpi.rows:
        table.add_row(*map(Text, row))  # a product may be called `[red]`
    return table


def new_table(title: str, columns: Iterable[str]) -> Table:
    """An empty table: texts to the left, numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="italic", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in ("stream", "action") else "right", no_wrap=True)
    return table


def seconds(value: float | None) -> str:
    """Seconds with two decimals, a dash for none."""
    return "-" if value is None else f"{value:.2f}"
