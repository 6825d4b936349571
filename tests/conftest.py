"""One real Postgres and one real Kafka for the whole run; each test that writes gets its own database and topics."""

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from psycopg import sql

from cli.environment import shell_variables
from cli.prepare import prepare, up
from database.connect import connect
from database.migrate import migrate
from landfall.settings import Settings
from landfall.stop_signals import interrupt_when_told
from landing_stream.contract import load_contracts
from landing_stream.topics import Topics
from local_stack.stack import down

Connection = psycopg.Connection[tuple[Any, ...]]

LONG_FIRST = ("dbt", "e2e", "dashboards", "landing", "orchestration")
"""Folders whose files take minutes; those of `unit` take seconds."""


class MakeDatabase(Protocol):
    """Makes a migrated database with landing tables, dropped after the test; `models`: with dbt's empty relations.

    `name`: of the database, for a test that needs the same as the one before; else one that no other has.
    """

    def __call__(self, *, models: bool = False, name: str = "") -> Settings: ...


def pytest_configure(config: pytest.Config) -> None:
    """Servers that the caller's shell names are not the tests' to write to; a terminated run stops its servers."""
    for name in [*os.environ]:
        if name.startswith(("LANDFALL_", "PG", "DBT_", "DAGSTER_HOME")) and name != "LANDFALL_BUILD":
            del os.environ[name]
    # Set in many images: each of the hundreds of processes would compile the project anew, for 0.6 s of a core.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    interrupt_when_told()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes begin first and those of seconds last, so that two workers end together.

    xdist would order files by their number of tests, and the longest have one or two (--no-loadscope-reorder).
    """

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST) + (folder == "unit")

    items.sort(key=place)


@pytest.fixture(scope="session")
def stack() -> Iterator[Path]:
    """State folder of a running Postgres and Kafka, stopped at the end of the run.

    Not beneath pytest's own folder: a second pytest of the same user closes that one to the user that Postgres runs as.
    """
    with tempfile.TemporaryDirectory(prefix="landfall-tests-") as folder:
        home = Path(folder) / "home"
        try:
            up(home, models=False)
            yield home
        finally:
            down(home)


@pytest.fixture(scope="session")
def settings(stack: Path) -> Settings:
    """Settings of the session's stack and its shared database: to read, and to derive others from."""
    return Settings.of_home(stack)


@pytest.fixture(scope="session")
def templates(settings: Settings) -> Callable[[bool], str]:
    """Name of a database to copy, made at the first request: copying takes a tenth of making."""
    made: dict[bool, str] = {}

    def template(models: bool) -> str:
        if models not in made:
            name = "template_models" if models else "template_landing"
            create(settings, name)
            prepare(at_database(settings, name), topics=False, models=models)
            made[models] = name
        return made[models]

    return template


@pytest.fixture
def make_database(settings: Settings, templates: Callable[[bool], str]) -> Iterator[MakeDatabase]:
    """A maker of databases, so that no test sees another's rows."""
    names: list[str] = []

    def make(*, models: bool = False, name: str = "") -> Settings:
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        create(settings, name, template=templates(models))
        names.append(name)
        fresh = at_database(settings, name)
        # The copy brings no rights on the database itself.
        migrate(fresh)
        return fresh

    yield make
    with connect(settings.as_admin, autocommit=True) as admin:
        for name in names:
            drop(admin, name)


@pytest.fixture
def database(make_database: MakeDatabase) -> Settings:
    """Settings of a fresh database with landing tables and no models."""
    return make_database()


@pytest.fixture
def admin(database: Settings) -> Iterator[Connection]:
    """The owner of the fresh database; every statement commits."""
    with connect(database.as_admin, autocommit=True) as connection:
        yield connection


@pytest.fixture
def landing(database: Settings) -> Iterator[Connection]:
    """Role landing_writer in the fresh database; every statement commits."""
    with connect(database.as_writer, autocommit=True) as connection:
        yield connection


@pytest.fixture
def transformer(database: Settings) -> Iterator[Connection]:
    """Role transformer in the fresh database; every statement commits."""
    with connect(database.as_transformer, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def kafka_admin(settings: Settings) -> AdminClient:
    """Admin client of the session's broker."""
    return AdminClient(settings.kafka.client_config())


@pytest.fixture
def make_topic(kafka_admin: AdminClient) -> Iterator[Callable[..., str]]:
    """A maker of topics with names of their own, deleted after the test: make_topic(partitions=6) -> name."""
    names: list[str] = []

    def make(partitions: int = 6) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        kafka_admin.create_topics([NewTopic(name, num_partitions=partitions)])[name].result(timeout=30)
        names.append(name)
        return name

    yield make
    if names:
        for future in kafka_admin.delete_topics(names).values():
            future.exception(timeout=30)  # a test may have deleted its topic itself


@pytest.fixture(scope="session")
def environ_of() -> Callable[[Settings], dict[str, str]]:
    """environ_of(settings): the environment in which `landfall`, dbt and dagster reach those very servers."""
    return lambda settings: {**os.environ, **shell_variables(settings), "LANDFALL_ADMIN_DSN": settings.as_admin.dsn}


def land_nothing_older(settings: Settings) -> None:
    """What other tests left in the topics of the three streams counts as landed in this database."""
    topics = Topics(settings.kafka.client_config())
    with connect(settings.as_writer, autocommit=True) as writer:
        for contract in load_contracts().values():
            topic_id, partitions = topics.describe(contract.topic)
            for partition, end in topics.latest(contract.topic, partitions).items():
                writer.execute(
                    "insert into landing.offsets (stream, topic_id, kafka_partition, first_offset, next_offset)"
                    " values (%s, %s, %s, %s, %s)",
                    (contract.stream, topic_id, partition, end, end),
                )


def create(settings: Settings, name: str, template: str = "template0") -> None:
    """Make a database that only its owner may enter."""
    with connect(settings.as_admin, autocommit=True) as admin:
        statement = sql.SQL("create database {} template {}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def drop(admin: Connection, name: str) -> None:
    """Drop a database with whoever is in it, as soon as autovacuum has left: only a superuser may end that."""
    for attempt in range(50):
        try:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            return
        except psycopg.errors.InsufficientPrivilege:
            if attempt == 49:
                raise
            time.sleep(0.2)


def at_database(settings: Settings, name: str) -> Settings:
    """The same logins at another database of the same server."""
    return settings.with_dsns(
        **{role: urlsplit(dsn)._replace(path=f"/{name}").geturl() for role, dsn in settings.dsns.items()}
    )
