"""Landfall's landing: all fields as sent, exactly once, quarantine on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.instruments.events import STREAM
from jvm.jars import spark_jars
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.query import LandingOptions, LandingQuery
from landing_stream.session import spark_session


class Landfall:
    """The landing stream as `landfall land --once` runs it, without the start of a process."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        spark = spark_session(spark_jars(), scratch)
        options = LandingOptions(settings.trigger_seconds, settings.max_offsets_per_trigger, once=True)
        self._query = LandingQuery(
            spark, load_contracts()[STREAM], settings.as_writer, settings.kafka, scratch / "checkpoints", options
        )

    def drain(self, starts: Mapping[int, int]) -> None:
        """Lands what has not landed yet; where that starts is the ledger's to know, not the caller's."""
        query = self._query.start()
        try:
            query.awaitTermination()
        except Exception as error:
            raise self._query.why_failed(error) from error
