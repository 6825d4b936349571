"""The local servers of one state folder as one thing: up, down, and where they answer."""

from pathlib import Path
from urllib.parse import quote

from landfall.endpoints import FILE_NAME, Endpoints, read_endpoints, write_endpoints
from landfall.settings import Settings
from landfall.state import locked, open_state, passwords, require_state
from local_stack.kafka import Kafka
from local_stack.postgres import ADMIN, DATABASE, Postgres

LOGINS = (ADMIN, "landing_writer", "transformer", "bi_reader")


def up(home: Path, *, models: bool = True) -> Endpoints:
    """Start Postgres and Kafka in `home` unless they run, and bring topics, schemas, roles and relations up to date.

    With models=False the relations of dbt's models are left out (they take seconds). Idempotent; two at once follow
    one another. Raises UserError for a foreign or damaged folder, a missing set-up, or a server that does not start.
    """
    open_state(home)
    with locked(home):
        endpoints = start_servers(home)
        prepare(Settings.of_home(home), topics=True, models=models)
    return endpoints


def down(home: Path) -> list[str]:
    """Stop Kafka, then Postgres, cleanly; returns the names of those that ran. The state stays for the next `up`."""
    require_state(home)
    with locked(home):
        stopped = ["Kafka"] if Kafka(home / "kafka").stop() else []
        stopped += ["Postgres"] if Postgres(home / "postgres").stop() else []
        (home / FILE_NAME).unlink(missing_ok=True)
    return stopped


def running(home: Path) -> list[str]:
    """Names of the servers of `home` that run now, in the order in which `down` stops them."""
    found = ["Kafka"] if Kafka(home / "kafka").broker() is not None else []
    return found + (["Postgres"] if Postgres(home / "postgres").postmaster() is not None else [])


def start_servers(home: Path) -> Endpoints:
    """Make what is missing and start both servers; the caller holds the folder's lock."""
    kafka, postgres = Kafka(home / "kafka"), Postgres(home / "postgres")
    kafka_exists, postgres_exists = kafka.exists(), postgres.exists()
    words = passwords(home, LOGINS, create=not postgres_exists)
    if not kafka_exists:
        kafka.make()
    kafka.launch()
    if not postgres_exists:
        postgres.make(words[ADMIN])
    port = postgres.start()
    endpoints = Endpoints(
        postgres_dsn=dsn("transformer", words["transformer"], port),
        landing_dsn=dsn("landing_writer", words["landing_writer"], port),
        admin_dsn=dsn(ADMIN, words[ADMIN], port),
        bi_dsn=dsn("bi_reader", words["bi_reader"], port),
        kafka_bootstrap_servers=kafka.start(),
    )
    if endpoints != read_endpoints_or_none(home):
        write_endpoints(home, endpoints)
    return endpoints


def prepare(settings: Settings, *, topics: bool, models: bool) -> list[str]:
    """Bring the servers of `settings` to this release; returns what was done, in words.

    In order: roles, schemas and migrations; topics of the contracts; landing tables; empty relations of the models;
    columns that facts gained, filled from landing.
    """
    from database.connect import connect
    from database.migrate import migrate
    from database.roles import WRITER
    from landing_stream.contract import load_contracts
    from landing_stream.tables import ensure_tables
    from local_stack.topics import create_topics

    contracts = list(load_contracts().values())
    done = [f"migration {name} applied" for name in migrate(settings)]
    if topics:
        made = create_topics(settings.kafka, [contract.topic for contract in contracts])
        done += [f"topic {name} made" for name in made]
    with connect(settings.landing_dsn, role=WRITER, application_name="landfall migrate", autocommit=True) as landing:
        ensure_tables(landing, contracts)
    if models:
        from warehouse.backfill import backfill
        from warehouse.refresh import create_relations

        create_relations(settings)
        done += [str(filled) for filled in backfill(settings)]
    return done


def read_endpoints_or_none(home: Path) -> Endpoints | None:
    """The endpoints file, None when it is damaged: `up` writes it anew."""
    from landfall.errors import UserError

    try:
        return read_endpoints(home)
    except UserError:
        return None


def dsn(user: str, password: str, port: int) -> str:
    """A libpq URL of the local Postgres."""
    return f"postgresql://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{port}/{DATABASE}"
