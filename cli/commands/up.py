"""Start the local Postgres and Kafka, with topics, schemas and empty relations."""

import click

from landfall.settings import Settings


@click.command(name="up")
@click.option("--no-models", is_flag=True, help="Leave the empty relations of the dbt models out (a few seconds less).")
@click.option(
    "--brokers",
    type=click.Choice(["1", "3", "5"]),
    help="How many brokers Kafka has, the first time. Several are a cluster: TLS, a login, access rules, three copies.",
)
def command(no_models: bool, brokers: str | None) -> None:
    """Start the local Postgres and Kafka in LANDFALL_HOME, unless they run.

    The first time it makes them: passwords (kept in the folder, mode 600), a topic with six partitions for each
    stream, schemas, roles and empty relations. They listen on 127.0.0.1 only, on free ports, outlive this
    command, and stop with `landfall down`. Safe to repeat, also after a crash: nothing that landed is lost.
    """
    # Imported here for start-up time.
    from cli.prepare import up
    from database.connect import address

    home = Settings.load().home
    click.echo(f"Starting Postgres and Kafka in {home} ...", err=True)
    endpoints = up(home, models=not no_models, brokers=int(brokers) if brokers else None)
    settings = Settings.of_home(home)
    click.echo(f"Postgres  {address(settings.as_transformer)}")
    click.echo(f"Kafka     {endpoints.kafka_bootstrap_servers}")
    click.echo('To reach them by hand: eval "$(landfall env)"')
