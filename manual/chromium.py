"""Chromium: the one on the PATH, or Debian's, unpacked beside the project."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from landfall.debian import unpack
from landfall.layout import build_folder

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")


@dataclass(frozen=True)
class Chromium:
    """The program, and variables that it needs beside those of this process."""

    program: Path
    variables: dict[str, str] = field(default_factory=dict)


def chromium(folder: Path | None = None) -> Chromium:
    """A Chromium. Without one on the PATH, Debian's packages are fetched into `folder` (`build/chromium`)
    once, 100 MB, as any user, and nothing is installed.

    Raises UserError where there is neither Chromium nor apt, or where apt cannot fetch it.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return Chromium(Path(found))
    folder = folder or build_folder() / "chromium"
    program = folder / "usr" / "lib" / "chromium" / "chromium"
    if not program.exists():
        unpack(PACKAGES, folder, "chromium", whole=True)
    fonts = folder / "fonts.conf"
    fonts.write_text(
        dedent(f"""\
            <?xml version="1.0"?>
            <!DOCTYPE fontconfig SYSTEM "fonts.dtd">
            <fontconfig>
              <dir>{folder}/usr/share/fonts</dir>
              <dir>/usr/share/fonts</dir>
              <cachedir>{folder}/fontconfig</cachedir>
            </fontconfig>
            """),
        encoding="utf-8",
    )
    libraries = sorted({str(library.parent) for library in (folder / "usr" / "lib").rglob("*.so*")})
    before = os.environ.get("LD_LIBRARY_PATH")
    return Chromium(
        program,
        {
            "LD_LIBRARY_PATH": os.pathsep.join([*libraries, *([before] if before else [])]),
            "FONTCONFIG_FILE": str(fonts),
        },
    )
