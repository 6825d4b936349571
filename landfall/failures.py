"""What a failure asks for: patience, a person, or a mended program. One answer for everything that keeps going.

An exception of ours says it itself, by its class: `Passing` or `NeedsPerson`; those of others are judged here.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from landfall.errors import UserError
from landfall.logs import safe_message
from landfall.pooler import in_words

if TYPE_CHECKING:
    import psycopg


class Passing(RuntimeError):
    """Waiting helps: a server is away, somebody else was quicker."""


class NeedsPerson(RuntimeError):
    """Waiting does not help. The message says what is wrong and what to do."""


class Kind(StrEnum):
    """What a failure asks for."""

    PASSING = "passing"
    """To be tried again soon, it goes on by itself."""
    PERSON = "person"
    """To be tried again slowly; somebody is told, once."""
    BUG = "bug"
    """To end the process, with its trace: what it holds in memory may be wrong, and whoever keeps it running starts
    another."""


@dataclass(frozen=True)
class Failure:
    """A failure in words that may stand in a log. `what`: the class of the error, with a SQLSTATE, by which the same
    failure is known again; `advice`: what to do, empty where there is nothing to do; `trace`: of a bug elsewhere."""

    kind: Kind
    what: str
    sentence: str
    advice: str = ""
    trace: str = ""


class FailedElsewhere(RuntimeError):
    """A failure that was judged where it happened, in another process."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure
        if failure.trace:
            self.add_note(failure.trace)


BUGS = (
    TypeError, AttributeError, AssertionError, NameError, LookupError, NotImplementedError, ImportError, SyntaxError,
    ZeroDivisionError, RecursionError,
)  # fmt: skip
"""What Python raises where a program is wrong, whatever the world is like. Not ValueError: bytes, dates and numbers of
others raise it too."""

RIGHTS = "Grant it again, as the owner of what is named; `landfall migrate` gives roles and schemas theirs."
LOGIN = "Look at the login in LANDFALL_LANDING_DSN and LANDFALL_POSTGRES_DSN, and let it in again."
TLS = (
    "Look at sslmode, sslrootcert and the host in LANDFALL_LANDING_DSN and LANDFALL_POSTGRES_DSN: `landfall doctor`"
    " says which of them is wrong."
)
RELEASE = "The database is not of this release: run `landfall migrate`."
ROOM = "Make room on the disk of Postgres."
MEMORY = "Give Postgres more memory or more room for locks; its log says which."

_PASSING_SQLSTATES = re.compile(
    "08...|40...|53300|55...|57(?!P04)...|25P0[34]"
)  # connection; rollback, deadlock; too many connections; a lock; shut-down, cancelled; time-outs of a transaction
_PERSON_SQLSTATES: Mapping[str, str] = {
    "28": LOGIN,
    "3D": LOGIN,
    "42501": RIGHTS,
    "42P01": RELEASE,
    "42703": RELEASE,
    "42883": RELEASE,
    "3F": RELEASE,
    "25006": "Postgres takes no writes: is it a standby, or was it set to read only?",
    "53100": ROOM,
    "53200": MEMORY,
}
_BUG_SQLSTATES = ("42601", "42804", "42P18", "42P02")
"""A statement of ours that no Postgres understands."""
# A login that is refused comes without a SQLSTATE, in the server's words. In another language it counts as passing, and
# is told once it has lasted.
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|no pg_hba.conf entry|not permitted to log in"
    r"|permission denied|(role|database) \".*\" does not exist",
)
_UNTRUSTED = re.compile(
    r"does not match host name|root certificate file|certificate verify failed|self[- ]signed certificate"
    r"|unable to get local issuer|server does not support SSL",
)
_SPARK_NEEDS_PERSON: Mapping[str, str] = {
    "No space left on device|Disk quota exceeded": "Make room on the disk of LANDFALL_HOME.",
    "Permission denied|AccessDeniedException": "Give the process its rights to LANDFALL_HOME again.",
    "AuthorizationException": "Give the login of LANDFALL_KAFKA_SASL_USERNAME its rights to the topics again.",
    "AuthenticationException": "Look at LANDFALL_KAFKA_SASL_USERNAME and the other settings of Kafka.",
}
_OUT_OF_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def classify(error: BaseException, *, quotes_events: bool = False) -> Failure:
    """What this failure asks for. `quotes_events`: an unforeseen message may hold an event; it is left out then.

    What nobody foresaw is a person's. Taken for passing, a lasting fault would be a warning among others for ever;
    taken for a bug, one stream's trouble would end all of them. As a person's it costs one line of the log and a slower
    next try, and it goes away by itself like any other: no process ends, and nothing is lost, for the ledger in
    Postgres says what has landed and what each model has read.
    """
    # Imported here for start-up time.
    import psycopg

    name = type(error).__name__
    if isinstance(error, FailedElsewhere):
        return error.failure
    if isinstance(error, UserError | NeedsPerson):
        return Failure(Kind.PERSON, name, _message(error))
    if isinstance(error, Passing):
        return Failure(Kind.PASSING, name, _message(error))
    if isinstance(error, psycopg.Error):
        return _of_postgres(error)
    if isinstance(error, BUGS):
        return _unforeseen(Kind.BUG, error, quotes_events)
    if type(error).__module__.split(".")[0] in ("pyspark", "py4j"):
        return _of_spark(error)
    if isinstance(error, ConnectionError | TimeoutError | InterruptedError | BlockingIOError):
        return Failure(Kind.PASSING, name, _message(error))
    if isinstance(error, OSError):
        advice = "Make room on the disk." if error.errno in _OUT_OF_ROOM else "Let the process have what it asks for."
        return Failure(Kind.PERSON, name, _message(error), advice)
    if error.__cause__ is not None:
        return classify(error.__cause__, quotes_events=quotes_events)
    return _unforeseen(Kind.PERSON, error, quotes_events)


def _unforeseen(kind: Kind, error: BaseException, quotes_events: bool) -> Failure:
    name = type(error).__name__
    trace = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(trace[-1].filename).name}, line {trace[-1].lineno}" if trace else ""
    said = "" if quotes_events else f": {_message(error)}"
    frames = "".join([*traceback.format_list(trace), name]) if quotes_events else ""
    return Failure(kind, name, f"{name}{place}{said}", "Nobody foresaw this: report it, with the log.", frames)


def _of_postgres(error: psycopg.Error) -> Failure:
    """By its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), where it has one."""
    # Imported here for start-up time.
    import psycopg

    state, said = error.sqlstate, _message(error)
    what = f"{type(error).__name__} {state or ''}".strip()
    if pooler := in_words(said):
        return Failure(Kind.PASSING, what, pooler)
    if state is None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            for refused, remedy in ((_REFUSED, LOGIN), (_UNTRUSTED, TLS)):
                if refused.search(str(error)):
                    return Failure(Kind.PERSON, what, said, remedy)
            return Failure(Kind.PASSING, what, said)
        # psycopg itself refused to send it: the statement is wrong, or a value is one that Postgres cannot hold
        kind = Kind.BUG if isinstance(error, psycopg.ProgrammingError) else Kind.PERSON
        return _unforeseen(kind, error, quotes_events=False)
    if state in _BUG_SQLSTATES:
        return Failure(Kind.BUG, what, said)
    advice = next((_PERSON_SQLSTATES[key] for key in (state, state[:2]) if key in _PERSON_SQLSTATES), None)
    if advice is None and _PASSING_SQLSTATES.fullmatch(state):
        return Failure(Kind.PASSING, what, said)
    return Failure(Kind.PERSON, what, said, advice or "The log of Postgres says more.")


def _of_spark(error: BaseException) -> Failure:
    """Of Spark, whose message holds the whole chain of Java's exceptions. What our own code raised inside Spark does
    not come here: see landing_stream.query. The rest is the cluster's, a lost executor say, or Kafka's, and passes.
    """
    text, name = str(error), type(error).__name__
    for pattern, advice in _SPARK_NEEDS_PERSON.items():
        if found := re.search(f".*(?:{pattern}).*", text):
            return Failure(Kind.PERSON, name, " ".join(found[0].split())[:300], advice)
    return Failure(Kind.PASSING, name, _message(error))


def _message(error: BaseException) -> str:
    return " ".join(error.format_message().split()) if isinstance(error, UserError) else safe_message(error)
