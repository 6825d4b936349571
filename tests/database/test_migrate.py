"""Numbered migrations: in order, once, whole or not at all, never edited."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from database.migrate import MIGRATIONS, migrate, read_migrations
from landfall.errors import UserError
from landfall.settings import Settings
from tests.conftest import Connection


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


def test_the_table_of_ad_events_goes_beneath_the_marts_with_its_rows_and_its_progress(
    database: Settings, admin: Connection
) -> None:
    # A database of the release before.
    admin.execute(
        """
        delete from ops.migrations where number = 18;
        drop table ops.backfills;
        set role transformer;
        create table marts.fct_job_events (
            event_key uuid primary key, job_id bigint, publisher_id bigint, campaign_id bigint, group_id bigint,
            custom_track text, utm_source text, utm_medium text, utm_campaign text, bid numeric, event_at timestamptz,
            kafka_timestamp timestamptz, landed_at timestamptz, is_from_future boolean, bad_casts text, load_id bigint,
            topic_id uuid, kafka_partition integer, kafka_offset bigint, changed_load_id bigint
        );
        create index of_before on marts.fct_job_events (changed_load_id);
        insert into marts.fct_job_events (event_key, job_id) values ('5af328a0-0d60-11ed-90e9-7cd44fe229db', 188);
        insert into ops.model_progress (relation, source, position) values ('marts.fct_job_events', 'job_tracking', 7);
        insert into ops.model_definition (relation, definition_md5) values ('marts.fct_job_events', 'of before');
        create table intermediate.int_product_events (event_key uuid primary key);
        reset role
        """
    )
    assert migrate(database) == ["0018_facts_keep_more"]
    rows = admin.execute("select t.job_id, v.job_id from intermediate.int_job_events as t, marts.fct_job_events as v")
    assert rows.fetchall() == [(188, 188)]
    progress = admin.execute("select relation, position from ops.model_progress").fetchall()
    assert progress == [("intermediate.int_job_events", 7)]
    assert admin.execute("select to_regclass('intermediate.of_before')").fetchone() == (None,)
    (allowed,) = admin.execute(
        "select array[has_table_privilege('bi_reader', 'intermediate.int_job_events', 'select'),"
        " has_table_privilege('bi_reader', 'marts.fct_job_events', 'select')]"
    ).fetchone() or ([],)
    assert allowed == [False, True]
    asked = admin.execute("select relation, column_names from ops.backfills").fetchall()
    assert asked == [("intermediate.int_product_events", ["cart_products", "bad_casts"])]
