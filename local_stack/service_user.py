"""The system user that Postgres runs as when Landfall is run as root: Postgres refuses to be root."""

import os
import pwd
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landfall.errors import UserError

NAME = "landfall"
FALL_BACKS = ("postgres", "nobody")
"""Where no user can be made (an image without useradd)."""


@dataclass(frozen=True)
class ServiceUser:
    """A user and its own group."""

    name: str
    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """Options of subprocess that run a program as this user and with no other group."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def service_user(data: Path) -> ServiceUser | None:
    """The user that owns the data folder, or the one to give a new one to; None when Landfall is not run as root."""
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    entry = pwd.getpwuid(owner) if owner else find_or_make()
    return ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def find_or_make() -> pwd.struct_passwd:
    """The system user `landfall`, made if it can be. Raises UserError when there is no user to take at all."""
    if not exists(NAME) and (program := shutil.which("useradd")):
        command = [program, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
        # Another `up` may have made it meanwhile: what counts is whether it is there afterwards.
        subprocess.run(command, capture_output=True, check=False)
    for name in (NAME, *FALL_BACKS):
        if exists(name):
            return pwd.getpwnam(name)
    raise UserError(
        f"Postgres does not run as root, and no system user could be made: add one named {NAME}, or use your own."
    )


def exists(name: str) -> bool:
    """Whether there is a user of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def let_through(user: ServiceUser, folder: Path) -> list[Path]:
    """Let this one user pass through the folders above and including `folder` that are closed to it, and no more:
    `x` without `r`, in the access control list, or for all others where the file system keeps none.

    Returns the folders changed.
    """
    changed: list[Path] = []
    if may_pass(user, folder):
        return changed
    for path in reversed([folder.resolve(), *folder.resolve().parents]):
        if not may_pass(user, path):
            try:
                os.setxattr(path, "system.posix_acl_access", access_list(path, user.uid))
            except OSError:
                path.chmod(path.stat().st_mode | 0o001)
            changed.append(path)
    return changed


def may_pass(user: ServiceUser, path: Path) -> bool:
    """Whether the user can go through this folder, asked as that user."""
    probe = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(path)], cwd="/", capture_output=True, check=False, **user.popen_options()
    )
    return probe.returncode == 0


def access_list(path: Path, uid: int) -> bytes:
    """The folder's mode as a POSIX access control list (version 2, little endian: tag, rights, id) with `x` for `uid`.

    An access list that is there already is kept, with the entry added.
    """
    unnamed = 0xFFFFFFFF
    user_obj, user, group_obj, mask, other = 0x01, 0x02, 0x04, 0x10, 0x20
    try:
        raw = os.getxattr(path, "system.posix_acl_access")
        entries = {(tag, name): rights for tag, rights, name in struct.iter_unpack("<HHI", raw[4:])}
    except OSError:
        mode = path.stat().st_mode
        entries = {(user_obj, unnamed): mode >> 6 & 7, (group_obj, unnamed): mode >> 3 & 7, (other, unnamed): mode & 7}
    entries[(user, uid)] = entries.get((user, uid), 0) | 1
    entries[(mask, unnamed)] = entries.get((mask, unnamed), entries[(group_obj, unnamed)]) | 1
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, rights, name) for (tag, name), rights in sorted(entries.items())
    )


def give(user: ServiceUser, path: Path) -> None:
    """Make the user the owner of a file or folder."""
    os.chown(path, user.uid, user.gid)
