"""The machine, what set-up made, and the state folder: each thing that can be wrong, made wrong."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from health.doctor.bounds import GIB, Bounds
from health.doctor.deployment import Deployment
from health.doctor.machine import Room, judge_memory, judge_open_files, judge_processes, judge_python, judge_room
from landfall.layout import PROJECT
from landfall.services import End, ServiceRecord
from landfall.settings import Settings
from landfall.state import MARKER, open_state
from tests.doctor.conftest import found, listening, look, only, severities

LANDFALL = Path(sys.executable).parent / "landfall"


@pytest.fixture
def fresh(tmp_path: Path) -> Deployment:
    """A machine on which nothing was ever started."""
    return Deployment.of({"LANDFALL_HOME": str(tmp_path / "home")})


def doctor(home: Path, environ: dict[str, str], *program: str) -> dict[str, list[dict[str, str]]]:
    """`landfall doctor --json` in an environment of its own, started by a program: findings by check."""
    done = subprocess.run(
        [*program, str(LANDFALL), "doctor", "--json"],
        env={**os.environ, "LANDFALL_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["health"] == "error" else 0)
    return {check["name"]: check["findings"] for check in report["checks"]}


def test_on_a_fresh_machine_it_says_what_is_missing_and_what_is_fine(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [str(LANDFALL), "doctor"],
        env={**os.environ, "LANDFALL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "`landfall up` starts one here" in done.stdout
    assert "are as requirements.lock has them" in done.stdout
    assert "not asked, as postgres has to be well for it: postgres_logins" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_python_of_another_version() -> None:
    assert judge_python((3, 11, 9), ">=3.11,<3.12").severity == "ok"
    wrong = judge_python((3, 12, 1), ">=3.11,<3.12")
    assert (wrong.severity, wrong.message) == (
        "error",
        "This is Python 3.12.1, and the packages are locked for >=3.11,<3.12.",
    )


def test_no_java_a_java_that_is_too_old_and_one_that_does_not_start(tmp_path: Path) -> None:
    nothing = {"JAVA_HOME": "", "PATH": str(tmp_path), "LANDFALL_BUILD": str(tmp_path / "build")}
    findings = doctor(tmp_path / "home", nothing)
    assert findings["java"][0]["message"] == "No Java 17 or 21 was found."
    assert "make setup" in findings["java"][0]["advice"]
    assert "is missing" in findings["jars"][0]["message"]
    jdk = tmp_path / "jdk"
    (jdk / "bin").mkdir(parents=True)
    (jdk / "bin" / "java").write_text("#!/bin/sh\necho wrong architecture >&2\nexit 1\n", encoding="ascii")
    (jdk / "bin" / "java").chmod(0o755)
    for release, said in (("11.0.2", f"{jdk} is version 11"), ("17.0.2", "it says: wrong architecture")):
        (jdk / "release").write_text(f'JAVA_VERSION="{release}"\n', encoding="ascii")
        java = doctor(tmp_path / "home", {**nothing, "JAVA_HOME": str(jdk)})["java"][0]
        assert (java["severity"], said in java["message"]) == ("error", True), java


def test_memory_that_is_too_small_or_taken() -> None:
    bounds = Bounds()
    assert judge_memory(16 * GIB, 8 * GIB, bounds).severity == "ok"
    assert judge_memory(16 * GIB, GIB // 2, bounds).severity == "warn"
    assert judge_memory(4 * GIB, 3 * GIB, bounds).severity == "warn"
    assert judge_memory(GIB, GIB, bounds).severity == "error"


def test_the_figures_of_this_machine_are_judged(fresh: Deployment) -> None:
    more = psutil.virtual_memory().total + 1
    less = replace(fresh, bounds=Bounds(memory_bytes_warn=more, disk_free_bytes_warn=2**62, open_files_warn=2**62))
    assert only(less, "memory").severity == "warn"
    assert set(severities(found(less, "disk")).values()) >= {"warn"}
    none = replace(fresh, bounds=Bounds(disk_free_bytes_error=2**62))
    room = next(iter(found(none, "disk").values()))
    assert (room.severity, room.subject.split(",")[0]) == ("error", "state folder")
    assert "landfall retention" in room.advice


def test_a_disk_without_inodes_and_one_that_takes_no_writes(tmp_path: Path) -> None:
    bounds, free = Bounds(), 100 * GIB
    full = judge_room("Kafka", tmp_path, Room(free, free, 30, 1_000), bounds)
    assert (full.severity, "3.0 % of its inodes" in full.message, "du --inodes" in full.advice) == ("warn", True, True)
    assert judge_room("Kafka", tmp_path, Room(free, free, 1, 1_000), bounds).severity == "error"
    assert judge_room("Kafka", tmp_path, Room(free, free, 0, 0), bounds).severity == "ok"
    assert "takes no writes" in judge_room("state folder", tmp_path, Room(free, free, 0, 0, True), bounds).message


def test_few_open_files_and_few_processes(tmp_path: Path) -> None:
    low = doctor(tmp_path, {}, "/bin/sh", "-c", 'ulimit -n 200; exec "$0" "$@"')["limits"][0]
    assert (low["severity"], low["message"]) == ("error", "A process may have 200 files open, and raise that to 200.")
    bounds = Bounds()
    assert judge_open_files(512, 65_536, bounds).severity == "warn"
    assert judge_open_files(4_096, 65_536, bounds).severity == "ok"
    assert judge_open_files(-1, -1, bounds).severity == "ok"
    assert [each.severity for each in judge_processes({"container": 100, "user": -1}, bounds)] == ["warn"]


def test_packages_that_are_missing_or_of_another_version(fresh: Deployment, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "no-such-package==1.0 \\\n    --hash=sha256:00\n    # via landfall\n"
        "psycopg[binary]==3.0.1 \\\n    --hash=sha256:00\n"
        f"PyYAML=={version('pyyaml')} \\\n    --hash=sha256:00\n"
        'only-on-windows==1.0 ; sys_platform == "win32" \\\n    --hash=sha256:00\n',
        encoding="utf-8",
    )
    findings = found(replace(fresh, lock=lock), "packages")
    assert {name: finding.message for name, finding in findings.items()} == {
        "no-such-package": "It is not installed; the lock has 1.0.",
        "psycopg": f"Version {version('psycopg')} is installed, the lock has 3.0.1.",
    }
    assert {finding.severity for finding in findings.values()} == {"error"}
    assert only(fresh, "packages").severity == "ok"


def test_a_manifest_that_is_missing_stale_damaged_or_of_another_dbt(fresh: Deployment, tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    project.mkdir()
    model, target = project / "model.sql", project / "target" / "manifest.json"
    model.write_text("select 1", encoding="utf-8")
    there = replace(fresh, dbt_project=project)
    assert only(there, "manifest").message == f"{target} is missing."
    target.parent.mkdir()
    os.utime(model, (1, 1))
    target.write_text("{", encoding="utf-8")
    damaged = only(there, "manifest")
    assert damaged.message == f"{target} is damaged."
    assert damaged.advice == "Remove it and run `make setup`."
    target.write_text(json.dumps({"metadata": {"dbt_version": "1.0.0"}, "nodes": {}}), encoding="utf-8")
    other = only(there, "manifest")
    assert other.message == f"{target} was parsed by dbt 1.0.0, and {version('dbt-core')} is installed."
    assert other.advice == "Remove it and run `make setup`."
    os.utime(model, (time.time() + 60, time.time() + 60))
    assert only(there, "manifest").message == f"{target} is stale, model.sql is newer."
    assert only(fresh, "manifest").severity == "ok"


def test_every_contract_that_cannot_be_used_is_named(fresh: Deployment, own_contracts: Path) -> None:
    for name in ("web_logs", "job_tracking"):
        path = own_contracts / f"{name}.yaml"
        path.write_text(
            path.read_text(encoding="utf-8").replace("kind: DataContract", "kind: Recipe"), encoding="utf-8"
        )
    spoiled = found(replace(fresh, contracts_folder=own_contracts), "contracts")
    assert severities(spoiled) == {"web_logs": "error", "job_tracking": "error"}
    assert (
        f"{own_contracts / 'web_logs.yaml'}:3: kind: found 'Recipe'; write DataContract." == spoiled["web_logs"].message
    )
    shutil.rmtree(own_contracts)
    assert "no contract here" in only(replace(fresh, contracts_folder=own_contracts), "contracts").message


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LANDFALL_TRIGGER_SECONDS", "soon", "LANDFALL_TRIGGER_SECONDS is 'soon'"),
        ("LANDFALL_KAFKA_BOOTSTRAP", "x:1", "LANDFALL_KAFKA_BOOTSTRAP is not a setting"),
        ("LANDFALL_GEOIP_DATABASE", "/no/such.mmdb", "/no/such.mmdb is not there"),
        ("LANDFALL_HEALTH_LIMITS", "/no/limits.yaml", "/no/limits.yaml cannot be read"),
    ],
)
def test_settings_that_do_not_fit(variable: str, value: str, said: str, tmp_path: Path) -> None:
    wrong = Deployment.of({"LANDFALL_HOME": str(tmp_path), variable: value})
    finding = only(wrong, "settings")
    assert (finding.severity, said in finding.message) == ("error", True), finding
    assert look(wrong, "postgres", "state_folder")["state_folder"].is_well


def test_a_state_folder_of_others_and_one_whose_secrets_are_open(tmp_path: Path) -> None:
    home = tmp_path / "home"
    there = Deployment.of({"LANDFALL_HOME": str(home)})
    open_state(home)
    (home / "secrets.json").write_text("{}", encoding="ascii")
    (home / "secrets.json").chmod(0o644)
    open_file = only(there, "state_folder")
    assert open_file.message == "It holds secrets and has mode 644: other users can reach them."
    assert f"chmod 600 {home / 'secrets.json'}" in open_file.advice
    (home / "secrets.json").chmod(0o600)
    assert only(there, "state_folder").severity == "ok"
    (home / MARKER).write_text("{}", encoding="ascii")
    assert "damaged" in only(there, "state_folder").message
    (home / MARKER).unlink()
    assert only(there, "state_folder").message == f"It holds other files and no {MARKER}."


def test_ports_that_others_have(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_state(home)
    with listening() as (_, last), listening() as (_, chosen):
        (home / "postgres").mkdir()
        (home / "postgres" / "port").write_text(f"{last}\n", encoding="ascii")
        record = ServiceRecord.of_this_process("dagster")
        record.started(home, os.getpid(), last)
        record.forget(home)
        there = Deployment.of({"LANDFALL_HOME": str(home), "LANDFALL_METRICS_PORT": str(chosen)})
        findings = found(there, "ports")
    assert severities(findings) == {"Postgres": "warn", "dagster": "warn", "LANDFALL_METRICS_PORT": "error"}
    assert findings["Postgres"].message.startswith(f"Port {last} of 127.0.0.1, which it had last, is taken by process ")
    assert f"({psutil.Process().name()})" in findings["LANDFALL_METRICS_PORT"].message
    assert only(there, "ports").severity == "ok"


def test_services_that_die_again_and_again(tmp_path: Path) -> None:
    open_state(tmp_path)
    record = ServiceRecord.of_this_process("landing")
    record.ends = [End(time.time() - age, "by signal SIGKILL", "killed") for age in (60, 40, 20)]
    record.write(tmp_path)
    finding = only(Deployment.of({"LANDFALL_HOME": str(tmp_path)}), "services")
    assert (finding.subject, finding.severity) == ("landing", "error")
    assert finding.message.startswith("It ended 3 times in the last 15 min, the last time by signal SIGKILL, 20 s ago")


def test_the_project_itself_is_well(fresh: Deployment) -> None:
    seen = look(fresh, "java", "jars", "packages", "manifest", "contracts", "settings", "state_folder", "services")
    assert {name for name, each in seen.items() if not each.is_well} == set()
    assert isinstance(fresh.settings, Settings)
    assert fresh.lock.parent == PROJECT
