"""promtool, Prometheus' own checker of rules: the one on the PATH, or Debian's, unpacked beside the project.

`python -m monitoring.promtool FOLDER` checks and tests the rules of this package; FOLDER keeps what is fetched.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from landfall.errors import UserError

HERE = Path(__file__).parent
PACKAGE = "prometheus"


def promtool(folder: Path) -> Path:
    """Path of a promtool. Without one on the PATH, Debian's package is fetched into `folder` once, 19 MB, as any user,
    and nothing is installed.

    Raises UserError where there is neither promtool nor apt, or where apt cannot fetch it.
    """
    if found := shutil.which("promtool"):
        return Path(found)
    unpacked = folder / "usr" / "bin" / "promtool"
    if not unpacked.exists():
        fetch(folder)
    return unpacked


def fetch(folder: Path) -> None:
    """Unpack Debian's package into the folder, whole or not at all."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise UserError(
            f"promtool is not here, and neither is apt to fetch it ({platform.system()}): install Prometheus, so that"
            " promtool is on the PATH, and run it again."
        )
    download, new = folder.with_name(folder.name + ".download"), folder.with_name(folder.name + ".new")
    for place in (download, new):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    print(f"Fetching Debian's package {PACKAGE} for its promtool (19 MB, once) ...", flush=True)
    # Without its sandbox apt says nothing about a folder that its own user may not enter.
    run("apt-get", "--quiet", "--option=APT::Sandbox::User=root", "download", PACKAGE, cwd=download)
    (package,) = download.glob("*.deb")
    run("dpkg-deb", "--extract", str(package), str(new), cwd=download)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    shutil.rmtree(download)


def run(*command: str, cwd: Path) -> None:
    """Run a program quietly; raises UserError with the last line that it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise UserError(
            f"{command[0]} could not bring promtool; it said: {said[-1]} Try `apt-get update`, or install Prometheus."
        )


def check(tool: Path, folder: Path = HERE) -> int:
    """promtool's verdict on the rules, the sample configuration and the rules' unit tests: 0 when all is well."""
    checks = [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ]
    codes = [subprocess.run([tool, *arguments], cwd=folder, check=False).returncode for arguments in checks]
    return max(codes)


def main() -> None:
    """Check, and end with promtool's exit code."""
    try:
        sys.exit(check(promtool(Path(sys.argv[1]).absolute())))
    except UserError as error:
        error.show()
        sys.exit(1)


if __name__ == "__main__":
    main()
