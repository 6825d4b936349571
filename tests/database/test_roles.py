"""Least privilege: each role may do its own work and nothing else."""

from typing import Any

import psycopg
import pytest
from psycopg import errors

from database.connect import connect
from database.migrate import migrate
from database.roles import READER_SETTINGS
from landfall.settings import Settings
from tests.conftest import Connection


@pytest.fixture
def reader(database: Settings) -> Any:
    """Role bi_reader in the fresh database."""
    with psycopg.connect(database.as_reader.dsn, autocommit=True) as connection:
        yield connection


def test_no_role_is_a_superuser(admin: Connection) -> None:
    rows = admin.execute("select rolname from pg_roles where rolsuper and rolcanlogin").fetchall()
    assert rows == [("bootstrap",)]
    assert admin.info.user == "landfall_admin"


def test_the_superuser_of_initdb_cannot_log_in(database: Settings) -> None:
    with pytest.raises(psycopg.OperationalError, match="reject"):
        psycopg.connect(database.as_admin.dsn, user="bootstrap")


def test_a_wrong_password_is_refused(database: Settings) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.as_admin.dsn, password="wrong")


def test_the_transformer_reads_landing_and_cannot_write_it(landing: Connection, transformer: Connection) -> None:
    landing.execute("create table landing.made_later (a int)")
    assert transformer.execute("select count(*) from landing.loads").fetchone() == (0,)
    assert transformer.execute("select count(*) from landing.made_later").fetchone() == (0,)
    for statement in ("delete from landing.loads", "create table landing.mine (a int)", "drop table landing.loads"):
        with pytest.raises(errors.InsufficientPrivilege):
            transformer.execute(statement)


def test_the_landing_writer_cannot_read_marts_or_write_elsewhere(landing: Connection, transformer: Connection) -> None:
    transformer.execute("create table marts.kpi as select 1 as a")
    for statement in ("select * from marts.kpi", "create table ops.mine (a int)", "create schema mine"):
        with pytest.raises(errors.InsufficientPrivilege):
            landing.execute(statement)


def test_a_reader_of_marts_reads_only_marts(reader: Connection, transformer: Connection) -> None:
    transformer.execute("create table marts.kpi as select 1 as a")
    transformer.execute("create view marts.kpi_view as select * from marts.kpi")
    assert reader.execute("select a from marts.kpi_view").fetchone() == (1,)
    for statement in ("select * from landing.loads", "select * from ops.migrations"):
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute(statement)
    with pytest.raises(psycopg.Error):
        reader.execute("insert into marts.kpi values (2)")


def test_a_reader_of_marts_can_hold_nothing_that_others_wait_for(reader: Connection) -> None:
    reader.execute("set default_transaction_read_only = off")
    for statement in (
        "lock table ops.turn_of_dbt in access share mode",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock_shared(1, 2)",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
    ):
        with pytest.raises(errors.InsufficientPrivilege), reader.transaction():
            reader.execute(statement.encode())


def test_what_a_reader_of_marts_leaves_open_ends(reader: Connection) -> None:
    for name, value in READER_SETTINGS.items():
        assert reader.execute("select current_setting(%s)", (name,)).fetchone() == (value,)


def test_a_developer_gets_schemas_of_its_own(transformer: Connection) -> None:
    transformer.execute("create schema dev_me_marts")
    transformer.execute("create table dev_me_marts.kpi as select 1 as a")


def test_logins_of_another_name_act_as_the_roles(database: Settings) -> None:
    """On servers of one's own the logins have the names that their DSNs say; those missing are made."""

    def renamed(dsn: str, user: str) -> str:
        return psycopg.conninfo.make_conninfo(dsn, user=user, password="s3cret")

    own = database.with_dsns(
        landing_writer=renamed(database.as_writer.dsn, "app_land"),
        transformer=renamed(database.as_transformer.dsn, "app_dbt"),
        bi_reader=renamed(database.as_reader.dsn, "app_bi"),
    )
    migrate(own)
    with connect(own.as_writer) as connection:
        connection.execute("create table landing.theirs (a int)")
    with connect(own.as_transformer) as connection:
        owner = connection.execute("select tableowner from pg_tables where tablename = 'theirs'").fetchone()
        connection.execute("create table marts.theirs (a int)")
    assert owner == ("landing_writer",)
    with psycopg.connect(own.as_reader.dsn) as connection:
        connection.execute("select * from marts.theirs")
        assert connection.execute("show idle_in_transaction_session_timeout").fetchone() == ("1min",)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select * from landing.theirs")
