"""Has rules judge texts and writes what comes out; a text on which they fail is set apart, and the others go on."""

from __future__ import annotations

import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal
from uuid import UUID

import psycopg

from enrichment.rules import Rules

logger = logging.getLogger(__name__)

PIECE = 1_000
"""Texts that are judged at once: 0.05 s of browsers' user agents, 0.4 s of ones of 2,048 characters."""
PIECE_SECONDS = 10.0
TEXT_SECONDS = 2.0
"""How long rules may take over a piece, and over a single text of a piece that they could not do."""
STEP_SECONDS = 20.0
"""After this many seconds what was judged is committed and the rest left to the next step: Postgres ends transactions
that are idle for 60 s, and no table should be held by one for longer."""

Connection = psycopg.Connection[tuple[Any, ...]]
Text = tuple[UUID, str]
"""(key, text)."""
Statement = Literal["insert", "correct"]


def nothing(*about: object) -> None:
    """What is said where nobody listens."""


@dataclass
class Care:
    """For a process whose predecessors died of a text: each is judged alone, `before` it is judged its kind and key are
    said, and afterwards that it is over. `refused`: texts that are not judged at all, by kind and key, and why.
    """

    one_by_one: bool = False
    before: Callable[[str, UUID], None] = nothing
    after: Callable[[], None] = nothing
    refused: Mapping[tuple[str, UUID], str] = field(default_factory=dict)


SET_APART = """
    insert into ops.texts_set_apart (kind, key, reason, rules) values (%s, %s, %s, %s)
    on conflict (kind, key) do update
    set reason = excluded.reason, rules = excluded.rules, set_apart_at = excluded.set_apart_at
"""
JUDGED_AFTER_ALL = "delete from ops.texts_set_apart where kind = %s and key = any(%s)"


class TookTooLong(BaseException):
    """Rules did not come to an end in time. No Exception, so that no rule takes it for one of its own."""


@dataclass
class Judged:
    """What became of some texts. `done`: how many were judged or set apart, from the first on; `changed`: keys of rows
    of which newer rules say something else; `set_apart`: how many the rules failed on.
    """

    done: int = 0
    changed: list[UUID] = field(default_factory=list)
    set_apart: int = 0

    def add(self, other: Judged) -> None:
        self.done += other.done
        self.changed += other.changed
        self.set_apart += other.set_apart


def judge(
    connection: Connection, rules: Rules, statement: Statement, texts: Sequence[Text], until: float, care: Care
) -> Judged:
    """Let rules judge texts, within a transaction, and give the outcome to a statement of their table: `insert` what
    texts of new_texts mean, or `correct` rows of other rules.

    Ends early once time.monotonic() has passed `until`, though never before something was done. Raises psycopg.Error
    when Postgres is away or refuses for another reason than what the rules said.
    """
    judged = Judged()
    for piece in pieces(texts, PIECE):
        at_once = not care.one_by_one and not any((rules.table.kind, key) in care.refused for key, _ in piece)
        try:
            if at_once:
                judged.add(judge_at_once(connection, rules, statement, piece, PIECE_SECONDS))
        except BaseException as error:
            if not is_about_texts(error):
                raise
            at_once = False
        for text in () if at_once else piece:
            judged.add(judge_one(connection, rules, statement, text, care))
            if time.monotonic() > until:
                break
        if time.monotonic() > until:
            break
    return judged


def judge_one(connection: Connection, rules: Rules, statement: Statement, text: Text, care: Care) -> Judged:
    """Judge a text, or set it apart."""
    kind, key = rules.table.kind, text[0]
    if reason := care.refused.get((kind, key)):
        set_apart(connection, rules, statement, text, reason)
        return Judged(done=1, set_apart=1)
    care.before(kind, key)
    try:
        return judge_alone(connection, rules, statement, text)
    finally:
        care.after()


def judge_alone(connection: Connection, rules: Rules, statement: Statement, text: Text) -> Judged:
    """Judge a text, or set it apart. Twice in time: the first may have passed while this process was suspended."""
    for again in (True, False):
        try:
            return judge_at_once(connection, rules, statement, [text], TEXT_SECONDS)
        except BaseException as error:
            if not is_about_texts(error):
                raise
            if again and isinstance(error, TookTooLong):
                continue
            set_apart(connection, rules, statement, text, reason_of(error))
            break
    return Judged(done=1, set_apart=1)


def judge_at_once(
    connection: Connection, rules: Rules, statement: Statement, texts: Sequence[Text], seconds: float
) -> Judged:
    """Judge texts and write what came out, all or nothing; raises whatever a rule raises, and TookTooLong."""
    with connection.transaction():
        with time_limit(seconds):
            values = rules.judge([text for _, text in texts])
        keys = [key for key, _ in texts]
        changed = write(connection, rules, statement, keys, values)
        if statement == "correct":
            connection.execute(JUDGED_AFTER_ALL, (rules.table.kind, keys))
    return Judged(len(texts), changed)


def set_apart(connection: Connection, rules: Rules, statement: Statement, text: Text, reason: str) -> None:
    """Note that the rules fail on a text. A new one counts as one that nothing is known of, a known one stays."""
    key, kind = text[0], rules.table.kind
    logger.warning("enrichment: the rules fail on a text of %s, which is set apart (%s): %s", kind, key, reason)
    with connection.transaction():
        if statement == "insert":
            write(connection, rules, "insert", [key], [rules.table.unknown])
        else:
            connection.execute(rules.table.keep, {"rules": rules.version, "keys": [key]})
        connection.execute(SET_APART, (kind, key, reason, rules.version))


def write(
    connection: Connection, rules: Rules, statement: Statement, keys: Sequence[UUID], values: Sequence[tuple[Any, ...]]
) -> list[UUID]:
    """Give what rules said to a statement of their table; the keys of rows that `correct` changed."""
    table = rules.table
    names = (*table.columns, *table.details)
    rows = [(key, *said) for key, said in zip(keys, values, strict=True)]
    if (first := table.write_first) is not None:  # some hundred places of ten thousand addresses
        connection.execute(first, arrays(names, sorted(set(values), key=str)))
    given = {**arrays(("key", *names), rows), "rules": rules.version}
    cursor = connection.execute(getattr(table, statement), given)
    return [key for (key,) in cursor.fetchall()] if statement == "correct" else []


def arrays(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The columns of rows, by their names."""
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def is_about_texts(error: BaseException) -> bool:
    """Whether an error is of the rules or of what they said, rather than of Postgres or of this process.

    A panic in Rust is a BaseException that is neither, hence the list of what is not.
    """
    if isinstance(error, psycopg.Error):
        return isinstance(error, psycopg.DataError | psycopg.IntegrityError)
    return not isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def reason_of(error: BaseException) -> str:
    """What happened and where, without the message: it may quote the text."""
    if isinstance(error, TookTooLong):
        return f"It took longer than {TEXT_SECONDS:g} s."
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f" in {Path(f.filename).name}, line {f.lineno}" for f in reversed(frames)), "")
    return f"{type(error).__name__}{place}."


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TookTooLong in what takes longer. Without effect beside the main thread, where no signal arrives."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pieces(texts: Sequence[Text], size: int) -> Iterator[Sequence[Text]]:
    """The texts, `size` at a time."""
    for start in range(0, len(texts), size):
        yield texts[start : start + size]
