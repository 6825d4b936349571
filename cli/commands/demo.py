"""Everything together, live: servers, events, landing, models, Dagster, and a table that shows them."""

import os

import click

from landfall.settings import Settings
from landfall.state import open_state
from landfall.stop_signals import stop_on_every_signal


@click.command(name="demo")
@click.option(
    "--duration",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Produce for this many seconds, wait until all is landed and refreshed, account for every event, and end.",
)
@click.option("--headless", is_flag=True, help="Plain lines every few seconds instead of a live table.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=500.0,
    show_default=True,
    help="Events a second, all three streams together.",
)
@click.option(
    "--history",
    type=click.FloatRange(0, min_open=True),
    metavar="DAYS",
    help="Land 3,000 events a day of these days before now first, so that people come back after days and weeks.",
)
def command(duration: float | None, headless: bool, rate: float, history: float | None) -> None:
    """Show all of it: start Postgres and Kafka in LANDFALL_HOME, simulate three streams, land them exactly once,
    keep the KPI tables fresh, and serve Dagster on loopback.

    The events are live: a few are late, repeated or malformed, so that duplicates and the quarantine are seen.
    Ctrl-C stops everything within 10 s and leaves no process. What landed stays in LANDFALL_HOME; servers that ran
    before the demo go on. Logs are in LANDFALL_HOME/demo and LANDFALL_HOME/dagster.

    \b
    Exit codes: 0 stopped, or with --duration all accounted for; 1 something was lost, doubled or failed.
    """
    # Imported here for start-up time.
    from rich.console import Console

    from cli.demo.run import Demo
    from cli.demo.screen import Guarded, LiveTable, PlainLines
    from cli.demo.servers import forget_other_servers, only_demo

    home = Settings.load().home
    open_state(home)
    forget_other_servers(home)
    os.environ.setdefault("LANDFALL_GEOIP_DATABASE", "demo")  # its events are simulated, so are their places
    console = Console()
    with only_demo(home), stop_on_every_signal() as stop:
        plain = headless or not console.is_terminal
        screen = Guarded(PlainLines() if plain else LiveTable(console), stop)
        demo = Demo(home, rate, duration, screen, stop, history)
        try:
            demo.run()
        finally:
            demo.end()
