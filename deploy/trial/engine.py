"""The container engine that is here, and Compose, as commands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LEAST_COMPOSE = (2, 24)
DOCKER = shlex.split(os.environ.get("DOCKER", "docker"))
LABEL = "com.docker.compose."
COMPOSE = shlex.split(os.environ.get("COMPOSE", "")) or [*DOCKER, "compose"]


class TrialFailed(Exception):
    """What did not go as it should, in a sentence."""


def docker(*arguments: str, check: bool = True, quiet: bool = False) -> str:
    """What `docker ARGUMENT…` says on stdout. Raises TrialFailed when it fails."""
    return ran([*DOCKER, *arguments], check=check, quiet=quiet)


def ran(command: list[str], *, check: bool = True, quiet: bool = False, **options: Any) -> str:
    """What a command says on stdout; its stderr is shown unless `quiet`."""
    errors = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False, **options)
    if check and done.returncode != 0:
        raise TrialFailed(f"`{shlex.join(command)}` ended with {done.returncode}: {done.stdout.strip()[-2000:]}")
    return done.stdout.strip()


def insist_on_engine() -> None:
    """Raises TrialFailed where no engine answers, or Compose is older than the files need."""
    if not docker("version", "--format", "{{.Server.Version}}", check=False, quiet=True):
        raise TrialFailed("No container engine answers: start one, or set DOCKER_HOST to where one listens.")
    said = ran([*COMPOSE, "version", "--short"], check=False, quiet=True)
    found = re.match(r"v?(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < LEAST_COMPOSE:
        raise TrialFailed(f"Compose {said or 'is not here'}: the files need 2.24 or newer; COMPOSE names its program.")


@dataclass
class Project:
    """One project of Compose in a folder of its own: all that it makes has its name."""

    name: str
    folder: Path
    files: tuple[str, ...] = ("docker-compose.yml",)
    profiles: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    """Services that are left out."""

    def compose(self, *arguments: str, check: bool = True, quiet: bool = False) -> str:
        """What `docker compose ARGUMENT…` says on stdout."""
        chosen = [part for file in self.files for part in ("--file", file)]
        chosen += [part for profile in self.profiles for part in ("--profile", profile)]
        command = [*COMPOSE, "--project-name", self.name, *chosen, *arguments]
        environ = {**os.environ, **self.variables}
        return ran(command, check=check, quiet=quiet, cwd=self.folder, env=environ, stdin=subprocess.DEVNULL)

    def up(self) -> None:
        """Start everything and wait until all of it is healthy."""
        services = [one for one in self.compose("config", "--services").split() if one not in self.without]
        self.compose("up", "--detach", "--wait", "--wait-timeout", "900", "--no-build", *services)

    def images(self) -> set[str]:
        """Every image that it names."""
        return set(self.compose("config", "--images").split())

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of the container of a service."""
        labels = {"project": self.name, "service": service, "oneoff": "False"}
        wanted = [part for key, value in labels.items() for part in ("--filter", f"label={LABEL}{key}={value}")]
        if not (number := docker("ps", "--all", "--quiet", *wanted)):
            raise TrialFailed(f"{service} has no container.")
        found: dict[str, Any] = json.loads(docker("inspect", number))[0]
        return found

    def health(self, service: str) -> str:
        """healthy, unhealthy, starting; or, where there is no check, the container's state."""
        state = self.container(service)["State"]
        return str(state.get("Health", {}).get("Status") or state["Status"])

    def sql(self, statement: str) -> str:
        """The answer of Postgres, asked as its superuser on its socket."""
        command = ["psql", "-h", "/var/run/postgresql", "-U", "postgres", "-d", "landfall", "-Atc", statement]
        return self.compose("exec", "--no-TTY", "postgres", *command)
