"""Where master data comes from: a folder of CSV files, or the tables of a database. Values as text, blanks as None."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from database.session_settings import NOTATION, set_statement
from landfall.errors import UserError
from landing_stream.csv_file import BadRow, BlankLine, CsvFile


@dataclass(frozen=True)
class Record:
    """One row of a source. `where`: file and line, or table and row, for messages."""

    where: str
    values: dict[str, str | None]


def read_folder(folder: Path, names: list[str]) -> dict[str, list[Record]]:
    """The records of `<name>.csv` for each name. Raises UserError for a missing or unreadable file."""
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder. Give one with {', '.join(f'{name}.csv' for name in names)}, or a database URL."
        )
    missing = [f"{name}.csv" for name in names if not (folder / f"{name}.csv").is_file()]
    if missing:
        raise UserError(f"{folder}: {', '.join(missing)} is missing.")
    return {name: _read_csv(folder / f"{name}.csv") for name in names}


def _read_csv(path: Path) -> list[Record]:
    records = []
    try:
        with path.open("rb") as file:
            for row in CsvFile(str(path), file, ("id",)).rows():
                if isinstance(row, BlankLine):
                    continue
                where = f"{path}:{row.line}"
                if isinstance(row, BadRow):
                    raise UserError(f"{where}: {row.detail}.")
                if (
                    column := next((name for name, cell in row.values.items() if cell and "\0" in cell), None)
                ) is not None:
                    raise UserError(f"{where}: a NUL character in column {column}, which Postgres cannot store.")
                records.append(Record(where, row.values))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error
    return records


def read_database(url: str, names: list[str]) -> dict[str, list[Record]]:
    """The rows of the table of each name. Raises UserError; a message never shows the password."""
    # Imported here for start-up time.
    import sqlalchemy
    from sqlalchemy import exc

    try:
        address = sqlalchemy.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        shown = address.render_as_string(hide_password=True)
    except exc.ArgumentError as error:
        raise UserError(
            "The database URL is not readable: write DIALECT://USER:PASSWORD@HOST:PORT/DATABASE."
        ) from error
    try:
        engine = sqlalchemy.create_engine(address, connect_args=connect_arguments(address.drivername))
    except (exc.NoSuchModuleError, ImportError) as error:
        raise UserError(
            f"{shown}: no driver for {address.drivername}: install one, then name it as DIALECT+DRIVER://… ({error})."
        ) from error
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(set_statement(NOTATION).as_string())
            present = set(sqlalchemy.inspect(connection).get_table_names())
            missing = [name for name in names if name not in present]
            if missing:
                raise UserError(f"{shown}: table {', '.join(missing)} is missing.")
            return {name: _read_table(connection, name) for name in names}
    except exc.DBAPIError as error:
        raise UserError(f"{shown}: {' '.join(str(error.orig).split())}.") from error
    finally:
        engine.dispose()


def connect_arguments(driver: str) -> dict[str, Any]:
    """What a driver is told: psycopg prepares nothing, which a pooler in front of the source may not allow."""
    return {"prepare_threshold": None} if driver == "postgresql+psycopg" else {}


def _read_table(connection: Any, name: str) -> list[Record]:
    # Imported here for start-up time.
    import sqlalchemy

    table = sqlalchemy.Table(name, sqlalchemy.MetaData(), autoload_with=connection)
    rows = connection.execute(sqlalchemy.select(table)).mappings()
    return [
        Record(f"table {name}, row {number}", {column: as_text(value) for column, value in row.items()})
        for number, row in enumerate(rows, start=1)
    ]


def as_text(value: Any) -> str | None:
    """A database's value as a CSV export would show it; bits and truth values as 1 and 0, blanks as None."""
    match value:
        case None | "":
            return None
        case bool():
            return str(int(value))
        case dt.datetime():
            return value.isoformat(sep=" ")
        case bytes() if len(value) == 1:
            return str(value[0])
        case bytes():
            return value.hex()
        case _:
            return str(value)
