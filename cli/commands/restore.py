"""Bring a backup into an empty database."""

from pathlib import Path

import click

from landfall.errors import UserError
from landfall.settings import Settings
from landfall.wording import at_utc


@click.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="So many tables at once, where FILE is a folder. Then not whole or not at all.",
)
@click.option(
    "--journal",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The journal of erasures. Default: that of LANDFALL_ERASURE_JOURNAL, or of the state folder.",
)
def command(file: Path, jobs: int, journal: Path | None) -> None:
    """Bring what `landfall backup` wrote into the database of LANDFALL_ADMIN_DSN, and that to this release.

    The database is new: empty, or as `landfall up` and `landfall migrate` make it, with nothing landed. Roles that are
    missing are made with the passwords of the DSNs. Stop everything else before; nothing is restored beside others.

    Who was erased since the backup is erased again, by the journal that `landfall erase` keeps beside the database.

    Then start `landfall serve` or `landfall land`: it goes on where the ledger of the backup stands, and lands what
    came since. What Kafka no longer has is recorded in landing.gaps, and `landfall status` says it.
    """
    # Imported here for start-up time.
    from cli.backups import restore
    from database.connect import address
    from erasure.journal import Journal
    from landfall.stop_signals import interrupt_when_told

    interrupt_when_told()
    settings = Settings.load()
    kept = Journal(journal) if journal else Journal.of(settings)
    if settings.erasure_journal is not None and not kept.path.exists():
        raise UserError(f"LANDFALL_ERASURE_JOURNAL: {kept.path} is not there: who was erased would come back.")
    click.echo(f"Restoring into {address(settings.as_admin)} ...", err=True)
    done = restore(settings, file.absolute(), kept if kept.path.exists() else None, jobs)
    until = "nothing has landed" if done.landed_until is None else f"landed until {at_utc(done.landed_until)}"
    click.echo(f"{file} is restored: {until}. `landfall land` goes on from there.")
    for table, count in done.erased.items():
        click.echo(f"erased again, {table}: {count:,} row(s)")
    if not kept.path.exists():
        click.echo(
            f"There is no journal of erasures at {kept.path}: if anybody was erased since the backup, they are back."
            " `landfall erase --again FILE` erases them once you have it."
        )
