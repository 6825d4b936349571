"""Produce the records of a CSV or JSON file (.gz too) into a stream."""

from pathlib import Path

import click

from cli.options import DELIMITER
from landfall.errors import UserError, known
from landfall.plain_text import printable
from landfall.settings import Settings
from landfall.stop_signals import stop_on_signals
from landfall.wording import counted


@click.command(name="replay")
@click.argument("stream")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--shuffle",
    type=click.IntRange(0),
    metavar="SEED",
    help="Shuffled by this seed, not in file order; holds the file in memory.",
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Records a second. Default: as fast as possible.")
@click.option("--limit", type=click.IntRange(0), help="Produce at most this many records.")
@DELIMITER
def command(
    stream: str, file: Path, shuffle: int | None, rate: float | None, limit: int | None, delimiter: str | None
) -> None:
    """Produce each record of FILE (.jsonl, .ndjson, .json, .csv, .tsv) into the topic of STREAM, in file order.

    A .csv file names its fields in the first line; blanks become null, values stay text, fields that the contract does
    not know land in `extra`. Lines of a .jsonl file, elements of an array and objects over many lines are produced byte
    for byte. What is no record is produced as it stands, and lands in the quarantine.
    The Kafka key is the event key, where there is one.

    \b
    landfall replay job_tracking tracking.csv
    landfall replay product_views events.jsonl.gz --shuffle 7 --rate 1000

    Exit codes: 0 done or stopped; 1 the file is not whole, or Kafka did not acknowledge every record.
    """
    # Imported here for start-up time.
    from landing_stream.contract import load_contracts
    from simulator.replay import replay

    contracts = load_contracts()
    known(stream, contracts, "stream")
    settings = Settings.load()
    with stop_on_signals() as stop:
        done = replay(
            settings, contracts[stream], file,
            shuffle=shuffle, rate=rate, limit=limit, delimiter=delimiter, stop=stop,
        )  # fmt: skip
    click.echo(f"{stream}: {done.produced:,} records of {printable(file.name)} produced in {done.seconds:.1f} s")
    count, first = done.refused
    if count:
        rows = counted(count, "line that is no record was", "lines that are no records were")
        click.echo(f"landfall: {rows} produced for the quarantine; the first: {first}.", err=True)
    if done.failed:
        raise UserError(f"Kafka did not acknowledge {done.failed:,} records ({done.trouble}): see `landfall status`.")
