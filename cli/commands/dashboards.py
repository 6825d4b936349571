"""Serve Apache Superset over the marts on loopback, set up on first use, until stopped."""

from pathlib import Path

import click

from landfall.logs import configure_logging
from landfall.settings import Settings
from landfall.stop_signals import stop_on_every_signal


@click.command(name="dashboards")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port on 127.0.0.1. Default: LANDFALL_SUPERSET_PORT, or the one it had last, else 8088, or a free one.",
)
@click.option(
    "--bundle",
    metavar="FILE.zip",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Only write the dashboards into this file, for a Superset of your own, and end.",
)
def command(port: int | None, bundle: Path | None) -> None:
    """Serve Apache Superset with the dashboards over the marts, at http://127.0.0.1:8088, until Ctrl-C or SIGTERM.

    On the local servers (`landfall up` or `landfall demo` first) or on servers of your own; it reads as bi_reader. The
    first time it takes some minutes: Superset's packages go into an environment of their own, .venv-superset; then
    its tables, the user `admin` with a password of its own, and the dashboards are made in LANDFALL_HOME/superset.
    After that it starts in seconds. What you make in Superset stays; our own dashboards are as in this release.

    With --bundle: the dashboards as one file without any password. Import it in a Superset of your own (Dashboards,
    Import), and give its database connection `Landfall` the address and password of a login that reads the marts.
    """
    # Imported here for start-up time.
    from cli.superset_command import serve, write

    if bundle is not None:
        write(bundle)
        return
    settings = Settings.load()
    configure_logging(settings.log_format)
    with stop_on_every_signal() as stop:
        serve(settings, port, stop)
