"""Land events from Kafka in Postgres, each exactly once, until stopped."""

from __future__ import annotations

import os
import sys

import click

from landfall.logs import configure_logging
from landfall.settings import Settings


@click.command(name="land")
@click.option("--once", is_flag=True, help="Drain what is in the topics now, then end.")
@click.option(
    "--stream", "streams", multiple=True, metavar="STREAM", help="Only this stream; may be given more than once."
)
@click.option("--master", metavar="MASTER", help="As spark://HOST:PORT; default: LANDFALL_SPARK_MASTER.")
def command(once: bool, streams: tuple[str, ...], master: str | None) -> None:
    """Land events from Kafka in Postgres, each exactly once, until stopped.

    One Spark application for all contracts, one query a stream. Ctrl-C or SIGTERM stops it between batches.
    Kafka or Postgres may go away and come back; nothing is lost and nothing needs a restart. What needs you is said
    once, shown by `landfall status`, and goes on by itself once it is mended; a bug ends the process with its trace.

    \b
    Exit codes: 0 stopped, or drained with --once; 1 failed, or its Spark application was ended; 3 another one has
    taken over.
    """
    # Imported here for start-up time.
    from enrichment.beside import EnricherProcess
    from landing_stream.land import land

    settings = Settings.load({**os.environ, "LANDFALL_SPARK_MASTER": master} if master else None)
    configure_logging(settings.log_format)
    sys.exit(land(settings, EnricherProcess, streams, once))


if __name__ == "__main__":  # spark-submit cli/commands/land.py
    command()
