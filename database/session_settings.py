"""What a session with Postgres must be like for our code to read and write right, whatever a server's defaults are."""

from collections.abc import Mapping

from psycopg import sql

NOTATION: Mapping[str, str] = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
"""How values are written as text. With datestyle `SQL, DMY` no driver reads a time; with extra_float_digits -15 a
double comes back as another number."""

MEANING: Mapping[str, str] = {
    "search_path": '"$user", public',
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
}
"""What a statement means: with standard_conforming_strings off `'\\.'` is another pattern; with isolation `repeatable
read` a model does not see what was committed while it waited for its turn."""

LIMITS: Mapping[str, str] = {"statement_timeout": "0", "idle_session_timeout": "0", "exit_on_error": "off"}
"""When the server gives up: what takes longer than a dashboard's query is not cut off. Who wants a limit sets it."""


def session_settings(server_version: int) -> dict[str, str]:
    """Every setting by name: Postgres' own defaults, but for the zone."""
    found = {**NOTATION, **MEANING, **LIMITS}
    return found | ({"transaction_timeout": "0"} if server_version >= 170_000 else {})


def set_statement(settings: Mapping[str, str], *, local: bool = False) -> sql.Composed:
    """One statement that makes them the session's or, with `local`, the transaction's."""
    calls = (
        sql.SQL("pg_catalog.set_config({}, {}, {})").format(sql.Literal(name), sql.Literal(value), sql.Literal(local))
        for name, value in settings.items()
    )
    return sql.SQL("select ") + sql.SQL(", ").join(calls)
