"""docker-compose.yml, checked without an engine: against the published schema and against what the product promises."""

import json
import re
import signal
import subprocess
import time
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cli.main import group
from landfall.layout import PROJECT
from landfall.settings import Settings
from landfall.settings_table import declared

FENCE_GUARD = PROJECT / "orchestration" / "compose" / "unless-fenced.sh"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")


@pytest.fixture(scope="module")
def text() -> str:
    return (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """Names and values of .env.example."""
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_is_valid_by_the_compose_schema(compose: dict[str, Any]) -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    validator = jsonschema.validators.validator_for(published := json.loads(schema.read_text(encoding="utf-8")))
    errors = [f"{error.json_path}: {error.message}" for error in validator(published).iter_errors(compose)]
    assert errors == []


def test_the_system_is_whole(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {
        "postgres",
        "kafka",
        "migrate",
        "land",
        "refresh",
        "dagster-webserver",
        "dagster-daemon",
        "simulate",
        "metrics",
        "prometheus",
        "grafana",
    }
    profiles = {name: service["profiles"] for name, service in services.items() if service.get("profiles")}
    monitoring = {name: ["monitoring"] for name in ("metrics", "prometheus", "grafana")}
    assert profiles == {"simulate": ["simulate"], **monitoring}


def test_every_port_is_published_on_loopback_only(services: dict[str, dict[str, Any]]) -> None:
    ports = {name: port for name, service in services.items() for port in service.get("ports", [])}
    assert set(ports) == {"postgres", "kafka", "dagster-webserver", "metrics", "grafana"}
    assert [port for port in ports.values() if not port.startswith("127.0.0.1:")] == []


def test_images_are_pinned_to_a_full_version(services: dict[str, dict[str, Any]]) -> None:
    images = {service["image"] for service in services.values()}
    base = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    loose = [image for image in {*images, *base} if not re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image)]
    assert loose == []


def test_servers_are_those_of_the_local_stack(services: dict[str, dict[str, Any]]) -> None:
    jars = (PROJECT / "jvm" / "jars.lock").read_text(encoding="ascii")
    broker = re.search(r"broker/kafka_2\.13-([\d.]+)\.jar", jars)
    assert broker is not None
    assert services["kafka"]["image"] == f"apache/kafka:{broker[1]}"
    assert services["postgres"]["image"].startswith("postgres:18.")


def test_no_secret_stands_in_the_file(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), f"{name}: {variable}"
            for credentials in re.findall(r"://([^@/\s]+)@", value):
                assert re.fullmatch(r"[a-z_]+:\$\{[A-Z_]+:\?[^}]+\}", credentials), f"{name}: {variable}"


def test_no_secret_stands_in_an_argument_list(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        arguments = [service.get(key, []) for key in ("command", "entrypoint")] + [
            service.get("healthcheck", {}).get("test", [])
        ]
        assert "PASSWORD" not in json.dumps(arguments), name


def test_the_example_names_every_variable_and_no_value(text: str, example: dict[str, str]) -> None:
    used = {match["name"]: match["rest"] for match in VARIABLE.finditer(text)}
    assert set(example) == set(used)
    assert [name for name, value in example.items() if value] == []


def test_a_missing_password_is_an_error_and_a_missing_port_is_not(text: str) -> None:
    for match in VARIABLE.finditer(text):
        required = match["name"].endswith("_PASSWORD")
        assert match["rest"].startswith(":?" if required else ":-"), match[0]


def test_env_files_are_not_committed() -> None:
    assert ".env" in (PROJECT / ".gitignore").read_text(encoding="utf-8").split()


def test_the_image_gets_no_secrets_and_no_state() -> None:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for source in re.findall(r"^COPY (.+) \S+$", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE):
        for path in source.split():
            assert f"!{path}" in rules
            assert (PROJECT / path).exists()


def test_the_image_holds_every_package_that_runs_in_it() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (\S+) \./", dockerfile, re.MULTILINE))
    assert packages - copied == {"benchmarks", "manual"}


def test_the_image_runs_as_a_user_without_rights() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == "landfall"
    assert dockerfile.index("USER landfall") < dockerfile.index("CMD ")


def test_every_landfall_command_exists(services: dict[str, dict[str, Any]]) -> None:
    commands = {name: last_of(s["command"]) for name, s in services.items() if "command" in s}
    commands = {name: words for name, words in commands.items() if words[0] == "landfall"}
    assert set(commands) == {"migrate", "land", "refresh", "simulate", "metrics"}
    for name, (_, subcommand, *options) in commands.items():
        known = load(subcommand)
        unknown = [option for option in options if option.startswith("--") and option not in known]
        assert not unknown, f"{name}: landfall {subcommand} has no {unknown}"


def last_of(command: list[str]) -> list[str]:
    """The command, or what its shell becomes in the end."""
    return command[-1].rpartition("exec ")[2].split() if command[:2] == ["sh", "-c"] else command


def load(subcommand: str) -> set[str]:
    """The options of a subcommand."""
    import click

    command = group.get_command(click.Context(group), subcommand)
    assert command is not None, subcommand
    return {option for parameter in command.params for option in parameter.opts}


def test_services_wait_for_what_they_need(services: dict[str, dict[str, Any]]) -> None:
    assert {name: s["condition"] for name, s in services["migrate"]["depends_on"].items()} == {
        "postgres": "service_healthy",
        "kafka": "service_healthy",
    }
    for name in ("land", "refresh", "dagster-webserver", "dagster-daemon", "simulate", "metrics", "grafana"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    for name in ("postgres", "kafka", "dagster-webserver", "dagster-daemon"):
        assert "healthcheck" in services[name]


def test_services_come_back_after_a_failure(services: dict[str, dict[str, Any]]) -> None:
    assert {name: service["restart"] for name, service in services.items()} == {
        "postgres": "unless-stopped",
        "kafka": "unless-stopped",
        "migrate": "on-failure:3",
        "land": "on-failure",
        "refresh": "unless-stopped",
        "dagster-webserver": "unless-stopped",
        "dagster-daemon": "unless-stopped",
        "simulate": "on-failure",
        "metrics": "unless-stopped",
        "prometheus": "unless-stopped",
        "grafana": "unless-stopped",
    }
    assert services["land"]["entrypoint"] == [f"/opt/landfall/{FENCE_GUARD.relative_to(PROJECT)}"]


def test_the_exporter_stays_on_loopback_and_prometheus_shares_its_network(services: dict[str, dict[str, Any]]) -> None:
    sample = yaml.safe_load((PROJECT / "monitoring" / "prometheus.yml").read_text(encoding="utf-8"))
    assert sample["scrape_configs"][0]["static_configs"] == [{"targets": [f"127.0.0.1:{Settings.metrics_port}"]}]
    assert services["prometheus"]["network_mode"] == "service:metrics"


def test_every_variable_of_our_services_is_a_setting(services: dict[str, dict[str, Any]]) -> None:
    ours = [service for service in services.values() if service["image"].startswith("landfall:")]
    assert len(ours) == 7
    given = {name for service in ours for name in service.get("environment", {}) if name.startswith("LANDFALL_")}
    assert given - {name for variable in declared() for name in variable.names} == set()


def test_grafana_gets_every_variable_of_its_provisioning(services: dict[str, dict[str, Any]]) -> None:
    texts = (path.read_text(encoding="utf-8") for path in (PROJECT / "dashboards" / "grafana").rglob("*.yml"))
    used = set(re.findall(r"\$([A-Z_]+)", "".join(texts)))
    assert used == {name for name in services["grafana"]["environment"] if name.startswith("LANDFALL_")}


def test_data_survives_the_containers(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    for mount in mounts:
        source = mount.split(":")[0]
        assert (PROJECT / source).exists() if source.startswith("./") else source in compose["volumes"]
    assert "postgres:/var/lib/postgresql" in mounts


@pytest.mark.parametrize(("ended_with", "seen_by_docker"), [(0, 0), (1, 1), (3, 0)])
def test_only_a_fenced_writer_ends_without_a_restart(ended_with: int, seen_by_docker: int) -> None:
    done = subprocess.run([FENCE_GUARD, "sh", "-c", f"exit {ended_with}"], check=False, capture_output=True, timeout=20)
    assert done.returncode == seen_by_docker


def test_a_stop_reaches_the_writer_and_waits_for_its_batch(tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    writer = f"trap 'sleep 0.3; touch {ended}; exit 0' TERM; touch {started}; while :; do sleep 0.05; done"
    guard = subprocess.Popen([FENCE_GUARD, "sh", "-c", writer])
    deadline = time.monotonic() + 10
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    guard.send_signal(signal.SIGTERM)
    assert guard.wait(timeout=10) == 0
    assert ended.exists()
