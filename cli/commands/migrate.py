"""Bring schemas, roles and relations on servers of your own to this release."""

import click

from landfall.settings import Settings


@click.command(name="migrate")
@click.option(
    "--topics",
    is_flag=True,
    help="Also make the topics that are missing, with six partitions each and as many copies as fit.",
)
@click.option("--no-models", is_flag=True, help="Leave the empty relations of the dbt models out.")
def command(topics: bool, no_models: bool) -> None:
    """Bring roles, schemas, tables and the models' relations to this release; safe to repeat.

    For servers of your own: LANDFALL_ADMIN_DSN is a login that owns the database and may create roles (no superuser),
    LANDFALL_LANDING_DSN, LANDFALL_POSTGRES_DSN and (if you like) LANDFALL_BI_DSN name the logins to give the roles
    landing_writer, transformer and bi_reader; those that do not exist are made with the password of the DSN.

    Facts of an earlier release are put into partitions, readable meanwhile, with their rows where they are.
    Columns that facts gained are filled for older events from what landing still has of them, in short transactions
    beside everything else. Interrupted, it goes on where it stopped when it is run again.
    """
    # Imported here for start-up time.
    from cli.prepare import prepare

    done = prepare(Settings.load(), topics=topics, models=not no_models)
    click.echo("\n".join(done) if done else "Nothing to do: the database is of this release.")
