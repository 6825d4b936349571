"""What `landfall backup` and `landfall restore` refuse, and which of Postgres' programs they run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.backups import back_up, restore
from database.client_programs import client_program
from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from tests.conftest import Connection, MakeDatabase
from tests.pooler import pooled


@pytest.fixture
def install(tmp_path: Path) -> Callable[[int], Path]:
    """install(release): a folder with a pg_dump that says to be of this release."""

    def make(release: int) -> Path:
        folder = tmp_path / str(release)
        folder.mkdir()
        program = folder / "pg_dump"
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {release}.4 (Debian)'\n", encoding="utf-8")
        program.chmod(0o755)
        return folder

    return make


def test_the_program_is_of_the_servers_release_or_the_next(
    install: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path, old, new = install(15), install(16), install(18)
    monkeypatch.setenv("PATH", f"{on_path}:/bin/there-is-none")
    assert client_program("pg_dump", 150_008, [new, old]) == on_path / "pg_dump"
    assert client_program("pg_dump", 160_008, [new, old]) == old / "pg_dump"
    assert client_program("pg_dump", 170_001, [new, old]) == new / "pg_dump"
    with pytest.raises(UserError, match="server is Postgres 19, and pg_dump is here of release 15, 16, 18: install"):
        client_program("pg_dump", 190_000, [new, old])
    with pytest.raises(UserError, match="there is no pg_restore here"):
        client_program("pg_restore", 180_000, [new])


def test_a_backup_is_written_over_nothing(database: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text("precious", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.dump is there already"):
        back_up(database, tmp_path / "a.dump")
    with pytest.raises(UserError, match="is no folder that can be written to"):
        back_up(database, tmp_path / "missing" / "a.dump")
    assert [path.name for path in tmp_path.iterdir()] == ["a.dump"]


@pytest.mark.parametrize(
    "statement",
    ["update landing.streams set last_load_id = 1", "create schema shop create table orders (id integer)"],
)
def test_a_database_with_anything_in_it_is_refused(database: Settings, tmp_path: Path, statement: str) -> None:
    back_up(database, tmp_path / "a.dump")
    with connect(database.as_admin, autocommit=True) as admin:
        admin.execute(statement.encode())
    with pytest.raises(UserError, match=r"is not empty \(schema .*Nothing was changed"):
        restore(database, tmp_path / "a.dump", None)


def test_a_pooler_is_refused(database: Settings, tmp_path: Path) -> None:
    with pooled(database) as (behind, _):
        for attempt in (lambda: back_up(behind, tmp_path / "a"), lambda: restore(behind, tmp_path, None)):
            with pytest.raises(UserError, match=r"is a pooler, .* let LANDFALL_ADMIN_DSN lead to Postgres itself"):
                attempt()


def test_nothing_is_restored_beside_others(database: Settings, landing: Connection, tmp_path: Path) -> None:
    back_up(database, tmp_path / "a.dump")
    landing.execute("set application_name = 'landfall land'")
    with pytest.raises(UserError, match=r"Others are in .* \(landfall land\): stop them first"):
        restore(database, tmp_path / "a.dump", None)


def test_what_is_no_backup_changes_nothing(database: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text("no dump", encoding="utf-8")
    with pytest.raises(UserError, match=r"pg_restore failed: pg_restore: error: .*valid archive"):
        restore(database, tmp_path / "a.dump", None)
    with connect(database.as_admin, autocommit=True) as admin:
        assert admin.execute("select count(*) from landing.streams").fetchone() == (3,)


def test_several_tables_at_once_go_into_a_database_that_was_only_prepared(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    database, prepared = make_database(models=True), make_database(models=True)
    with connect(database.as_admin, autocommit=True) as admin:
        admin.execute("update landing.streams set last_load_id = 7")
    back_up(database, tmp_path / "backup", jobs=2)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "backup").iterdir()} == {0o600}
    done = restore(prepared, tmp_path / "backup", None, jobs=2)
    assert (done.landed_until, done.erased) == (None, {})
    with connect(prepared.as_admin, autocommit=True) as admin:
        assert admin.execute("select min(last_load_id) from landing.streams").fetchone() == (7,)
