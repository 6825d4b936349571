"""Serve metrics for Prometheus, on loopback unless told otherwise, until stopped."""

import click

from landfall.logs import configure_logging
from landfall.settings import Settings
from landfall.stop_signals import stop_on_signals


@click.command(name="metrics")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of LANDFALL_LISTEN_ADDRESS; 0: a free one, named by the log. Default: LANDFALL_METRICS_PORT, or 9464.",
)
def command(port: int | None) -> None:
    """Serve metrics for Prometheus at http://127.0.0.1:9464/metrics, until stopped.

    Postgres and Kafka are asked when somebody scrapes, and not before. Where one is away, what the other says is
    served, and landfall_up tells. docs/reference lists the metrics; monitoring/alerts.yml has rules over them.
    """
    # Imported here for start-up time.
    from monitoring.exporter import serve

    settings = Settings.load()
    configure_logging(settings.log_format)
    with stop_on_signals() as stop:
        serve(settings, settings.metrics_port if port is None else port, stop)
