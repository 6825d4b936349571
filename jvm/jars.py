"""The JVM jars: the Kafka broker's, Spark's Kafka source, a JDBC driver. Resolved by the Ivy that PySpark carries.

`python -m jvm.jars` makes build/jars complete; `python -m jvm.jars lock` pins what ivy.xml resolves to.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from jvm.java import java
from landfall.errors import UserError
from landfall.layout import build_folder

HERE = Path(__file__).parent
IVY_FILE = HERE / "ivy.xml"
LOCK_FILE = HERE / "jars.lock"
SETS = ("broker", "spark", "jdbc")
ADVICE = "run `make setup`"


def broker_classpath() -> str:
    """Class path of the Kafka broker. Raises UserError when set-up did not fetch its jars."""
    return ":".join(str(path) for path in jars("broker"))


def spark_jars() -> list[Path]:
    """Jars of Spark's Kafka source. Raises UserError when set-up did not fetch them."""
    return jars("spark")


def jdbc_jars() -> list[Path]:
    """Jars of Spark's JDBC sink. Raises UserError when set-up did not fetch them."""
    return jars("jdbc")


def jars(set_name: str) -> list[Path]:
    """The jars of one set, each of which exists. Raises UserError by name when one is missing."""
    paths = [folder() / name for name in pinned() if name.startswith(f"{set_name}/")]
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} is missing: {ADVICE}.")
    return paths


def folder() -> Path:
    """Where the sets are."""
    return build_folder() / "jars"


def pinned() -> dict[str, str]:
    """SHA-256 by `set/file`, as jars.lock names them."""
    lines = LOCK_FILE.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def digests(root: Path) -> dict[str, str]:
    """SHA-256 by `set/file` of the jars that are there."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob("*/*.jar"))
    }


def difference(wanted: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """The first jar that is missing or other than pinned, in words; None when all are as pinned."""
    for name, digest in wanted.items():
        if name not in found:
            return f"{name} is missing"
        if found[name] != digest:
            return f"{name} has another SHA-256 ({found[name]}) than jvm/jars.lock ({digest})"
    return None


def fetch() -> None:
    """Make build/jars complete. Does nothing when it is.

    Raises UserError when a download fails or a jar is not the pinned one.
    """
    wanted = pinned()
    if difference(wanted, digests(folder())) is None:
        print(f"JVM jars: all {len(wanted)} there")
        return
    resolved = resolve(total=len(wanted))
    if found := difference(wanted, digests(resolved)):
        raise UserError(f"The JVM jars cannot be used: {found}. Remove {build_folder() / 'ivy'} and {ADVICE} again.")
    shutil.rmtree(folder(), ignore_errors=True)
    resolved.rename(folder())
    print(f"JVM jars: {len(wanted)} in {folder()}")


def resolve(total: int | None) -> Path:
    """Let Ivy download both sets into a fresh folder, showing a line for each jar; returns the folder.

    Raises UserError with Ivy's own words when it fails.
    """
    target = build_folder() / "jars.new"
    shutil.rmtree(target, ignore_errors=True)
    pattern = f"{target}/[conf]/[artifact]-[revision].[ext]"
    command = [java(), "-jar", str(ivy_jar()), "-cache", str(build_folder() / "ivy"), "-ivy", str(IVY_FILE)]
    print("JVM jars: resolving (about a minute the first time) ...", flush=True)
    process = subprocess.Popen(
        [*command, "-confs", *SETS, "-retrieve", pattern], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    problems: list[str] = []
    done = 0
    for line in process.stdout:
        if "[SUCCESSFUL ]" in line:
            done += 1
            print(f"  {done}/{total or '?'}  {line.split('!')[-1].split()[0]}", flush=True)
        elif any(sign in line for sign in ("[FAILED", "[NOT FOUND", "UNRESOLVED", "not found", "Exception", "ERROR")):
            problems.append(line.strip(" :\t\n"))
    if process.wait() != 0 or problems:
        said = "; ".join(dict.fromkeys(problems[:3])) or f"Ivy ended with exit code {process.returncode}"
        raise UserError(
            f"The JVM jars could not be downloaded: {said}. Check the way to the Maven repository "
            f"(behind a proxy set JAVA_TOOL_OPTIONS=-Dhttps.proxyHost=HOST -Dhttps.proxyPort=PORT) and {ADVICE} again."
        )
    return target


def ivy_jar() -> Path:
    """The Ivy that PySpark carries."""
    # Imported here for start-up time.
    import pyspark

    return next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))


def write_lock() -> None:
    """Pin what ivy.xml resolves to now."""
    found = digests(resolve(total=None))
    LOCK_FILE.write_text("".join(f"{digest}  {name}\n" for name, digest in found.items()), encoding="ascii")


if __name__ == "__main__":
    try:
        write_lock() if sys.argv[1:] == ["lock"] else fetch()
    except UserError as error:
        error.show()
        sys.exit(1)
