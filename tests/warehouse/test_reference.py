"""Master data: from CSV files or a database, whole or not at all, as often as one likes."""

import csv
from pathlib import Path

import pytest
import sqlalchemy

from landfall.errors import UserError
from landfall.settings import Settings
from tests.conftest import Connection
from warehouse.reference import ENTITIES, load_reference
from warehouse.reference_sources import read_database

ROWS: dict[str, list[dict[str, str]]] = {
    "job": [
        {"id": "2", "title": "PHP Developer", "company_id": "1", "campaign_id": "1", "budget": ""},
        {"id": "3.0", "title": "Köche, gesucht", "company_id": "", "campaign_id": "1", "budget": "50"},
    ],
    "campaign": [{"id": "1", "campaign_name": "Campaign 121", "budget_total": "1002930129", "company_id": "1"}],
    "company": [{"id": "1", "name": "One"}],
    "group": [{"id": "1", "name": "Design"}],
    "master_publisher": [{"id": "1", "publisher_name": "Paper"}],
    "master_major_category": [{"id": "1", "name": "Finance"}],
    "master_minor_category": [{"id": "1", "name": "Trader", "major_id": "1"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one small file of each kind."""
    for name, rows in ROWS.items():
        write(tmp_path, name, rows)
    return tmp_path


def write(folder: Path, name: str, rows: list[dict[str, str]], header: list[str] | None = None) -> None:
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_columns_are_kept_as_sent_blanks_are_null_and_ids_are_whole(
    database: Settings, transformer: Connection, folder: Path
) -> None:
    load_reference(database, str(folder))
    jobs = transformer.execute("select id, title, company_id, budget from reference.job order by id").fetchall()
    assert jobs == [(2, "PHP Developer", "1", None), (3, "Köche, gesucht", None, "50")]


def test_loading_the_same_again_changes_nothing(database: Settings, transformer: Connection, folder: Path) -> None:
    load_reference(database, str(folder))
    before = transformer.execute("select * from reference.job order by id").fetchall()
    again = load_reference(database, str(folder))
    assert [(table.changed, table.removed) for table in again] == [(0, 0)] * len(ENTITIES)
    assert transformer.execute("select * from reference.job order by id").fetchall() == before


def test_a_changed_row_is_updated_and_one_that_is_gone_stays_until_it_comes_back(
    database: Settings, transformer: Connection, folder: Path
) -> None:
    load_reference(database, str(folder))
    write(folder, "job", [{**ROWS["job"][0], "title": "Go Developer"}])
    job = next(table for table in load_reference(database, str(folder)) if table.table == "job")
    assert (job.rows, job.changed, job.removed) == (1, 1, 1)
    look = "select id, title, removed_at is null from reference.job order by id"
    assert transformer.execute(look).fetchall() == [(2, "Go Developer", True), (3, "Köche, gesucht", False)]
    write(folder, "job", ROWS["job"])
    load_reference(database, str(folder))
    assert transformer.execute(look).fetchall() == [(2, "PHP Developer", True), (3, "Köche, gesucht", True)]


def test_columns_that_are_not_known_are_kept_in_extra(
    database: Settings, transformer: Connection, folder: Path
) -> None:
    write(folder, "company", [{"id": "1", "name": "One", "colour": "red", "motto": ""}])
    load_reference(database, str(folder))
    row = transformer.execute("select name, extra from reference.company").fetchone()
    assert row == ("One", {"colour": "red", "motto": None})


def test_a_database_gives_the_same_as_its_files(
    database: Settings, transformer: Connection, folder: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'source.db'}"
    engine = sqlalchemy.create_engine(url)
    for name, rows in ROWS.items():
        kinds = {
            column: sqlalchemy.Integer if column in ("id", "company_id") else sqlalchemy.Text for column in rows[0]
        }
        metadata = sqlalchemy.MetaData()
        table = sqlalchemy.Table(name, metadata, *(sqlalchemy.Column(column, kind) for column, kind in kinds.items()))
        metadata.create_all(engine)
        values = [
            {column: int(float(value)) if value and kinds[column] is sqlalchemy.Integer else value or None
             for column, value in row.items()}
            for row in rows
        ]  # fmt: skip
        with engine.begin() as connection:
            connection.execute(table.insert(), values)
    engine.dispose()
    load_reference(database, url)
    again = load_reference(database, str(folder))
    assert [(table.rows, table.changed) for table in again] == [(len(rows), 0) for rows in ROWS.values()]
    assert transformer.execute("select count(*) from reference.job").fetchone() == (2,)


def test_a_postgres_source_is_read_alike_whatever_its_defaults(database: Settings, admin: Connection) -> None:
    admin.execute("create table public.job (id bigint, name text, price float8, raw bytea, changed_at timestamptz)")
    admin.execute("insert into job values (7, 'Koch', 0.1::float8 + 0.2, '\\x00ff', '2026-03-28 10:00+00')")
    hostile = {"datestyle": "SQL, DMY", "timezone": "Asia/Kathmandu", "extra_float_digits": "-15"}
    hostile |= {"bytea_output": "escape", "client_encoding": "LATIN1"}
    for name, value in hostile.items():
        admin.execute(f"alter database {admin.info.dbname} set {name} = '{value}'".encode())
    (record,) = read_database(database.as_admin.dsn, ["job"])["job"]
    assert record.values == {
        **{"id": "7", "name": "Koch", "price": "0.30000000000000004", "raw": "00ff"},
        "changed_at": "2026-03-28 10:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("job", [{"id": "1", "title": "x"}], "job.csv:2: column company_id is missing"),
        ("job", [{"title": "x", "company_id": "1"}], "job.csv:2: column id is missing"),
        ("company", [{"id": "one", "name": "x"}], "company.csv:2: id is 'one'"),
        ("company", [{"id": "1.5", "name": "x"}], "company.csv:2: id is '1.5'"),
        ("company", [{"id": "--5", "name": "x"}], "company.csv:2: id is '--5'"),
        ("company", [{"id": "9223372036854775808", "name": "x"}], "company.csv:2: id is '9223372036854775808'"),
        ("company", [{"id": "9" * 5_000, "name": "x"}], f"company.csv:2: id is '{'9' * 100}'; write an integer."),
        ("company", [{"id": "1", "name": "x"}, {"id": "1.0", "name": "y"}], "company.csv:3: id 1 stands in"),
    ],
)
def test_a_mistake_in_a_file_is_named_and_nothing_is_loaded(
    database: Settings, transformer: Connection, folder: Path, name: str, rows: list[dict[str, str]], message: str
) -> None:
    write(folder, name, rows)
    with pytest.raises(UserError) as refusal:
        load_reference(database, str(folder))
    assert message in refusal.value.message
    assert transformer.execute("select count(*) from reference.campaign").fetchone() == (0,)


def test_a_missing_file_table_or_folder_is_named(database: Settings, folder: Path, tmp_path: Path) -> None:
    (folder / "group.csv").unlink()
    with pytest.raises(UserError, match=r"group\.csv is missing"):
        load_reference(database, str(folder))
    with pytest.raises(UserError, match="no such folder"):
        load_reference(database, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"table job, campaign, .* is missing"):
        load_reference(database, f"sqlite:///{tmp_path / 'empty.db'}")


def test_a_database_that_refuses_is_reported_without_its_password(database: Settings) -> None:
    with pytest.raises(UserError) as refusal:
        load_reference(database, "postgresql://ada:secret-word@127.0.0.1:1/nowhere")
    assert "127.0.0.1:1" in refusal.value.message
    assert "secret-word" not in refusal.value.message


def test_an_empty_file_does_not_mark_every_row_as_gone(database: Settings, folder: Path) -> None:
    load_reference(database, str(folder))
    write(folder, "company", [], header=["id", "name"])
    with pytest.raises(UserError, match="no rows, though reference"):
        load_reference(database, str(folder))
