"""The landing stream as a process, until it is told to stop."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil
import psycopg

from database.connect import connect
from jvm.jars import spark_jars
from landfall.errors import UserError, known
from landfall.settings import Settings
from landfall.state import open_state
from landfall.stop_signals import on_signals
from landing_stream.contract import Contract, load_contracts
from landing_stream.query import LandingOptions, LandingQuery
from landing_stream.scratch import scratch_folder
from landing_stream.session import spark_session
from landing_stream.supervisor import EXIT_FAILED, EXIT_OK, Supervisor

logger = logging.getLogger(__name__)


class Beside(Protocol):
    """What works beside the landing on what has landed."""

    def start(self) -> None:
        """Begin; it ends with the event that it was made with."""

    def finish(self) -> bool:
        """All has landed: return when it is worked on, or soon after that event; False when it could not be done."""


def land(
    settings: Settings, beside: Callable[[Settings, threading.Event], Beside], streams: Sequence[str], once: bool
) -> int:
    """Lands all contracts' streams (or those named) until SIGTERM or SIGINT; with `once`, drains them and ends.

    `beside`: makes what works on what has landed, and ends when the event is set; `once` waits for it.

    Returns the exit code: 0 stopped or drained, 1 failed, 3 fenced by a newer writer.
    Raises UserError for a setting that does not fit, and what is a bug of ours.
    """
    contracts = _chosen(load_contracts(), streams)
    open_state(settings.home)
    _check_ready(settings)
    kafka = settings.kafka
    stop = threading.Event()
    companion = beside(settings, stop)
    with scratch_folder(settings.home / "landing") as scratch, _children_end_with_us():
        on_signals(lambda: _end_at_once(scratch))  # while Spark starts nothing is under way
        try:
            spark = spark_session(spark_jars(), scratch, settings.spark_master)
        except KeyboardInterrupt:  # Spark puts a handler of its own for SIGINT in place while it starts
            return EXIT_OK
        on_signals(stop.set)
        options = LandingOptions(settings.trigger_seconds, settings.max_offsets_per_trigger, once)
        queries = [
            LandingQuery(spark, c, settings.as_writer, kafka, scratch / "checkpoints", options) for c in contracts
        ]
        companion.start()
        exit_code = Supervisor(spark, settings, queries, once, stop).run()
        if not companion.finish():
            exit_code = max(exit_code, EXIT_FAILED)
        landed, quarantined = sum(q.landed for q in queries), sum(q.quarantined for q in queries)
        logger.info("landed %d and quarantined %d events", landed, quarantined)
        return exit_code


@contextmanager
def _children_end_with_us() -> Iterator[None]:
    try:
        yield
    finally:
        # py4j complains of the JVM that is gone, until the interpreter ends; a bug that ends it is still said
        logging.disable(logging.ERROR)
        _end_children()


def _end_children() -> None:
    """Ends the JVM and its Python workers: a JVM whose start was broken off would stay for ever."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=5)


def _end_at_once(scratch: Path) -> None:
    """Without an exception: one in the middle of a call to the JVM was swallowed now and then."""
    _end_children()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(EXIT_OK)


def _chosen(contracts: dict[str, Contract], streams: Sequence[str]) -> list[Contract]:
    return [contracts[known(stream, contracts, "stream")] for stream in streams] or list(contracts.values())


def _check_ready(settings: Settings) -> None:
    """A database that was never migrated is a mistake, one that is away is waited for."""
    try:
        with connect(settings.as_writer, autocommit=True) as connection:
            connection.execute("select 1 from landing.loads limit 1")
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InvalidParameterValue):
        raise UserError("The database has no ledger yet: run `landfall migrate` (or `landfall up`) first.") from None
    except psycopg.OperationalError as error:
        logger.warning("Postgres does not answer yet (%s); waiting for it", str(error).strip().splitlines()[0])
