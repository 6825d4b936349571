"""The local servers of one state folder as one thing: up, down, and where they answer."""

from pathlib import Path
from urllib.parse import quote

from landfall.endpoints import FILE_NAME, Endpoints, read_endpoints, write_endpoints
from landfall.errors import UserError
from landfall.login import READER, TRANSFORMER, WRITER
from landfall.state import locked, passwords, require_state
from landfall.wording import counted
from local_stack.kafka import Kafka
from local_stack.kafka_cluster import KafkaCluster
from local_stack.postgres import ADMIN, DATABASE, Postgres

LOGINS = (ADMIN, WRITER, TRANSFORMER, READER)


def down(home: Path) -> list[str]:
    """Stop Kafka, then Postgres, cleanly; returns the names of those that ran. The state stays for the next `up`."""
    require_state(home)
    with locked(home):
        stopped = ["Kafka"] if kafka_of(home).stop() else []
        stopped += ["Postgres"] if Postgres(home / "postgres").stop() else []
        (home / FILE_NAME).unlink(missing_ok=True)
    return stopped


def running(home: Path) -> list[str]:
    """Names of the servers of `home` that run now, in the order in which `down` stops them."""
    found = ["Kafka"] if kafka_of(home).running() else []
    return found + (["Postgres"] if Postgres(home / "postgres").postmaster() is not None else [])


def kafka_of(home: Path, brokers: int | None = None) -> Kafka | KafkaCluster:
    """The Kafka of a state folder: of so many brokers; by default of as many as it was made with, or else of one.

    Raises UserError where it was made with another number.
    """
    folder = home / "kafka"
    alone, cluster = Kafka(folder), KafkaCluster.found(folder)
    if brokers is None:
        return cluster or alone
    made = cluster or (alone if alone.exists() else None)
    if made is None:
        return alone if brokers == 1 else KafkaCluster(folder, brokers)
    if len(made.nodes) != brokers:
        raise UserError(
            f"Kafka in {home} was made with {counted(len(made.nodes), 'broker')}: leave --brokers out, or set"
            " LANDFALL_HOME to a new folder."
        )
    return made


def start_servers(home: Path, brokers: int | None = None) -> Endpoints:
    """Make what is missing and start both servers; the caller holds the folder's lock.

    `brokers`: of Kafka; by default as many as there are, or else one. Raises UserError where there are others.
    """
    kafka, postgres = kafka_of(home, brokers), Postgres(home / "postgres")
    kafka_exists, postgres_exists = kafka.exists(), postgres.exists()
    words = passwords(home, LOGINS, create=not postgres_exists)
    if not kafka_exists:
        kafka.make()
    kafka.launch()
    if not postgres_exists:
        postgres.make(words[ADMIN])
    port = postgres.start()
    kafka.start()
    login = {name: value for name, value in vars(kafka.settings).items() if value is not None}
    endpoints = Endpoints(
        postgres_dsn=dsn(TRANSFORMER, words[TRANSFORMER], port),
        landing_dsn=dsn(WRITER, words[WRITER], port),
        admin_dsn=dsn(ADMIN, words[ADMIN], port),
        bi_dsn=dsn(READER, words[READER], port),
        kafka_bootstrap_servers=login.pop("bootstrap_servers"),
        kafka_login=login,
    )
    if endpoints != read_endpoints_or_none(home):
        write_endpoints(home, endpoints)
    return endpoints


def read_endpoints_or_none(home: Path) -> Endpoints | None:
    """The endpoints file, None when it is damaged: `up` writes it anew."""
    try:
        return read_endpoints(home)
    except UserError:
        return None


def dsn(user: str, password: str, port: int) -> str:
    """A libpq URL of the local Postgres."""
    return f"postgresql://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{port}/{DATABASE}"
