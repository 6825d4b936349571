"""Failures: which pass, which need a person, which are bugs; and the pauses between tries."""

from __future__ import annotations

import errno

import psycopg
import pytest

from landfall.backoff import Backoff
from landfall.errors import UserError
from landfall.failures import FailedElsewhere, Failure, Kind, NeedsPerson, Passing, classify
from landing_stream.ledger import LedgerError, LoadNotOpen
from landing_stream.topics import KafkaRefuses, KafkaUnavailable

SECRET = "visitor-4711"


class StreamingQueryException(Exception):
    """As Spark's own, which takes a JVM to make; its text is the whole chain of Java's exceptions."""

    __module__ = "pyspark.errors.exceptions.captured"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaUnavailable("topic things: no answer"), Kind.PASSING),
        (LoadNotOpen("load 1 is not open any more"), Kind.PASSING),
        (psycopg.OperationalError("connection refused"), Kind.PASSING),
        (psycopg.OperationalError("connection failed: SSL error: certificate verify failed"), Kind.PERSON),
        (psycopg.errors.ProtocolViolation("FATAL: query_wait_timeout"), Kind.PASSING),
        (psycopg.InterfaceError("the connection is closed"), Kind.PASSING),
        (psycopg.errors.AdminShutdown("terminating connection"), Kind.PASSING),
        (psycopg.errors.CannotConnectNow("the database system is starting up"), Kind.PASSING),
        (psycopg.errors.DeadlockDetected("deadlock detected"), Kind.PASSING),
        (psycopg.errors.LockNotAvailable("lock timeout"), Kind.PASSING),
        (psycopg.errors.TooManyConnections("too many"), Kind.PASSING),
        (psycopg.errors.IdleInTransactionSessionTimeout("idle"), Kind.PASSING),
        (ConnectionResetError("reset"), Kind.PASSING),
        (TimeoutError("timed out"), Kind.PASSING),
        (StreamingQueryException("Job aborted\nCaused by: ExecutorLostFailure (executor 1 exited)"), Kind.PASSING),
        (StreamingQueryException("Caused by: org.apache.kafka.common.errors.TimeoutException: x"), Kind.PASSING),
        (LedgerError("the topic ends at 4"), Kind.PERSON),
        (KafkaRefuses("topic things: there is none"), Kind.PERSON),
        (UserError("There is no stream."), Kind.PERSON),
        (psycopg.errors.InsufficientPrivilege("permission denied for table slices"), Kind.PERSON),
        (psycopg.errors.DiskFull("could not extend file"), Kind.PERSON),
        (psycopg.errors.OutOfMemory("out of shared memory"), Kind.PERSON),
        (psycopg.errors.UndefinedTable("relation does not exist"), Kind.PERSON),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"), Kind.PERSON),
        (psycopg.errors.InvalidCatalogName("database x does not exist"), Kind.PERSON),
        (psycopg.errors.DatabaseDropped("terminating connection"), Kind.PERSON),
        (psycopg.errors.DataCorrupted("invalid page"), Kind.PERSON),
        (OSError(errno.ENOSPC, "No space left on device"), Kind.PERSON),
        (PermissionError(errno.EACCES, "Permission denied"), Kind.PERSON),
        (StreamingQueryException("x\nCaused by: java.io.IOException: No space left on device\n\tat y"), Kind.PERSON),
        (StreamingQueryException("x\nCaused by: o.a.k.c.e.TopicAuthorizationException: things"), Kind.PERSON),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), Kind.PERSON),
        (ValueError("year 0 is out of range"), Kind.PERSON),
        (MemoryError(), Kind.PERSON),
        (TypeError("'NoneType' object is not callable"), Kind.BUG),
        (KeyError("id"), Kind.BUG),
        (AssertionError(), Kind.BUG),
        (ImportError("no module"), Kind.BUG),
        (psycopg.errors.SyntaxError("syntax error at or near"), Kind.BUG),
        (psycopg.ProgrammingError("the query has 2 placeholders but 1 parameters were passed"), Kind.BUG),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_what_a_failure_asks_for(error: BaseException, kind: Kind) -> None:
    found = classify(error)
    assert found.kind is kind
    assert found.sentence
    assert found.kind is not Kind.PERSON or found.advice or isinstance(error, UserError | NeedsPerson)


def test_a_wrapped_failure_is_judged_by_what_it_wraps() -> None:
    wrapped = ValueError("it could not be done")
    wrapped.__cause__ = psycopg.errors.DeadlockDetected("deadlock detected")
    assert classify(wrapped).kind is Kind.PASSING
    known = KafkaUnavailable("away")
    known.__cause__ = TypeError("whatever lies beneath")
    assert classify(known).kind is Kind.PASSING
    there = Failure(Kind.BUG, "TypeError", "TypeError in parse.py, line 3", trace="the frames")
    assert classify(FailedElsewhere(there)) == there
    assert FailedElsewhere(there).__notes__ == ["the frames"]


def test_of_a_disk_that_is_full_beneath_spark_the_line_is_said_that_says_so() -> None:
    error = StreamingQueryException(f"{SECRET}\nCaused by: java.io.IOException: No space left on device\n\tat x")
    found = classify(error)
    assert found.sentence == "Caused by: java.io.IOException: No space left on device"
    assert "LANDFALL_HOME" in found.advice


@pytest.mark.parametrize("kind", [TypeError, ValueError])
def test_an_event_in_an_unforeseen_message_is_not_repeated(kind: type[Exception]) -> None:
    try:
        raise kind(SECRET)
    except kind as error:
        said = classify(error, quotes_events=True)
    assert SECRET not in repr(said)
    assert said.sentence.startswith(f"{kind.__name__} in test_failures.py, line ")
    assert said.trace.endswith(kind.__name__)
    assert "test_an_event_in" in said.trace


def test_pauses_double_up_to_a_bound_and_do_not_come_at_once() -> None:
    backoff = Backoff(0.5, 10.0)
    for whole in (0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
        assert whole * 0.75 <= backoff.next() <= whole
    assert backoff.failures == 7
    backoff.failures = 100_000
    assert backoff.next() <= 10.0
    assert len({backoff.next() for _ in range(20)}) > 1
    backoff.reset()
    assert backoff.next() <= 0.5


def test_passing_is_what_says_so() -> None:
    assert classify(Passing("somebody else was quicker")).advice == ""
