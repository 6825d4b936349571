"""Produce realistic events for the three streams."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from landfall.errors import UserError
from landfall.plain_text import printable
from landfall.settings import Settings
from landfall.stop_signals import stop_on_signals

STREAMS = ("product_views", "web_logs", "job_tracking")
SHARE = click.FloatRange(0, 1)


@click.command(name="simulate")
@click.option(
    "--stream", "streams", multiple=True, type=click.Choice(STREAMS), help="Stream (repeatable). Default: all."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Events a second, all streams together. Default: as fast as possible.",
)
@click.option("--duration", type=click.FloatRange(0, min_open=True), help="Seconds after which it ends.")
@click.option("--count", type=click.IntRange(1), help="Messages after which it ends, all streams together.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Same seed and --start: same bytes, same order.",
)
@click.option(
    "--start",
    metavar="INSTANT",
    help="Event time of the first event, ISO 8601 (UTC without a zone). Default: events happen now.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    help="Spread --count over this many days, so that people come back after days and weeks.",
)
@click.option("--late", type=SHARE, default=0.0, help="Share of events that happened 15 minutes to 3 days earlier.")
@click.option(
    "--duplicates", type=SHARE, default=0.0, help="Share of messages that are an earlier one once more, byte for byte."
)
@click.option("--malformed", type=SHARE, default=0.0, help="Share of messages that cannot be landed, of every kind.")
@click.option(
    "--write-reference",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the master data that job_tracking refers to as CSV files into DIR, and produce nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    streams: tuple[str, ...],
    rate: float | None,
    duration: float | None,
    count: int | None,
    seed: int,
    start: str | None,
    days: float | None,
    late: float,
    duplicates: float,
    malformed: float,
    write_reference: Path | None,
    as_json: bool,
) -> None:
    """Produce realistic events: visits that walk a shop's funnel, requests, ads; robots, type drift, local prices.

    Ends after --count or --duration, whichever comes first, or with Ctrl-C; then prints what Kafka has acknowledged.
    With --late, --duplicates and --malformed, counts for each are printed, so that what has landed can be checked
    against them.

    \b
    landfall simulate --count 100000                     as fast as possible
    landfall simulate --count 200000 --days 60           two months that end now
    landfall simulate --rate 500 --duration 60           half a thousand events a second for a minute
    landfall simulate --count 5000 --malformed 0.02 --duplicates 0.05 --json
    landfall simulate --write-reference ref && landfall reference load ref

    Exit codes: 0 done or stopped; 1 Kafka did not acknowledge every message.
    """
    # Imported here for start-up time.
    from simulator import producer, reference
    from simulator.mixture import Shares
    from simulator.simulation import Options

    if write_reference is not None:
        for path in reference.write(write_reference):
            click.echo(printable(path))
        return
    if late + duplicates + malformed > 1:
        raise UserError("--late, --duplicates and --malformed are shares of all messages: together at most 1.")
    if days is not None and (count is None or rate is not None):
        raise UserError("--days spreads a count over the past: give --count with it, and no --rate.")
    options = Options(
        streams=tuple(name for name in STREAMS if name in streams) or STREAMS,
        rate=rate,
        duration=duration,
        count=count,
        seed=seed,
        shares=Shares(late, duplicates, malformed),
        start=_instant(start) if start else None,
        days=days,
    )
    settings = Settings.load()
    with stop_on_signals() as stop:
        summary = producer.run(settings, options, stop=stop)
    click.echo(json.dumps(summary.as_dict()) if as_json else summary.as_text())
    if summary.failed:
        raise UserError(
            f"Kafka did not acknowledge {summary.failed:,} messages ({summary.trouble}): see `landfall status`."
        )


def _instant(text: str) -> float:
    """Epoch seconds of an ISO 8601 instant."""

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--start is {text!r}: write an instant such as 2026-03-28T10:15:00Z.") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
