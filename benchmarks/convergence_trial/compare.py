"""Whether two warehouses, or one at two moments, hold the same rows."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

Tables = dict[str, tuple[int, str]]
"""schema.name → (rows, md5 over all of them, whatever their order)."""

# What depends on when and where a record landed, and not on what it says.
LANDING_COLUMNS = (
    "load_id", "topic_id", "kafka_partition", "kafka_offset", "landed_at", "updated_at", "changed_load_id",
    "newest_load_id",
)  # fmt: skip
# One row a load.
LANDING_TABLES = ("accounts",)


def read_tables(connection: psycopg.Connection[Any], *, with_positions: bool = True) -> Tables:
    """Every table and view of intermediate and marts; without positions: what the events alone decide."""
    relations = connection.execute(
        "select table_schema::text, table_name::text, array_agg(column_name::text order by ordinal_position)"
        " from information_schema.columns where table_schema in ('intermediate', 'marts')"
        # how the system does, and no result of events
        " and table_name not like 'trust%' group by 1, 2 order by 1, 2"
    ).fetchall()
    found: Tables = {}
    for schema, name, columns in relations:
        if not with_positions and name.endswith(LANDING_TABLES):
            continue
        kept = [column for column in columns if with_positions or column not in LANDING_COLUMNS]
        query = sql.SQL(
            "select count(*), coalesce(md5(string_agg(row_md5, '' order by row_md5)), '')"
            " from (select md5(row({})::text) as row_md5 from {}) as rows_found"
        ).format(sql.SQL(", ").join(map(sql.Identifier, kept)), sql.Identifier(schema, name))
        row = connection.execute(query).fetchone()
        assert row is not None
        found[f"{schema}.{name}"] = row[0], row[1]
    return found


def differences(expected: Tables, found: Tables, what: str) -> list[str]:
    """One line for each table that differs."""
    return [
        f"{what}: {name}: {expected.get(name, (0, ''))[0]:,} rows expected, {found.get(name, (0, ''))[0]:,} found,"
        " or their contents differ"
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]
