"""A server's defaults and a process' surroundings change no table: sessions and commands bring what they rely on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import sql

from database.connect import connect
from database.locks import DBT, connection_for_a_lock, held, try_to_take
from database.migrate import migrate
from database.roles import session_defaults
from database.session_settings import session_settings
from landfall.layout import venv_bin
from landfall.login import TRANSFORMER, WRITER
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.files import find_files
from landing_stream.ingest import ingest
from tests.conftest import Connection, land_nothing_older
from tests.dbt.conftest import Warehouse
from tests.dbt.events import Event, job_events, shop_events, web_requests
from tests.pooler import pooled
from warehouse.refresh import refresh

HOSTILE = {
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "search_path": "",
    "client_encoding": "SQL_ASCII",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "400ms",
    "transaction_timeout": "400ms",
    "idle_session_timeout": "400ms",
    "lock_timeout": "1ms",
    "exit_on_error": "on",
}
STREAMS: dict[str, Callable[[int, int], list[Event]]] = {
    "product_views": shop_events,
    "web_logs": web_requests,
    "job_tracking": job_events,
}
SURROUNDINGS = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "TZ": "America/Havana"}
"""A process as cron starts it, on a machine of another zone."""


def make_hostile(settings: Settings) -> None:
    """What a database's administrator can set for every session in it."""
    with connect(settings.as_admin, autocommit=True) as admin:
        for name, value in HOSTILE.items():
            admin.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    sql.Identifier(admin.info.dbname), sql.Identifier(name), sql.Literal(value)
                )
            )


def run(environ: dict[str, str], folder: Path, *arguments: str, code: int = 0) -> str:
    """A `landfall` command in those surroundings."""
    done = subprocess.run(
        [venv_bin() / "landfall", *arguments],
        env={**environ, **SURROUNDINGS},
        cwd=folder,
        umask=0o077,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, (arguments, done.stdout, done.stderr)
    assert b"Traceback" not in done.stderr
    return done.stdout.decode("utf-8")


def write(folder: Path, seed: int) -> dict[str, Path]:
    """A file of each stream."""
    files = {stream: folder / f"Größe {stream}.jsonl" for stream in STREAMS}
    for stream, path in files.items():
        path.write_text("".join(json.dumps(event) + "\n" for event in STREAMS[stream](60, seed)), encoding="utf-8")
    return files


@pytest.mark.parametrize("login", ["as_transformer", "as_writer", "as_admin"])
def test_a_session_is_the_same_whatever_the_defaults(database: Settings, login: str) -> None:
    make_hostile(database)
    with connect(getattr(database, login)) as connection:
        wanted = session_settings(connection.info.server_version)
        rows = connection.execute(
            "select lower(name), setting from pg_settings where lower(name) = any(%s)", ([*wanted],)
        )
        assert dict(rows.fetchall()) == wanted


def test_logins_that_write_have_them_as_their_own_defaults_for_dbt_and_psql(
    database: Settings, admin: Connection
) -> None:
    wanted = session_settings(admin.info.server_version)
    assert {user: session_defaults(admin, user) for user in (WRITER, TRANSFORMER)} == {
        WRITER: wanted,
        TRANSFORMER: wanted,
    }
    assert session_defaults(admin, "bi_reader") == {}, "who reads keeps a zone and limits of his own"


def test_hostile_defaults_and_a_pooler_change_no_table(
    make_warehouse: Callable[[], Warehouse], environ_of: Callable[[Settings], dict[str, str]], tmp_path: Path
) -> None:
    plain, hostile = make_warehouse(), make_warehouse()
    land_nothing_older(hostile.settings)
    make_hostile(hostile.settings)
    land_and_compare(plain, hostile, environ_of(hostile.settings), tmp_path / "direct", seed=7)
    with pooled(hostile.settings) as (settings, pooler):
        land_and_compare(plain, hostile, environ_of(settings), tmp_path / "pooled", seed=8)
        assert pooler.changes > 50, "transactions of one session were those of several server processes"
        with held(settings, DBT, "test"), connection_for_a_lock(settings, "test") as other:
            assert not try_to_take(other, DBT)
    # the administrator's own login has no defaults of ours: behind a pooler a read-only database would refuse it
    assert migrate(hostile.settings) == []


def land_and_compare(plain: Warehouse, hostile: Warehouse, environ: dict[str, str], folder: Path, seed: int) -> None:
    """The same files by commands in hostile surroundings, and here: the same tables."""
    folder.mkdir()
    for stream, path in write(folder, seed).items():
        assert "60 landed and 0 quarantined" in run(environ, folder, "ingest", stream, path.name)
        contract = load_contracts()[stream]
        assert ingest(plain.settings, contract, find_files(plain.settings, [str(path)])[0]) == []
    assert "refreshed in" in run(environ, folder, "refresh")
    assert refresh(plain.settings).ok
    assert hostile.tables(with_positions=False) == plain.tables(with_positions=False)

    found = json.loads(run(environ, folder, "status", "--json"))
    landed = plain.one("select sum(landed) from landing.slices where stream = 'web_logs'")
    assert {stream["landed"] for stream in found["streams"]} == {landed}
    assert "kpi_products_daily" in run(environ, folder, "export", "marts", "--table", "kpi_products_daily")
    assert (folder / "marts" / "kpi_products_daily").is_dir()
