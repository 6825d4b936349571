"""Print `export` lines, so that dbt, psql, dagster and spark-submit reach the same servers."""

import shlex

import click

from landfall.settings import Settings


@click.command(name="env")
def command() -> None:
    """Print `export` lines for a shell: eval "$(landfall env)".

    LANDFALL_POSTGRES_DSN is the transformer's, which reads every schema; so are PGHOST, PGPORT, PGUSER, PGPASSWORD
    and PGDATABASE. After it `dbt build` in dbt_project/, `psql`, `dagster dev` and `spark-submit` need no options.
    """

    # Imported here for start-up time.
    from cli.environment import shell_variables

    for name, value in shell_variables(Settings.load()).items():
        click.echo(f"export {name}={shlex.quote(value)}")
