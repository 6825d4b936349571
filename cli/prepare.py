"""Servers of this release: the local ones started, and theirs or one's own brought up to date."""

from pathlib import Path

from database.connect import connect
from database.migrate import migrate
from landfall.endpoints import Endpoints
from landfall.settings import Settings
from landfall.state import locked, open_state
from landing_stream.contract import load_contracts
from landing_stream.tables import ensure_tables
from local_stack.stack import start_servers
from local_stack.topics import create_topics
from warehouse.backfill import backfill
from warehouse.partitioning import partition_facts
from warehouse.refresh import create_relations


def up(home: Path, *, models: bool = True, brokers: int | None = None) -> Endpoints:
    """Start Postgres and Kafka in `home` unless they run, and bring topics, schemas, roles and relations up to date.

    `brokers`: of Kafka, where it is not there yet; several are a cluster with TLS, logins and access rules.

    With models=False the relations of dbt's models are left out (they take seconds). Idempotent; two at once follow
    one another. Raises UserError for a foreign or damaged folder, a missing set-up, or a server that does not start.
    """
    open_state(home)
    with locked(home):
        endpoints = start_servers(home, brokers)
        prepare(Settings.of_home(home), topics=True, models=models)
    return endpoints


def prepare(settings: Settings, *, topics: bool, models: bool) -> list[str]:
    """Bring the servers of `settings` to this release; returns what was done, in words.

    In order: roles, schemas and migrations; topics of the contracts; landing tables; empty relations of the models;
    facts of an earlier release in partitions; columns that facts gained, filled from landing.
    """
    contracts = list(load_contracts().values())
    done = [f"migration {name} applied" for name in migrate(settings)]
    if topics:
        made = create_topics(settings.kafka, [contract.topic for contract in contracts])
        done += [f"topic {name} made" for name in made]
    with connect(settings.as_writer, application_name="landfall migrate", autocommit=True) as landing:
        ensure_tables(landing, contracts)
    if models:
        create_relations(settings)
        done += partition_facts(settings)
        done += [str(filled) for filled in backfill(settings)]
    return done
