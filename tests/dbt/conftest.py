"""Loads written as the landing writes them, dbt inside this process, and the tables that come out."""

import copy
import datetime as dt
import functools
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from psycopg import sql

from database.connect import connect
from enrichment.enricher import Enricher
from enrichment.rules import Rules, all_rules
from landfall.settings import Settings
from landing_stream.ledger import Load, Writer, draw_load, finish_load, start_writer
from landing_stream.tables import ensure_day_partitions
from tests.conftest import Connection, MakeDatabase
from tests.dbt.events import Event
from warehouse.dbt_arguments import pass_arguments
from warehouse.dbt_session import DbtSession
from warehouse.scripts import Scripts

TOPIC = uuid.UUID(int=1)
POSITION = ("load_id", "topic_id", "kafka_partition", "kafka_offset")
# What depends on when and where a record landed, and not on what it says.
LANDING_COLUMNS = (
    *(*POSITION, "landed_at", "kafka_timestamp", "updated_at"),
    *("newest_load_id", "newest_kafka_timestamp", "changed_load_id"),
)
LANDING_RELATIONS = [
    *("int_web_requests__newest", "int_web_requests__watermark"),
    *(f"int_{stream}__accounts" for stream in ("job_tracking", "product_views", "web_logs")),
]


@functools.cache
def _rules() -> list[Rules]:
    """Made once a process: reading them takes longer than most that they are asked."""
    return all_rules(Settings.load({}))


_sessions: dict[str | None, DbtSession] = {}


def _session_for_scripts(settings: Settings) -> DbtSession:
    """A session whose tables scripts refresh. What they ask of its manifest is the same for each database, and reading
    it takes longer than a pass: it is read once a process and zone."""
    zone = settings.reporting_timezone
    if zone not in _sessions:
        _sessions[zone] = DbtSession(settings)
    session = copy.copy(_sessions[zone])
    session.settings = settings
    return session


class Warehouse:
    """A database of its own with the models' relations, the landing's hand and dbt's."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.landing: Connection = connect(settings.as_writer, autocommit=True)
        self.reader: Connection = connect(settings.as_transformer, autocommit=True)
        self.enricher = Enricher(settings, rules=_rules())
        self._scripts = Scripts(_session_for_scripts(settings))
        self._writers: dict[str, Writer] = {}
        self._offsets: dict[str, int] = {}

    @functools.cached_property
    def dbt(self) -> DbtSession:
        """dbt, for this database."""
        return DbtSession(self.settings)

    def land(self, stream: str, events: Sequence[Event], *, finish: bool = True) -> Load:
        """One load with these events, in their order; left open with finish=False."""
        if stream not in self._writers:
            self._writers[stream] = start_writer(self.landing, stream, "stream")
        load = draw_load(self.landing, self._writers[stream])
        ensure_day_partitions(self.landing, stream, load.landed_at.astimezone(dt.UTC).date())
        fields = sorted({name for event in events for name in event})
        columns = sql.SQL(", ").join(map(sql.Identifier, (*POSITION, "kafka_timestamp", "landed_at", *fields)))
        statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier("landing", stream), columns)
        offset = self._offsets.get(stream, 0)
        with self.landing.cursor().copy(statement) as copy:
            for number, event in enumerate(events):
                place = (load.load_id, TOPIC, (offset + number) % 3, offset + number, load.landed_at, load.landed_at)
                copy.write_row((*place, *(event.get(name) for name in fields)))
        self._offsets[stream] = offset + len(events)
        if finish:
            self.finish(stream, load)
        return load

    def finish(self, stream: str, load: Load) -> None:
        """Let readers see the load: it has landed and is enriched."""
        finish_load(self.landing, self._writers[stream], load)
        self.enricher.run_once()

    def run(self, *arguments: str) -> None:
        """dbt with these arguments, which must go well.

        Default: a pass over the tables of the streams with loads, as `landfall refresh --watch` does it, by the scripts
        that dbt stored, in a fraction of dbt's time. test_scripts.py shows that both give the same.
        """
        outcome = None if arguments else self._scripts.run(self._scripts.plan(self._writers, hot=True, cold=True))
        outcome = outcome or self.dbt.run(arguments or pass_arguments(self._writers))
        assert outcome.ok, (outcome.trouble, outcome.failed)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.reader.execute(query, values or None).fetchall()

    def one(self, query: str) -> Any:
        """The single value of a query."""
        (row,) = self.rows(query)
        return row[0]

    def position(self, relation: str) -> int:
        """Up to which load everything is in the relation."""
        return int(self.one(f"select coalesce(max(position), 0) from ops.model_progress where relation = '{relation}'"))

    def tables(self, *, with_positions: bool = True) -> dict[str, list[tuple[Any, ...]]]:
        """Every table and view of intermediate and marts but partitions and how the system does; its rows sorted."""
        names = self.rows(
            "select table_schema, table_name, array_agg(column_name::text order by ordinal_position)"
            " from information_schema.columns where table_schema in ('intermediate', 'marts')"
            " and (%s or table_name <> all(%s)) and table_name not like 'trust%%'"
            " and not (select c.relispartition from pg_class as c"
            " where c.oid = format('%%I.%%I', table_schema, table_name)::regclass)"
            " group by 1, 2",
            with_positions,
            LANDING_RELATIONS,
        )
        found = {}
        for schema, name, columns in names:
            kept = [column for column in columns if with_positions or column not in LANDING_COLUMNS]
            query = sql.SQL("select {} from {} as t order by t::text").format(
                sql.SQL(", ").join(map(sql.Identifier, kept)), sql.Identifier(schema, name)
            )
            found[f"{schema}.{name}"] = sorted(self.reader.execute(query).fetchall(), key=repr)
        return found

    def close(self) -> None:
        self.landing.close()
        self.reader.close()
        self.enricher.close()
        self._scripts.close()


@pytest.fixture
def make_warehouse(make_database: MakeDatabase) -> Iterator[Callable[..., Warehouse]]:
    """A maker of warehouses whose relations are there and empty. `name`: of the database, see MakeDatabase."""
    made: list[Warehouse] = []

    def make(name: str = "") -> Warehouse:
        made.append(Warehouse(make_database(models=True, name=name)))
        return made[-1]

    yield make
    for warehouse in made:
        warehouse.close()


@pytest.fixture
def warehouse(make_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """One warehouse."""
    return make_warehouse()


@pytest.fixture
def start_command(environ_of: Callable[[Settings], dict[str, str]]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """start_command(settings, "refresh", …): a `landfall` process of its own, killed at the end if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
        code = "from cli.main import main; main()"
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                env=environ_of(settings),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 180) -> None:
    """Look again and again until the condition holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


def waiting_for_a_lock(warehouse: Warehouse) -> int:
    """How many connections to the database wait for a lock."""
    return int(
        warehouse.one(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
    )
