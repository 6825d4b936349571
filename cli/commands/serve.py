"""Keep everything running: landing, refresh, Dagster, metrics; what dies is started again."""

import click

from landfall.logs import configure_logging
from landfall.settings import Settings
from landfall.stop_signals import stop_on_signals

USUAL = ("land", "refresh", "dagster", "metrics")
DASHBOARDS = "dashboards"


@click.command(name="serve")
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice((*USUAL, DASHBOARDS)),
    help="Only this service; may be given more than once. Default: the first four, and dashboards where set up.",
)
@click.option("--port", type=int, help="Port of Dagster's page on 127.0.0.1. Default: 3000, or a free one.")
def command(names: tuple[str, ...], port: int | None) -> None:
    """Run `landfall land`, `landfall refresh --watch`, `dagster dev` and `landfall metrics`, until Ctrl-C or SIGTERM;
    and the dashboards, once `landfall dashboards` has set them up here or with `--only dashboards`.

    On the local servers (`landfall up` first) or on servers of your own. A service that dies, whatever killed it, is
    started again after 1 s, then 2, up to 30; nothing is lost or doubled by it, and `landfall status` says what dies
    again and again. Dagster, metrics and dashboards serve on the ports that they had last, else on 3000, 9464 and 8088,
    and on free ones where somebody else has these. Logs are in LANDFALL_HOME/serve, dagster and superset. On a machine
    with systemd or Docker, those do the same with the single commands.
    """
    # Imported here for start-up time.
    from cli.keeper import keep_running

    settings = Settings.load()
    configure_logging(settings.log_format)
    _ = settings.as_transformer, settings.kafka  # a missing address is said once, and not by each child
    with stop_on_signals() as stop:
        keep_running(settings, names or usual(settings), port, stop)


def usual(settings: Settings) -> tuple[str, ...]:
    """What is kept running unless something else is asked for: dashboards, at 0.4 GB, only where they are in use."""
    # Imported here for start-up time.
    from dashboards.superset.environment import is_ready
    from dashboards.superset.state import CONFIG, folder_of
    from landfall.login import READER

    in_use = is_ready() and (folder_of(settings.home) / CONFIG).exists() and READER in settings.dsns
    return (*USUAL, DASHBOARDS) if in_use else USUAL
