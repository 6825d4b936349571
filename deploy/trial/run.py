"""Brings docker-compose.yml up, works with it, breaks it, and says what held: `make compose-test`.

Where an engine is. Public images are taken where their registry is reached, else stand-ins are built (standins.py). It
works on a copy of the committed and changed files, under names and on ports of its own, and removes all of it but the
images, so that a second run takes minutes. `--only one-broker` or `--only cluster` runs a part; RESTART_ENGINE holds a
command that restarts the engine, where that is to be tried too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.trial.engine import Project, TrialFailed, docker, insist_on_engine, ran
from deploy.trial.standins import build, provide
from landfall.layout import PROJECT, build_folder
from landfall.processes import free_port, wait_until

PORTS = ("POSTGRES", "KAFKA", "DAGSTER", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "SUPERSET")
IMAGES = {"landfall": "landfall:0.1.0", "dashboards": "landfall-dashboards:0.1.0"}
LANDED = """
    select coalesce(sum(s.until_offset - s.from_offset), 0) || ' ' || coalesce(sum(s.landed), 0)
        || ' ' || coalesce(sum(s.quarantined), 0)
    from landing.slices as s
"""
ROWS = """
    select count(*) || ' ' || count(distinct (topic_id, kafka_partition, kafka_offset)) from (
        select topic_id, kafka_partition, kafka_offset from landing.product_views
        union all select topic_id, kafka_partition, kafka_offset from landing.web_logs
        union all select topic_id, kafka_partition, kafka_offset from landing.job_tracking
    ) as landed
"""
MODELS_ARE_BEHIND = """
    select count(*) from ops.model_progress as p inner join ops.horizons as h on p.source = h.stream
    where p.position < h.landed_hi
"""
FACTS = "select count(*) from marts.fct_product_events"


class Trial:
    """One project, and what is done with it. `events`: how many were written to its topics."""

    def __init__(self, project: Project) -> None:
        self.project, self.events = project, 0

    def step(self, what: str, action: Callable[[], object]) -> None:
        """Do it, and say how long it took."""
        began = time.monotonic()
        said = action()
        print(f"  {time.monotonic() - began:6.1f} s  {what}{f': {said}' if said else ''}", flush=True)

    def wait(self, what: str, done: Callable[[], bool], seconds: float = 300) -> None:
        """Raises TrialFailed where it does not come true."""
        if not wait_until(done, seconds, 1.0):
            raise TrialFailed(f"After {seconds:.0f} s it is not so: {what}.")

    def healthy(self, *services: str) -> None:
        """Wait until each is."""
        for service in services:
            self.wait(f"{service} is healthy", partial(self.is_healthy, service))

    def is_healthy(self, service: str) -> bool:
        """Whether its check says so."""
        return self.project.health(service) == "healthy"

    def simulate(self, count: int) -> str:
        """Write events, and wait until each offset of the topics is landed or in quarantine, once."""
        command = ["landfall", "simulate", "--count", str(count)]
        self.project.compose("--profile", "simulate", "run", "--rm", "--no-deps", "--no-TTY", "simulate", *command)
        self.events += count
        return self.count()

    def count(self) -> str:
        """What landed, once the ledger has as many as were written; raises TrialFailed where rows and ledger differ."""
        self.wait(f"{self.events} events are landed", lambda: int(self.project.sql(LANDED).split()[0]) >= self.events)
        offsets, landed, quarantined = map(int, self.project.sql(LANDED).split())
        rows, distinct = map(int, self.project.sql(ROWS).split())
        if not self.events == offsets == landed + quarantined or not landed == rows == distinct:
            raise TrialFailed(
                f"{self.events} written; {offsets} offsets, {landed} landed and {quarantined} quarantined;"
                f" {rows} rows, {distinct} distinct"
            )
        return f"{offsets} offsets, {rows} rows, all distinct, {quarantined} in quarantine"

    def models(self) -> str:
        """Wait until the facts have what landed."""
        self.wait("models have read all", lambda: self.project.sql(MODELS_ARE_BEHIND) == "0")
        if (facts := self.project.sql(FACTS)) == "0":
            raise TrialFailed("The models have read all, and the facts are empty.")
        return f"{facts} product events in the facts"

    def page(self, port: str, path: str, holds: str = "") -> None:
        """Wait until a page answers on this machine. Raises TrialFailed."""
        address = f"http://127.0.0.1:{self.project.variables[f'{port}_PORT']}{path}"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(address, timeout=10) as response:
                    return response.status == 200 and holds in response.read().decode()
            except (OSError, urllib.error.URLError):
                return False

        self.wait(f"{path} of {port} answers", answers, 120)

    def assets(self) -> str:
        """How many assets Dagster's page knows: its code was loaded."""
        address = f"http://127.0.0.1:{self.project.variables['DAGSTER_PORT']}/graphql"
        body = json.dumps({"query": "{ assetNodes { id } }"}).encode()
        request = urllib.request.Request(address, body, {"content-type": "application/json"})
        found: list[object] = []

        def known() -> bool:
            with urllib.request.urlopen(request, timeout=30) as response:
                found[:] = json.load(response)["data"]["assetNodes"]
            return len(found) > 100

        self.wait("Dagster has loaded its code", known)
        return f"{len(found)} assets"

    def break_it(self, service: str) -> str:
        """Kill every process of a service, and wait until it is well again."""
        before = int(self.project.container(service)["RestartCount"])
        self.project.compose("exec", "--no-TTY", service, "sh", "-c", "kill -9 -1", check=False, quiet=True)
        self.wait("it was restarted", lambda: int(self.project.container(service)["RestartCount"]) > before)
        self.healthy(service)
        return f"{self.project.container(service)['RestartCount']} restart"

    def fence(self) -> str:
        """A second landing takes over; the first waits, unhealthy, until it is started again."""
        second, generation = f"{self.project.name}-second", "select max(generation) from landing.writers"
        before = self.project.sql(generation)
        self.project.compose("run", "--detach", "--no-deps", "--name", second, "land")
        self.wait("the second has taken over", lambda: self.project.sql(generation) != before)
        self.simulate(2_000)  # the first learns of it by the next load that it begins
        self.wait("the first is unhealthy", lambda: self.project.health("land") == "unhealthy")
        state = self.project.container("land")["State"]
        said = state["Health"]["Log"][-1]["Output"].strip()
        if not state["Running"] or "fenced" not in said:
            raise TrialFailed(f"The fenced landing says {said!r} and is {state['Status']}.")
        docker("rm", "--force", second)
        self.project.compose("restart", "land")
        self.healthy("land")
        return said

    def hardened(self) -> str:
        """No container has a capability, a writable root or the way to either; none runs as root."""
        names = self.project.compose("ps", "--all", "--services").split()
        for name in names:
            found = self.project.container(name)
            host = found["HostConfig"]
            if not (
                host["ReadonlyRootfs"]
                and host["CapDrop"] == ["ALL"]
                and "no-new-privileges:true" in host["SecurityOpt"]
                and host["Memory"] > 0
            ):
                raise TrialFailed(f"{name} is not as the others: {host['SecurityOpt']}, {host['CapDrop']}")
            if found["State"]["Running"]:
                user = docker("exec", found["Id"], "sh", "-c", "grep -E '^(Uid|CapEff)' /proc/self/status")
                if "0000000000000000" not in user or user.split()[1] == "0":
                    raise TrialFailed(f"{name} runs with {user!r}.")
                if any(self.secret() in variable for variable in found["Config"]["Env"]):
                    raise TrialFailed(f"A password stands in the environment of {name}.")
        return f"{len(names)} services"

    def secret(self) -> str:
        """A password that no environment is to hold."""
        return (self.project.folder / "secrets" / "transformer_password").read_text(encoding="ascii").strip()

    def backup(self) -> str:
        """A dump through the service for it, whole enough to be listed."""
        dumped = "pg_dump --format=custom > /tmp/dump && pg_restore --list /tmp/dump | wc -l"
        command = ["--profile", "backup", "run", "--rm", "--no-TTY", "backup", "sh", "-c", dumped]
        entries = int(self.project.compose(*command).split()[-1])
        if entries < 500:
            raise TrialFailed(f"The backup lists {entries} entries.")
        return f"{entries} entries"


def one_broker(project: Project) -> None:
    """The system as docker-compose.yml has it, with all profiles."""
    trial = Trial(project)
    trial.step("up, and all healthy", project.up)
    trial.step("without rights, read-only, no password in an environment", trial.hardened)
    trial.step("events land, each once", lambda: trial.simulate(30_000))
    trial.step("models", trial.models)
    trial.step("Dagster's page", lambda: trial.page("DAGSTER", "/server_info", "dagster_version"))
    trial.step("Dagster's code", trial.assets)
    trial.step("Superset's page", lambda: trial.page("SUPERSET", "/login/"))
    trial.step("Prometheus scrapes", lambda: trial.page("PROMETHEUS", "/api/v1/targets", '"health":"up"'))
    trial.step("Alertmanager's page", lambda: trial.page("ALERTMANAGER", "/-/ready"))
    trial.step("metrics made anew is scraped again", lambda: scraped_again(trial))
    trial.step("the landing killed", lambda: trial.break_it("land"))
    trial.step("events land, each once", lambda: trial.simulate(5_000))
    trial.step("Dagster's daemon killed", lambda: trial.break_it("dagster-daemon"))
    trial.step("a second landing", trial.fence)
    trial.step("events land, each once", lambda: trial.simulate(5_000))
    trial.step("a backup", trial.backup)
    if command := os.environ.get("RESTART_ENGINE"):
        trial.step("the engine restarted", lambda: restart_engine(trial, command))
    trial.step("down, which keeps the data", lambda: project.compose("down"))
    trial.step("up again", project.up)
    trial.step("nothing is lost", trial.count)
    trial.step("events land, each once", lambda: trial.simulate(5_000))
    trial.step("models", trial.models)
    print(docker("stats", "--no-stream", "--format", "  {{.Name}}  {{.CPUPerc}}  {{.MemUsage}}"), flush=True)


def scraped_again(trial: Trial) -> None:
    """The exporter is made anew, and Prometheus finds it."""
    trial.project.compose("up", "--detach", "--no-build", "--no-deps", "--force-recreate", "metrics")
    trial.healthy("metrics")
    trial.page("PROMETHEUS", "/api/v1/query?query=up%20%3D%3D%201", '"instance":"metrics:9464"')


def restart_engine(trial: Trial, command: str) -> str:
    """As a reboot does; then all is well again by itself."""
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
    trial.wait("the engine answers", lambda: bool(docker("ps", "--quiet", check=False, quiet=True)), 60)
    trial.healthy("postgres", "kafka", "land", "refresh", "dagster-webserver", "dagster-daemon", "metrics")
    return trial.simulate(5_000)


def cluster(project: Project) -> None:
    """The system on three brokers and a Spark cluster."""
    trial = Trial(project)
    trial.step("up, and all healthy", project.up)
    trial.step("events land, each once", lambda: trial.simulate(30_000))
    trial.step("models", trial.models)
    trial.step("a broker killed", lambda: trial.break_it("kafka-2"))
    trial.step("events land, each once", lambda: trial.simulate(5_000))
    trial.step("a worker killed", lambda: trial.break_it("spark-worker-1"))
    trial.step("events land, each once", lambda: trial.simulate(5_000))
    print(docker("stats", "--no-stream", "--format", "  {{.Name}}  {{.CPUPerc}}  {{.MemUsage}}"), flush=True)


def copy_of_the_files(folder: Path) -> None:
    """What git knows or would take, so that secrets and `.env` of this clone stay out of it."""
    listed = ran(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=PROJECT)
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


def prepare(project: Project, work: Path, *, dashboards: bool) -> None:
    """Every image that the project needs; a service without one is left out, and said."""
    python = "python:3.11.14-slim-bookworm"
    wanted = {python, *project.images()} - set(IMAGES.values())
    missing = {image for image in sorted(wanted) if not provide(image, work)}
    for image in missing:
        service = image.split("/")[-1].split(":")[0]
        project.without = (*project.without, service)
        print(f"  left out, as no registry is reached and nothing stands in for it: {service}", flush=True)
    targets = ["landfall", *(["dashboards"] if dashboards else [])]
    for target in targets:
        build(project.folder, project.folder / "Dockerfile", IMAGES[target], {"PYTHON_IMAGE": python}, target)


def run(name: str, work: Path) -> None:
    """One part, from its first image to its last volume."""
    print(f"{name}:", flush=True)
    variables: dict[str, str] = {}
    for port in PORTS:
        variables[f"{port}_PORT"] = str(free_port(None, tuple(map(int, variables.values()))))
    with tempfile.TemporaryDirectory(dir=work, prefix=f"{name}-") as folder:
        copy_of_the_files(Path(folder))
        subprocess.run(["sh", "deploy/compose/secrets.sh"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        files: tuple[str, ...] = ("docker-compose.yml",)
        profiles: tuple[str, ...] = ("monitoring", "dashboards")
        if name == "cluster":
            files, profiles = (*files, "deploy/compose/cluster.yml"), ()
        project = Project(f"landfall-trial-{name}", Path(folder), files, profiles, variables)
        began = time.monotonic()
        prepare(project, work, dashboards="dashboards" in profiles)
        print(f"  {time.monotonic() - began:6.1f} s  images", flush=True)
        try:
            (cluster if name == "cluster" else one_broker)(project)
        except TrialFailed:
            print(project.compose("ps", "--all", check=False), flush=True)
            print(project.compose("logs", "--tail", "30", check=False), flush=True)
            raise
        finally:
            everything = ("--profile", "*")
            project.compose(*everything, "down", "--volumes", "--remove-orphans", check=False, quiet=True)


def main() -> None:
    """Run what was asked for; ends with 1 and a sentence where something did not hold."""
    parser = argparse.ArgumentParser(prog="make compose-test", description=__doc__)
    parser.add_argument("--only", choices=("one-broker", "cluster"))
    only = parser.parse_args().only
    work = build_folder() / "compose-trial"
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        insist_on_engine()
        for name in (only,) if only else ("one-broker", "cluster"):
            run(name, work)
    except TrialFailed as failed:
        sys.exit(f"compose-test: {failed}")
    print(f"All held, in {(time.monotonic() - began) / 60:.0f} minutes.")


if __name__ == "__main__":
    main()
