"""Programs of Debian's packages, unpacked into a folder as any user: nothing is installed, nothing else changes."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from landfall.errors import UserError

# Without its sandbox apt says nothing about a folder that its own user may not enter.
DOWNLOAD = ("apt-get", "--quiet", "--option=APT::Sandbox::User=root", "download")
# What a machine has already is not among what would be installed.
SIMULATE = ("apt-get", "--quiet", "--simulate", "--no-install-recommends", "install")
TO_INSTALL = re.compile(r"^Inst (\S+)", re.MULTILINE)


def unpack(packages: Sequence[str], folder: Path, program: str, *, whole: bool = False) -> None:
    """Unpack packages into the folder, all of them or none; `whole`: with what they depend on and the machine lacks.

    Raises UserError, which says how to get `program`, where there is no apt, or where apt cannot fetch them.
    """
    remedy = f"install {packages[0]}, so that {program} is on the PATH, and run it again."
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise UserError(f"{program} is not here, and neither is apt to fetch it ({platform.system()}): {remedy}")
    download, new = folder.with_name(folder.name + ".download"), folder.with_name(folder.name + ".new")
    for place in (download, new):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    if whole:
        packages = TO_INSTALL.findall(_run(*SIMULATE, *packages, cwd=download, program=program))
    print(f"Fetching {program} from Debian's packages ({len(packages)} of them, once) ...", flush=True)
    _run(*DOWNLOAD, *packages, cwd=download, program=program)
    for package in sorted(download.glob("*.deb")):
        _run("dpkg-deb", "--extract", str(package), str(new), cwd=download, program=program)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    shutil.rmtree(download)


def _run(*command: str, cwd: Path, program: str) -> str:
    """What a program says; raises UserError with the last line of it when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise UserError(
            f"{command[0]} could not bring {program}; it said: {said[-1]} Try `apt-get update`, or install it by hand."
        )
    return done.stdout
