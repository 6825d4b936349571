"""What loads an export into Redshift: a table's definition, and a transaction that makes it as the export is.

COPY puts the columns of a Parquet file into those of the table one by one, as many and in the same order, and knows
nothing of the day in the path: so a mart's files hold every column of it, its day too, and the table has the same. It
takes every object whose name begins as the prefix says: so the prefix goes on to the beginning of the files' names,
past the manifest beside them.
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source-s3.html
"""

from __future__ import annotations

from exports.day_files import FILE, PARTITION
from exports.marts import Mart
from landfall.filesystems import S3, Location

ROLE = "arn:aws:iam::ACCOUNT:role/ROLE"
UNKNOWN_BUCKET = "s3://BUCKET/PREFIX"
"""Where an export into a folder of this machine is copied to."""


def load_script(mart: Mart, root: Location, files: int) -> str:
    """SQL for Redshift: run it after an export; again, or after several, the table is as the export is."""
    prefix = f"{(S3 + root.path) if root.is_s3 else UNKNOWN_BUCKET}/{mart.name}/"
    return "\n".join(
        [
            *_head(mart, root),
            *_definition(mart),
            "",
            *_load(mart, prefix, files),
            *(_one_day(mart, prefix) if mart.day_column else []),
            "",
        ]
    )


def _head(mart: Mart, root: Location) -> list[str]:
    return [
        f"-- marts.{mart.name} of Landfall, into Redshift. Times are UTC; {ROLE} is a role of yours that",
        "-- may read the bucket, which has to be in the region of the cluster.",
        *([] if root.is_s3 else [f"-- {UNKNOWN_BUCKET} is where you copy the export to."]),
        "create schema if not exists marts;",
        "",
    ]


def _definition(mart: Mart) -> list[str]:
    columns = [f"    {_identifier(column.name)} {column.redshift}" for column in mart.columns]
    sort_key = f"\nsortkey ({_identifier(mart.day_column)})" if mart.day_column else ""
    described = [(f"table {_table(mart)}", mart.description)]
    described += [(f"column {_table(mart)}.{_identifier(column.name)}", column.description) for column in mart.columns]
    return [
        f"create table if not exists {_table(mart)} (",
        ",\n".join(columns),
        f"){sort_key};",
        *(f"comment on {what} is {_literal(' '.join(text.split()))};" for what, text in described if text),
    ]


def _load(mart: Mart, prefix: str, files: int) -> list[str]:
    """All rows anew, in one transaction: readers see the old ones until the new ones are there."""
    if not files:  # COPY fails where no object has the prefix
        return ["begin;", f"delete from {_table(mart)};", "commit;"]
    beginning = PARTITION if mart.day_column else FILE
    return [
        "begin;",
        f"create temporary table landed (like {_table(mart)});",
        _copy("landed", prefix + beginning),
        f"delete from {_table(mart)};",
        f"insert into {_table(mart)} select * from landed;",
        "drop table landed;",
        "commit;",
    ]


def _one_day(mart: Mart, prefix: str) -> list[str]:
    column = _identifier(mart.day_column or "")
    return [
        "",
        "-- One day alone:",
        "-- begin;",
        f"-- delete from {_table(mart)} where {column}::date = '2026-03-28';",
        *(f"-- {line}" for line in _copy(_table(mart), f"{prefix}{PARTITION}2026-03-28/").splitlines()),
        "-- commit;",
    ]


def _copy(table: str, prefix: str) -> str:
    return f"copy {table} from {_literal(prefix)}\niam_role {_literal(ROLE)}\nformat as parquet;"


def _table(mart: Mart) -> str:
    return f"marts.{_identifier(mart.name)}"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    # Redshift reads a backslash in a text as an escape.
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
