"""The pictures of docs/pictures, of the running system: `python -m manual.pictures FOLDER`.

Servers of their own in a temporary state folder, with events of some days. A demo at the shop's pace for the
dashboards, then one at its usual rate, each for as long as it takes until there is something to see.
"""

import datetime as dt
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

from cli.children import Children
from cli.demo.run import Demo
from cli.demo.screen import Guarded, Moment, PlainLines, drawn
from cli.demo.servers import forget_other_servers
from cli.prepare import up
from cli.superset_server import SupersetServer, start_superset
from dashboards.superset.environment import set_up
from dashboards.superset.state import folder_of
from database.connect import connect
from landfall.errors import UserError
from landfall.processes import free_port
from landfall.settings import Settings
from landfall.state import open_state
from landfall.stop_signals import stop_on_every_signal
from local_stack.stack import down
from manual.browser import browser_page, save
from manual.chromium import chromium
from manual.dagster_graph import graph_picture
from manual.dashboards import dashboard_pictures
from manual.past import DAYS, EVENTS_AN_HOUR, QUIET_DAYS, busy, produce_past
from warehouse.dbt_session import DbtSession
from warehouse.refresh import first_trouble

EVENTS_A_SECOND = 500.0
SECONDS_OF_EVENTS = 75.0
"""The first load of each stream, while Spark warms up, is no longer among the newest by which p50 and p95 are told."""
USUAL_SECONDS, PATIENCE_SECONDS = 3.0, 300.0
"""On a machine that others use, a p95 beyond this is waited out for so long: a picture is to show what is usual."""
FRESH_SECONDS = 120.0
"""A shop's pace gives the ads, the quietest stream, an event in 20 s."""
UP_TO_DATE = """
select bool_and(coalesce(newest_event_at > now() - make_interval(secs => %(seconds)s), false))
from marts.trust_freshness
where kind = 'kpi'
"""
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
    """Take each picture into `folder`; returns their paths.

    Raises UserError where there is no Chromium, or a demo fails.
    """
    chromium()
    set_up(print)
    os.environ["LANDFALL_GEOIP_DATABASE"] = "demo"
    with tempfile.TemporaryDirectory(prefix="landfall-pictures-") as name, stop_on_every_signal() as stop:
        home = Path(name)
        open_state(home)
        forget_other_servers(home)
        try:
            up(home)
            return [*pictures_of_dashboards(home, folder, stop), *pictures_of_load(home, folder, stop)]
        finally:
            down(home)


def pictures_of_dashboards(home: Path, folder: Path, stop: threading.Event) -> list[Path]:
    """Superset over a shop of some days, as busy at this hour as it was before."""
    settings, now = Settings.of_home(home), dt.datetime.now(dt.UTC)
    print(f"{produce_past(settings, now, stop):,} events of the last {QUIET_DAYS + DAYS} days")
    children = Children(folder_of(home))
    try:
        superset = start_superset(settings, children, free_port(None))
        if not superset.wait(stop, print):
            return []
        return while_a_demo_runs(
            home,
            EVENTS_AN_HOUR * busy(now) / 3600,
            stop,
            lambda moment, dagster: is_up_to_date(settings),
            lambda moment, dagster: of_tested_tables(settings, superset, folder),
        )
    finally:
        children.stop()


def of_tested_tables(settings: Settings, superset: SupersetServer, folder: Path) -> list[Path]:
    """The dashboards, one of which shows what dbt's tests say of the tables. Raises UserError when they did not run."""
    outcome = DbtSession(settings).run(["test"])
    if not outcome.nodes:
        raise UserError(f"dbt's tests did not run: {first_trouble(outcome)}")
    return dashboard_pictures(superset, settings.home, folder)


def pictures_of_load(home: Path, folder: Path, stop: threading.Event) -> list[Path]:
    """The demo's terminal and Dagster's graph, with events at the demo's usual rate."""
    return while_a_demo_runs(
        home,
        EVENTS_A_SECOND,
        stop,
        lambda moment, dagster: worth_showing(moment) and dagster is not None,
        lambda moment, dagster: [
            terminal_picture(moment, folder / "terminal.png"),
            graph_picture(str(dagster), folder / "dagster-graph.png"),
        ],
    )


def while_a_demo_runs(
    home: Path,
    rate: float,
    stop: threading.Event,
    ready: Callable[[Moment, str | None], bool],
    photograph: Callable[[Moment, str | None], list[Path]],
) -> list[Path]:
    """Run a demo until it is `ready` and was photographed; both are told its newest moment and Dagster's address,
    None before Dagster answers. `stop` ends it before. Raises UserError when the demo fails.
    """
    kept, enough = Kept(), threading.Event()
    demo = Demo(home, rate, None, Guarded(kept, enough), enough)
    taken: list[Path] = []
    failed: list[Exception] = []

    def take() -> None:
        try:
            while not enough.wait(0.25):
                if stop.is_set():
                    return
                if kept.moment is not None and ready(kept.moment, demo.dagster):
                    taken.extend(photograph(kept.moment, demo.dagster))
                    return
        except Exception as error:
            failed.append(error)
        finally:
            enough.set()

    photographer = threading.Thread(target=take)
    photographer.start()
    try:
        demo.run()
    finally:
        enough.set()
        photographer.join()
        demo.end()
    if failed:
        raise failed[0]
    return taken


def is_up_to_date(settings: Settings) -> bool:
    """Whether the tables hold what has happened until some seconds ago, in each stream."""
    with connect(settings.as_reader, application_name="landfall pictures") as reader:
        row = reader.execute(UP_TO_DATE, {"seconds": FRESH_SECONDS}).fetchone()
    return row is not None and bool(row[0])


def worth_showing(moment: Moment) -> bool:
    """Whether every stream and every table has something to show."""
    if moment.seconds < SECONDS_OF_EVENTS:
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
