"""Secrets from files: NAME_FILE names a file that holds what the variable NAME would, as Docker, Kubernetes and systemd
hand secrets out. What a file holds stands in no environment that others are shown."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from landfall.errors import UserError

SUFFIX = "_FILE"


def with_secret_files(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """`environ` with each of these variables that is not set and whose NAME_FILE is; that one is left out.

    Blanks and line ends around a secret are not part of it; an empty file sets nothing.
    Raises UserError, by the variable's name, for a file that cannot be read.
    """
    found = dict(environ)
    for name in names:
        file = found.pop(name + SUFFIX, "")
        if file and not found.get(name):
            found[name] = secret_in(name + SUFFIX, file)
    return found


def secret_in(variable: str, file: str) -> str:
    """What the file of this variable holds."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UserError(f"{variable} is {file!r}, which cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{variable} is {file!r}, which holds no text in UTF-8.") from error
