"""Numbered migrations: in order, once, whole or not at all, never edited."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from landfall.errors import UserError
from landfall.settings import Settings
from tests.conftest import Connection
from warehouse.migrate import MIGRATIONS, migrate, read_migrations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The release's own migrations and one more."""
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "9001_more.sql").write_text("set local role transformer; create table ops.more (a int);")
    return tmp_path


def test_a_second_run_finds_nothing_to_do(database: Settings) -> None:
    assert migrate(database) == []


def test_an_upgrade_applies_what_is_new_and_only_that(database: Settings, folder: Path, admin: Connection) -> None:
    assert migrate(database, folder) == ["9001_more"]
    assert migrate(database, folder) == []
    owner = admin.execute("select tableowner from pg_tables where tablename = 'more'").fetchone()
    assert owner == ("transformer",)


def test_two_upgrades_at_once_apply_each_migration_once(database: Settings, folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(lambda _: migrate(database, folder), range(2)))
    assert sorted(applied) == [[], ["9001_more"]]


def test_an_edited_migration_is_refused(database: Settings, folder: Path) -> None:
    migrate(database, folder)
    (folder / "9001_more.sql").write_text("create table ops.other (a int);")
    with pytest.raises(UserError, match=r"9001_more.sql was edited after it was applied"):
        migrate(database, folder)


def test_other_line_ends_are_no_edit(database: Settings, folder: Path) -> None:
    path = folder / "9001_more.sql"
    path.write_bytes(b"select 1;\nselect 2;\n")
    migrate(database, folder)
    path.write_bytes(b"select 1;\r\nselect 2;\r\n")
    assert migrate(database, folder) == []


def test_a_database_of_a_newer_release_is_refused(database: Settings, folder: Path) -> None:
    migrate(database, folder)
    with pytest.raises(UserError, match="9001_more, which this release does not know"):
        migrate(database)


def test_a_failing_migration_leaves_nothing_behind(database: Settings, folder: Path, admin: Connection) -> None:
    (folder / "9001_more.sql").write_text("create table ops.half (a int); select 1 / 0;")
    with pytest.raises(UserError, match=r"9001_more.sql failed, nothing of it was kept: division by zero"):
        migrate(database, folder)
    assert admin.execute("select to_regclass('ops.half')").fetchone() == (None,)


def test_names_and_numbers_are_checked(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("")
    (tmp_path / "0001_other.sql").write_text("")
    with pytest.raises(UserError, match=r"has the number of 0001_one.sql"):
        read_migrations(tmp_path)
    (tmp_path / "0001_other.sql").rename(tmp_path / "notes.sql")
    with pytest.raises(UserError, match=r"named like 0007_what_it_does\.sql"):
        read_migrations(tmp_path)
