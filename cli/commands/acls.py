"""Print the commands that give a Kafka login the rights it needs."""

import click

from landfall.errors import UserError
from landfall.kafka_rights import NEEDED, commands
from landfall.kafka_settings import PREFIX
from landfall.settings import Settings


@click.command(name="acls")
@click.argument("parts", nargs=-1, type=click.Choice(list(NEEDED)))
@click.option(
    "--user", metavar="NAME", help="The login as the brokers call it; of a client certificate, its subject (`CN=…`)."
)
def command(parts: tuple[str, ...], user: str | None) -> None:
    """Print the kafka-acls commands that let a login do its part: land, watch, produce, topics (default: all).

    Nothing is changed: who administers Kafka runs them, with a file admin.properties that says how to log in. By
    default they are for LANDFALL_KAFKA_SASL_USERNAME, on the topics that the contracts name.
    """
    # Imported here for start-up time.
    from landing_stream.contract import load_contracts

    kafka = Settings.load().kafka_or_none
    name = user or (kafka and kafka.sasl_username)
    if not name:
        raise UserError(f"Whose rights? Name the login with --user, or set {PREFIX}SASL_USERNAME.")
    server = kafka.bootstrap_servers if kafka else "HOST:PORT"
    topics = [contract.topic for contract in load_contracts().values()]
    click.echo("\n".join(commands(parts or NEEDED, name, topics, server)))
