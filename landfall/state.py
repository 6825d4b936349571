"""The state folder (LANDFALL_HOME): what makes it ours, its passwords, and its lock."""

import fcntl
import json
import os
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landfall.errors import UserError

MARKER = "landfall-state.json"
VERSION = 1
LOCK = "lock"
SECRETS = "secrets.json"
LOCK_SECONDS = 300.0
"""Longest wait for another `up` or `down`: a first start takes 20 s, on a busy machine a few times that."""


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 600, whole or not at all: a reader sees the old text or the new one, also after a crash."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_state(home: Path) -> None:
    """Make the state folder, or check that the existing one is ours and of this version.

    Raises UserError, before anything is written, for a folder of other things, a damaged marker or another version.
    """
    marker = home / MARKER
    if home.exists() and not home.is_dir():
        raise UserError(f"{home} is a file: set LANDFALL_HOME to a folder.")
    if marker.exists():
        check_marker(marker)
        return
    if home.exists() and any(entry.name != LOCK for entry in home.iterdir()):
        raise UserError(
            f"{home} is not a Landfall state folder: it holds other files and no {MARKER}. "
            "Set LANDFALL_HOME to a new or empty folder."
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        write_private(marker, json.dumps({"product": "landfall", "version": VERSION}) + "\n")
    except OSError as error:
        raise UserError(f"{home} cannot be made: {error.strerror}. Set LANDFALL_HOME to a folder you own.") from error


def require_state(home: Path) -> None:
    """Check that `home` is a state folder of ours; raises UserError when there is none."""
    if not (home / MARKER).exists():
        raise UserError(
            f"Nothing was started in {home}: run `landfall up`, or set LANDFALL_HOME to the folder you mean."
        )
    check_marker(home / MARKER)


def check_marker(marker: Path) -> None:
    """Raise UserError when the marker is damaged or of another version."""
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
        product, version = found["product"], found["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(marker) from error
    if product != "landfall":
        raise damaged(marker)
    if version != VERSION:
        raise UserError(
            f"{marker.parent} is of state version {version}, this Landfall works with version {VERSION}: "
            "use the release that made it, or set LANDFALL_HOME to a new folder."
        )


def damaged(path: Path) -> UserError:
    """The one sentence about a damaged state folder."""
    return UserError(
        f"The state folder is damaged: {path} is missing or not as Landfall wrote it. Restore it from a backup; "
        f"or run `landfall down`, remove {path.parent} with all its data, and run `landfall up`."
    )


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the folder's lock: `up` and `down` from several terminals follow one another.

    The kernel frees it when the process dies, so a killed `up` leaves no lock behind.
    Raises UserError when another command holds it for longer than LOCK_SECONDS.
    """
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"Another landfall command is starting or stopping {home}: try again when it has ended."
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def passwords(home: Path, names: tuple[str, ...], *, create: bool) -> dict[str, str]:
    """Passwords by role. With `create` they are made once; without, raises UserError when they are lost."""
    path = home / SECRETS
    if not path.exists():
        if not create:
            raise damaged(path)
        write_private(path, json.dumps({name: secrets.token_urlsafe(24) for name in names}) + "\n")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in names}
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path) from error
