"""Show the servers, and per stream lag, loads, quarantine, freshness and how far the models are."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from landfall.errors import UserError
from landfall.settings import Settings

COLUMNS = ("stream", "lag", "landed", "quarantined", "holes", "gaps", "loads", "open", "sealed", "horizon", "fresh")


@click.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show what runs and how far it is.

    \b
    lag          records in Kafka that have not landed
    open         loads being written now; readers stop below the first of them
    sealed       loads that a writer left open when it died; what it had committed counts
    horizon      readers may read up to this load
    fresh        seconds since the newest load

    Ends with exit code 1 when a server does not answer.
    """
    report = collect(Settings.load())
    click.echo(json.dumps(report, default=str, indent=2) if as_json else as_text(report))
    if not all(server["answers"] for server in report["servers"].values()):
        raise click.exceptions.Exit(1)


def collect(settings: Settings) -> dict[str, Any]:
    """Everything there is to show; what cannot be asked is left out."""
    import psycopg

    from landfall.commands.up import address
    from landfall.stream_status import model_progress, stream_statuses
    from landing_stream.contract import load_contracts
    from landing_stream.topics import KafkaUnavailable, Topics
    from warehouse.connect import connect

    topics: Topics | None = Topics(settings.kafka.client_config())
    contracts = list(load_contracts().values())
    servers: dict[str, Any] = {"postgres": {"address": address(settings.postgres_dsn), "answers": True}}
    servers["kafka"] = {"address": settings.kafka.bootstrap_servers, "answers": True}
    report: dict[str, Any] = {"home": str(settings.home), "servers": servers, "streams": [], "models": []}
    try:
        with connect(settings.postgres_dsn, role="transformer", application_name="landfall status") as connection:
            try:
                streams = stream_statuses(connection, contracts, topics)
            except KafkaUnavailable as error:
                servers["kafka"] |= {"answers": False, "why": str(error)}
                streams = stream_statuses(connection, contracts, None)
            report["streams"] = [asdict(stream) for stream in streams]
            report["models"] = [asdict(model) for model in model_progress(connection)]
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedObject) as error:
        raise UserError(f"{servers['postgres']['address']} is not of this release: run `landfall migrate`.") from error
    except psycopg.OperationalError as error:
        servers["postgres"] |= {"answers": False, "why": " ".join(str(error).split())}
    return report


def as_text(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    parts = [
        f"{name:<9} {server['address']:<32} {'running' if server['answers'] else 'does not answer: ' + server['why']}"
        for name, server in report["servers"].items()
    ]
    if report["streams"]:
        now = dt.datetime.now(dt.UTC)
        parts += ["", *columns([COLUMNS, *(stream_row(stream, now) for stream in report["streams"])])]
    for stream in report["streams"]:
        if reasons := stream["quarantine_reasons"]:
            listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            parts.append(f"quarantined in {stream['stream']}: {listed}   (landfall quarantine list)")
    behind = [model for model in report["models"] if model["position"] < model["horizon"]]
    if report["models"] and not behind:
        parts += ["", f"models: all {len(report['models'])} positions at the horizon"]
    elif behind:
        rows = [(m["relation"], m["stream"], str(m["position"]), str(m["horizon"])) for m in behind]
        parts += ["", *columns([("model behind", "stream", "position", "horizon"), *rows]), "(landfall refresh)"]
    return "\n".join(parts)


def stream_row(stream: dict[str, Any], now: dt.datetime) -> tuple[str, ...]:
    """One line of the table."""
    landed_at = stream["newest_landed_at"]
    numbers = ("landed", "quarantined", "holes", "gaps", "loads", "open_loads", "sealed_loads", "horizon")
    return (
        stream["stream"],
        "?" if stream["lag"] is None else f"{stream['lag']:,}",
        *(f"{stream[name]:,}" for name in numbers),
        "-" if landed_at is None else f"{(now - landed_at).total_seconds():,.0f} s",
    )


def columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines: the first column to the left, the others to the right."""
    table = list(rows)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    ]
