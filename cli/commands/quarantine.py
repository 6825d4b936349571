"""Look at what could not be landed, and land it after all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from landfall.errors import UserError, known
from landfall.plain_text import printable
from landfall.settings import Settings

if TYPE_CHECKING:
    import psycopg

_STREAM = click.option("--stream", metavar="STREAM", help="Only this stream.")
_REASON = click.option("--reason", metavar="REASON", help="Only this reason, such as not_json.")


@click.group(name="quarantine")
def command() -> None:
    """Records that could not be landed as rows: list them, look at one, replay them.

    \b
    Reasons: not_json, not_object, invalid_utf8, unstorable_text (a NUL character or a lone surrogate),
    too_deep (nested over 1,000), too_large (the contract's maxValueBytes), tombstone (no value),
    unstorable (whatever else Postgres refuses). Of CSV files: wrong_cell_count (not as many cells as the header has),
    not_csv (a quote that is not closed, or a carriage return outside of quotes).
    """


@command.command(name="list")
@_STREAM
@_REASON
@click.option("--limit", default=20, show_default=True, help="Most records to show, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record.")
def list_(stream: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """Count records by stream and reason, and show the newest."""
    # Imported here for start-up time.
    from landing_stream import quarantine

    with _connection() as connection:
        records = quarantine.newest(connection, stream, reason, limit)
        summaries = quarantine.summarize(connection, stream, reason)
    if as_json:
        for record in records:
            fields = {name: value for name, value in vars(record).items() if name not in ("value", "kafka_key")}
            click.echo(json.dumps(fields, default=str))
        return
    if not summaries:
        click.echo("Nothing is in quarantine.")
        return
    click.echo(f"{'stream':<16} {'reason':<16} {'records':>8} {'waiting':>8}  newest")
    for total in summaries:
        newest = f"{total.last_landed_at:%Y-%m-%d %H:%M:%S}"
        click.echo(f"{total.stream:<16} {total.reason:<16} {total.records:>8} {total.waiting:>8}  {newest}")
    click.echo(f"\n{'stream':<16} {'partition':>9} {'offset':>12} {'bytes':>8}  {'reason':<16} detail")
    for record in records:
        size = "-" if record.size is None else record.size
        replayed = f" (replayed in load {record.replayed_load_id})" if record.replayed_load_id else ""
        click.echo(
            f"{record.stream:<16} {record.kafka_partition:>9} {record.kafka_offset:>12} {size:>8}"
            f"  {record.reason:<16} {printable(record.detail)}{replayed}"
        )
    click.echo("\nLook at one with `landfall quarantine show STREAM PARTITION OFFSET`.")


@command.command()
@click.argument("stream")
@click.argument("partition", type=int)
@click.argument("offset", type=int)
@click.option("--raw", is_flag=True, help="Only the record's bytes, as they came.")
def show(stream: str, partition: int, offset: int, raw: bool) -> None:
    """Show the record of STREAM at PARTITION and OFFSET, with its bytes."""
    # Imported here for start-up time.
    from landing_stream import quarantine

    with _connection() as connection:
        records = quarantine.at_position(connection, stream, partition, offset)
    if not records:
        raise UserError(f"Nothing of {stream} is in quarantine at partition {partition}, offset {offset}.")
    for record in records:
        if raw:
            sys.stdout.buffer.write(record.value or b"")
            continue
        for name, value in vars(record).items():
            if name not in ("value", "kafka_key"):
                click.echo(f"{name + ':':<18} {printable(value)}")
        click.echo(f"{'kafka_key:':<18} {_printable(record.kafka_key)}")
        click.echo(f"{'value:':<18} {_printable(record.value)}")


@command.command()
@_STREAM
@_REASON
def replay(stream: str | None, reason: str | None) -> None:
    """Parse the stored bytes again, by today's contract, and land what can be landed, once, at its original position.

    Of use after a contract's limit was raised or a release reads more. Safe to repeat, and beside `landfall land`.
    """
    # Imported here for start-up time.
    from landing_stream import quarantine
    from landing_stream.contract import load_contracts

    contracts = load_contracts()
    chosen = list(contracts.values()) if stream is None else [contracts[known(stream, contracts, "stream")]]
    with _connection() as connection:
        for contract in chosen:
            landed, waiting = quarantine.replay(connection, contract, reason)
            click.echo(f"{contract.stream}: {landed} landed, {waiting} still in quarantine")


@contextmanager
def _connection() -> Iterator[psycopg.Connection]:
    # Imported here for start-up time.
    from database.connect import connect

    login = Settings.load().as_writer
    with connect(login, autocommit=True, application_name="landfall quarantine") as connection:
        yield connection


def _printable(value: bytes | None) -> str:
    """Bytes for a terminal: control characters and what is no UTF-8 as escapes."""
    if value is None:
        return "(none)"
    return value.decode("utf-8", errors="backslashreplace").encode("unicode_escape").decode("ascii")
