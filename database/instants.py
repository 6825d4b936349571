"""Dates and times as Postgres holds them, read into Python, which knows the years 1 to 9999 alone.

psycopg raises DataError for the others (`timestamp too large (after year 10K)`, `infinity` too), so that one such row
would end every command that reads it. They are shown as the first or last day that Python can show in every zone.
"""

import datetime as dt
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

FIRST, LAST = dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)


def nearest(data: Buffer) -> dt.datetime:
    """What is shown for a text that Python has no value for: `infinity`, `0044-03-15 BC`, `12000-01-01`."""
    text = bytes(data)
    return FIRST if text.startswith(b"-") or text.endswith(b"BC") else LAST


class AnyDate(DateLoader):
    """date."""

    def load(self, data: Buffer) -> dt.date:
        try:
            return super().load(data)
        except psycopg.DataError:
            return nearest(data).date()


class AnyTimestamp(TimestampLoader):
    """timestamp without time zone."""

    def load(self, data: Buffer) -> dt.datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            return nearest(data)


class AnyTimestamptz(TimestamptzLoader):
    """timestamp with time zone."""

    def load(self, data: Buffer) -> dt.datetime:
        try:
            return super().load(data)
        except psycopg.DataError:
            return nearest(data).replace(tzinfo=dt.UTC)


def read_any_instant(connection: psycopg.Connection[Any]) -> None:
    """From now on no date or time that this connection reads, as text, raises DataError."""
    connection.adapters.register_loader("date", AnyDate)
    connection.adapters.register_loader("timestamp", AnyTimestamp)
    connection.adapters.register_loader("timestamptz", AnyTimestamptz)
