"""promtool, Prometheus' own checker of rules: the one on the PATH, or Debian's, unpacked beside the project.

`python -m monitoring.promtool FOLDER` checks and tests the rules of this package; FOLDER keeps what is fetched.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from landfall.debian import unpack
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
        unpack([PACKAGE], folder, "promtool")
    return unpacked


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
