"""Write the database to a file, while everything goes on."""

from pathlib import Path

import click

from landfall.settings import Settings


@click.command(name="backup")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="So many tables at once, for a large database: FILE becomes a folder.",
)
def command(file: Path, jobs: int) -> None:
    """Dump the database to FILE, as of one moment, with Postgres' own pg_dump: landed rows, ledger, models, all of it.

    Landing and refreshes go on meanwhile. FILE is new, for you alone (mode 600), and there whole or not at all. It
    holds no password. It does hold events: keep it as private as the database.

    As the login of LANDFALL_ADMIN_DSN. pg_dump is the one on PATH or the one that comes with Landfall, whichever fits
    the server. `landfall restore FILE` brings it back.
    """
    # Imported here for start-up time.
    from cli.backups import back_up
    from database.connect import address
    from landfall.stop_signals import interrupt_when_told

    interrupt_when_told()
    settings = Settings.load()
    click.echo(f"Backing up {address(settings.as_admin)} ...", err=True)
    size = back_up(settings, file.absolute(), jobs)
    click.echo(f"{file}: {size:,} bytes")
