"""Superset's own Python environment, beside ours, made on first use: its packages do not go together with ours.

`python -m dashboards.superset.environment` makes it, as `make` does; `landfall dashboards` does so by itself.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.processes import last_lines

FOLDER = PROJECT / ".venv-superset"
LOCK = PROJECT / "requirements-superset.lock"
STAMP = ".packages"
"""In the environment, so that it vanishes with it: the hash of the lock file that was installed."""
STEP = 25
"""Packages from one line of progress to the next."""
PIXEL = b"https://apachesuperset.gateway.scarf.sh/pixel/"
"""A picture on every page of Superset that tells its makers' host who looks; its switch is one of their build."""
NO_PIXEL = b"data:image/gif;base64,R0lGODlhAQABAAAAACw=#"

Say = Callable[[str], None]


def python() -> Path:
    """The interpreter with Superset."""
    return FOLDER / "bin" / "python"


def is_ready() -> bool:
    """Whether the environment is there, with the packages of the lock file as it is now."""
    try:
        return python().exists() and (FOLDER / STAMP).read_text(encoding="ascii").strip() == lock_hash()
    except OSError:
        return False


def lock_hash() -> str:
    """Names the content of the lock file."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def set_up(say: Say) -> None:
    """Make the environment unless it is ready; `say` is told how far it is. Takes a minute, or some on a slow line.

    Raises UserError when Python or pip fails; the next call goes on with what is there.
    """
    if is_ready():
        return
    if sys.version_info[:2] != (3, 11):
        raise UserError(f"Superset's packages are pinned for Python 3.11, this is {sys.version.split()[0]}.")
    with only_one(say):
        if is_ready():
            return
        if not runs():
            say(f"Virtual environment {FOLDER.name} for Apache Superset, beside ours")
            make()
        install(say)
        switch_pixel_off()
        (FOLDER / STAMP).write_text(lock_hash() + "\n", encoding="ascii")


@contextmanager
def only_one(say: Say) -> Iterator[None]:
    """Hold the folder while it is filled; another set-up waits. The kernel frees it when the process dies."""
    try:
        FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{FOLDER}, for Superset's packages, cannot be made: {error.strerror}.") from error
    descriptor = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of Superset's packages ...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def runs() -> bool:
    """Whether the environment's interpreter and pip can be started: a Python that was removed leaves a dead link."""
    try:
        command = [str(python()), "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make() -> None:
    """An empty environment of the Python that ours is of."""
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", FOLDER], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split())
        raise UserError(f"The virtual environment {FOLDER} could not be made (Debian: install python3.11-venv): {said}")


def install(say: Say) -> None:
    """Every package of the lock file, each by its hash; pip's own words go to pip.log in the environment."""
    total = sum("==" in line for line in LOCK.read_text(encoding="utf-8").splitlines())
    say(f"Python packages of Superset, {total} of them, each by its hash (a minute or some the first time)")
    log, seen = FOLDER / "pip.log", 0
    command = [str(python()), "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(LOCK)]
    with (
        log.open("w", encoding="utf-8") as written,
        subprocess.Popen(
            command,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as pip,
    ):
        assert pip.stdout is not None
        for line in pip.stdout:
            written.write(line)
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                seen += 1
                if seen % STEP == 0:
                    say(f"  {seen} of {total} found")
            elif line.startswith("Installing collected packages"):
                say("  unpacking them")
    if pip.returncode != 0:
        raise UserError(
            f"Superset's packages could not be installed. pip says: {last_lines(log, 3)} | More is in {log}. Check the"
            " way to the package index (pip's own settings, such as PIP_INDEX_URL or HTTPS_PROXY, are used); try again."
        )


def switch_pixel_off() -> None:
    """Make the picture that tells of each visit an empty one, in Superset's built pages."""
    for path in FOLDER.glob("lib/python3.11/site-packages/superset/static/assets/*.js"):
        if PIXEL in (text := path.read_bytes()):
            new = path.with_suffix(".new")
            new.write_bytes(text.replace(PIXEL, NO_PIXEL))
            new.replace(path)


def main() -> None:
    """Set up, with progress on stdout; ends with 1 and one sentence when it fails."""
    try:
        set_up(lambda line: print(line, flush=True))
    except UserError as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
