"""Land finished files or a lake folder (JSONL, CSV, Parquet) as batches, each file exactly once."""

import sys
import time

import click

from cli.options import DELIMITER
from landfall.errors import EXIT_FENCED, UserError, known
from landfall.logs import configure_logging
from landfall.plain_text import printable
from landfall.settings import Settings
from landfall.stop_signals import stop_on_signals
from landfall.wording import counted


@click.command(name="ingest")
@click.argument("stream")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@DELIMITER
def command(stream: str, paths: tuple[str, ...], delimiter: str | None) -> None:
    """Land finished files of STREAM beside the streaming door, in the same tables, each file exactly once.

    PATH is a file, a folder (read with all folders in it), or s3://BUCKET/PREFIX: .jsonl, .ndjson, .json, .csv and .tsv
    files, also with .gz behind, and .parquet. A file is known by its content: twice, under any name, it lands once.
    Interrupted, the same command goes on where it stopped. What is no record lands in the quarantine, by its line.

    \b
    landfall ingest job_tracking tracking.csv
    landfall ingest product_views lake/2026/ more.jsonl.gz
    landfall ingest web_logs s3://lake/web_logs/

    `select * from landing.files` leads from a row's topic_id to its file.

    \b
    Exit codes: 0 done or stopped; 1 a file or folder could not be read, the others landed;
                3 another `landfall ingest` of the stream has taken over.
    """

    # Imported here for start-up time.
    from enrichment.enricher import enrich
    from landing_stream.contract import load_contracts
    from landing_stream.files import find_files, left_alone
    from landing_stream.ingest import Ingested, ingest
    from landing_stream.ledger import Fenced

    contracts = load_contracts()
    known(stream, contracts, "stream")
    settings = Settings.load()
    configure_logging(settings.log_format)
    hidden: list[UserError] = []
    files, unknown = find_files(settings, paths, hidden.append, delimiter)
    if unknown:
        click.echo(f"landfall: {printable(left_alone(unknown))}", err=True)
    began = time.monotonic()
    done: list[Ingested] = []

    def report(outcome: Ingested) -> None:
        done.append(outcome)
        click.echo(printable(f"{outcome.file.name}: {outcome.sentence()}"))

    try:
        with stop_on_signals() as stop:
            problems = ingest(settings, contracts[stream], files, report, stop)
    except Fenced:
        click.echo(
            f"landfall: another ingestion of {stream} has taken over; run this again for what is left.", err=True
        )
        sys.exit(EXIT_FENCED)
    landed, seconds = sum(each.landed for each in done), time.monotonic() - began
    click.echo(
        f"{stream}: {landed:,} landed and {sum(each.quarantined for each in done):,} quarantined of"
        f" {counted(len(files), 'file')} in {seconds:.1f} s ({landed / max(seconds, 0.001):,.0f} events/s)"
    )
    for problem in (*hidden, *problems):
        problem.show()
    enrich(settings)
    sys.exit(1 if hidden or problems else 0)
