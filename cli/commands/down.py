"""Stop the local servers; what they hold stays for the next `up`."""

import click

from landfall.settings import Settings


@click.command(name="down")
def command() -> None:
    """Stop the dashboards, Kafka, then Postgres, of LANDFALL_HOME, cleanly. All they hold stays for the next start.

    What `landfall serve` keeps running stops with it, and not here.
    """
    # Imported here for start-up time.
    from cli.superset_server import stop_superset
    from landfall.wording import listed
    from local_stack.stack import down

    home = Settings.load().home
    stopped = ["Superset"] if stop_superset(home) else []
    stopped += down(home)
    click.echo(f"{listed(stopped)} stopped." if stopped else f"Nothing was running in {home}.")
