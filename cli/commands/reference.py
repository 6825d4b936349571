"""Load master data (jobs, campaigns, companies, groups, publishers, categories)."""

import click

from landfall.settings import Settings


@click.group()
def command() -> None:
    """Master data of the recruitment platform."""


@command.command()
@click.argument("source", metavar="DIR_OR_URL", envvar="LANDFALL_REFERENCE_URL")
def load(source: str) -> None:
    """Bring the schema `reference` to the state of a folder of CSV files or of a database.

    \b
    DIR   has job.csv, campaign.csv, company.csv, group.csv, master_publisher.csv,
          master_major_category.csv and master_minor_category.csv, each with a header
    URL   has tables of these names: DIALECT+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE (SQLAlchemy);
          set LANDFALL_REFERENCE_URL instead of the argument to keep the password out of the list of processes

    Loading the same again changes nothing. Columns that are not known are kept in `extra`. A row that the source
    no longer has stays, with `removed_at`. All or nothing: one mistake and no table changes. What was there before
    stays in the tables of the schema `snapshots`, each version with its validity.
    """
    # Imported here for start-up time.
    from warehouse.reference import load_reference
    from warehouse.refresh import keep_history

    settings = Settings.load()
    loaded = load_reference(settings, source)
    if any(table.changed or table.removed for table in loaded):
        keep_history(settings)
    for done in loaded:
        click.echo(
            f"{done.table}: {done.rows} rows, {done.changed} new or changed, {done.removed} gone from the source"
        )
