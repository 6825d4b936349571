"""The pictures of docs/pictures, of the running system: `python -m manual.pictures FOLDER`.

A demo runs in a state folder of its own, for as long as it takes until there is something to see, and is stopped.
"""

import io
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from rich import _export_format
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from cli.demo.run import Demo
from cli.demo.screen import Guarded, Moment, PlainLines, drawn
from cli.demo.servers import forget_other_servers
from landfall.state import open_state
from landfall.stop_signals import stop_on_every_signal
from manual.browser import browser_page, save
from manual.chromium import chromium
from manual.dagster_graph import graph_picture

EVENTS_A_SECOND = 500.0
SECONDS_OF_EVENTS = 75.0
"""The first load of each stream, while Spark warms up, is no longer among the newest by which p50 and p95 are told."""
USUAL_SECONDS, PATIENCE_SECONDS = 3.0, 300.0
"""On a machine that others use, a p95 beyond this is waited out for so long: a picture is to show what is usual."""
COLUMNS = 112
THEME = TerminalTheme(
    (22, 27, 34),
    (220, 226, 232),
    [
        (60, 66, 74),
        (235, 110, 105),
        (120, 200, 130),
        (240, 185, 90),
        (110, 170, 240),
        (190, 140, 230),
        (90, 200, 200),
        (220, 226, 232),
    ],
)
FOREIGN_FONT = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


class Kept(PlainLines):
    """Plain lines for whoever waits, and the newest moment for the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.moment: Moment | None = None

    def show(self, moment: Moment) -> None:
        super().show(moment)
        self.moment = moment


def take_pictures(folder: Path) -> list[Path]:
    """Run a demo and take each picture into `folder`; returns their paths.

    Raises UserError where there is no Chromium, or the demo fails.
    """
    chromium()
    os.environ["LANDFALL_GEOIP_DATABASE"] = "demo"
    taken: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="landfall-pictures-") as home, stop_on_every_signal() as stop:
        open_state(Path(home))
        forget_other_servers(Path(home))
        kept = Kept()
        demo = Demo(Path(home), EVENTS_A_SECOND, None, Guarded(kept, stop), stop)
        failed: list[Exception] = []

        def photograph() -> None:
            try:
                if wait_for(lambda: worth_showing(kept.moment) and demo.dagster is not None, stop):
                    assert kept.moment is not None
                    assert demo.dagster is not None
                    taken.append(terminal_picture(kept.moment, folder / "terminal.png"))
                    taken.append(graph_picture(demo.dagster, folder / "dagster-graph.png"))
            except Exception as error:
                failed.append(error)
            finally:
                stop.set()

        photographer = threading.Thread(target=photograph)
        photographer.start()
        try:
            demo.run()
        finally:
            stop.set()
            photographer.join()
            demo.end()
    if failed:
        raise failed[0]
    return taken


def wait_for(seen: Callable[[], bool], stop: threading.Event) -> bool:
    """Whether it was seen before the stop."""
    while not seen():
        if stop.wait(0.25):
            return False
    return True


def worth_showing(moment: Moment | None) -> bool:
    """Whether every stream and every table has something to show."""
    if moment is None or moment.seconds < SECONDS_OF_EVENTS:
        return False
    usual = all(stream.p95 is not None and stream.p95 < USUAL_SECONDS for stream in moment.view.streams)
    return all(kpi.rows for kpi in moment.view.kpis) and (usual or moment.seconds > PATIENCE_SECONDS)


def terminal_picture(moment: Moment, path: Path) -> Path:
    """The demo's screen as a terminal shows it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(drawn(moment, COLUMNS), "")
    # rich has the browser fetch a font of another host
    form = FOREIGN_FONT.sub("", _export_format.CONSOLE_SVG_FORMAT).replace("Fira Code", "DejaVu Sans Mono")
    svg = console.export_svg(title="landfall demo", theme=THEME, code_format=form)
    with browser_page(1400, 900) as page:
        page.set_content(f"<body style='margin:0;width:1300px'>{svg}</body>")
        save(page.locator("svg"), path)
    return path


if __name__ == "__main__":
    for picture in take_pictures(Path(sys.argv[1])):
        print(f"{picture}  {picture.stat().st_size / 1000:.0f} kB")
