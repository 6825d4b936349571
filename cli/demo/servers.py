"""What the demo needs before the first event: the local servers, and reference data that the events refer to."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.children import Child
from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings, environ_of_home
from simulator import reference
from warehouse.reference import load_reference


@contextmanager
def only_demo(home: Path) -> Iterator[None]:
    """Hold the folder for one demo: two would take the landing over from each other. Raises UserError for the second.

    The kernel frees the lock when the process dies.
    """
    descriptor = os.open(home / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UserError(f"Another demo runs in {home}: set LANDFALL_HOME to another folder.") from None
    try:
        yield
    finally:
        os.close(descriptor)


def forget_other_servers(home: Path) -> None:
    """The demo and its children use the servers of `home`, whatever servers the environment names."""
    wanted = environ_of_home(home, os.environ)
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)


def refusal(child: Child) -> UserError:
    """Why `landfall up` ended: the sentence that it said."""
    said = child.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = said[-1] if said else ""
    return UserError(last.removeprefix("landfall: ") or f"`{child.name}` failed without a word: see {child.log}.")


def load_simulated_reference(settings: Settings) -> str:
    """Load the simulator's reference data, unless there is other; returns what was done, in words."""
    names = [str(row["name"]) for row in reference.tables()["company"]]
    with connect(settings.as_transformer, application_name="landfall demo") as connection:
        foreign = connection.execute("select from reference.company where name <> all(%s) limit 1", (names,)).fetchone()
    if foreign is not None:
        return "reference data kept: it is not the simulator's"
    with tempfile.TemporaryDirectory(prefix="landfall-reference-") as folder:
        reference.write(Path(folder))
        loaded = {table.table: table.rows for table in load_reference(settings, folder)}
    return f"reference data loaded: {loaded['job']:,} jobs, {loaded['campaign']:,} campaigns"
