"""Stop the local servers; what they hold stays for the next `up`."""

import click

from landfall.settings import Settings


@click.command(name="down")
def command() -> None:
    """Stop Kafka, then Postgres, of LANDFALL_HOME, cleanly. All they hold stays for the next `landfall up`."""
    # Imported here for start-up time.
    from local_stack.stack import down

    home = Settings.load().home
    stopped = down(home)
    click.echo(f"{' and '.join(stopped)} stopped." if stopped else f"Nothing was running in {home}.")
