"""The archive that gives Spark's executors on other machines what a task runs: our code, and the packages it imports.

What that is, is asked from Python: the modules that the process which forks the workers (landing_stream.daemon) has
loaded, and the distributions that they came with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from landfall.layout import PROJECT

_LOADED = (
    "import json, sys, landing_stream.daemon;"
    " print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
)
_NOT_NEEDED = {"landfall", "setuptools"}
"""Distributions: ours is taken from its folders; the other hooks itself into every Python, and nothing uses it."""
_FAST = 1
"""Level of compression: it is fetched once a worker."""


def write_package(archive: Path) -> int:
    """Writes a `.tar.gz`; returns its size in bytes. Raises OSError where it cannot be written."""
    with tarfile.open(archive, "w:gz", compresslevel=_FAST) as tar:
        for file, name in sorted(set(_files())):
            tar.add(file, name, recursive=False)
    return archive.stat().st_size


def _files() -> Iterator[tuple[Path, str]]:
    """What is packed, each with its path in the archive."""
    loaded = json.loads(subprocess.run([sys.executable, "-c", _LOADED], check=True, stdout=subprocess.PIPE).stdout)
    known = metadata.packages_distributions()
    for package in loaded:
        if (PROJECT / package / "__init__.py").is_file():
            yield from _of_folder(PROJECT / package)
    for distribution in {name for package in loaded for name in known.get(package, ())} - _NOT_NEEDED:
        yield from _of_distribution(distribution)


def _of_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in folder.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file, str(file.relative_to(PROJECT))


def _of_distribution(name: str) -> Iterator[tuple[Path, str]]:
    for file in metadata.files(name) or ():
        found = Path(str(file.locate()))
        if found.is_file() and ".." not in file.parts and "__pycache__" not in file.parts:  # no script of bin/
            yield found, str(file)
