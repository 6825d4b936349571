"""Who was erased, known outside the database and without who it was: what a restored backup is told.

A line of JSON for each identifier: the salted hashes of ops.erased_identifiers and what stands for it. Without the
salt, which is in the database alone, they say nothing, not even to who guesses an e-mail.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from erasure.identifiers import salted_key
from landfall.errors import UserError
from landfall.settings import Settings
from landfall.state import open_state

Connection = psycopg.Connection[tuple[Any, ...]]
logger = logging.getLogger(__name__)

FILE_NAME = "erasures.jsonl"
OF_THE_SALT = "landfall journal of erasures"
"""What is hashed with a salt to name it."""


@dataclass(frozen=True)
class Entry:
    """An identifier of somebody who was erased: a row of ops.erased_identifiers with the time of ops.erasures.

    `salt`: which salt the keys are made with. All texts; UUIDs in their canonical form, the time in ISO 8601.
    """

    salt: str
    kind: str
    key: str
    token: str
    replacement: str
    folded_key: str | None
    shape: str | None
    device_hash: str | None
    is_given: bool
    erased_at: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it is of."""
        return self.salt, self.kind, self.key


def name_of(salt: str) -> str:
    """The name of a salt, which does not tell it."""
    return str(salted_key(salt, OF_THE_SALT))


def account_of(models: Connection, salt: str) -> list[Entry]:
    """What the database knows of who was erased, as this session sees it."""
    rows = models.execute(
        "select i.kind, i.key::text, i.token, i.replacement, i.folded_key::text, i.shape, i.device_hash::text,"
        " i.is_given, to_char(e.erased_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        " from ops.erased_identifiers as i inner join ops.erasures as e on e.token = i.token"
        " order by e.erased_at, i.kind, i.key"
    ).fetchall()
    return [Entry(name_of(salt), *row) for row in rows]


@dataclass(frozen=True)
class Journal:
    """The file. It only grows: of two lines about one identifier the later one counts."""

    path: Path

    @classmethod
    def of(cls, settings: Settings) -> Journal:
        """The one that a setting names, or that of the state folder, which is made."""
        if settings.erasure_journal is not None:
            return cls(settings.erasure_journal)
        open_state(settings.home)
        return cls(settings.home / FILE_NAME)

    def check_writable(self) -> None:
        """Raise UserError where nothing can be added to it."""
        with self._opened():
            pass

    def read(self) -> list[Entry]:
        """What it says. A line that cannot be read is left out, and said: a machine that died may have broken it off.

        Raises UserError where the file cannot be read.
        """
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UserError(f"The journal of erasures {self.path} cannot be read: {error.strerror}.") from error
        return list({entry.identity: entry for entry in self._entries(text)}.values())

    def add(self, entries: Iterable[Entry]) -> None:
        """Write down what it does not say yet, on the disk before this returns. Raises UserError where it cannot."""
        with self._opened() as descriptor:
            known = {entry.identity: entry.replacement for entry in self.read()}
            new = [entry for entry in entries if known.get(entry.identity) != entry.replacement]
            lines = "".join(json.dumps(asdict(entry)) + "\n" for entry in new).encode()
            if new and self._is_broken_off(descriptor):
                lines = b"\n" + lines
            while lines:
                lines = lines[os.write(descriptor, lines) :]
            os.fsync(descriptor)

    def _entries(self, text: str) -> Iterator[Entry]:
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError):
                logger.warning("%s, line %d is no entry of a journal of erasures, and is left out", self.path, number)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, made for this user alone where it is missing, with nobody else writing it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UserError(
                f"The journal of erasures {self.path} cannot be written: {error.strerror}. Without it a restored backup"
                " would bring the person back, so nothing was changed. See LANDFALL_ERASURE_JOURNAL."
            ) from error

    @staticmethod
    def _is_broken_off(descriptor: int) -> bool:
        """Whether its last line has no end."""
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
