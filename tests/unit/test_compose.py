"""docker-compose.yml, checked without an engine: against the published schema and against what the product promises."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cli.main import group
from landfall.heartbeat import Heartbeat
from landfall.layout import PROJECT
from landfall.processes import wait_until
from landfall.settings import Settings
from landfall.settings_table import names

IN_CONTAINERS = PROJECT / "deploy" / "container"
FENCE_GUARD = IN_CONTAINERS / "waits-when-fenced.sh"
BEATING = IN_CONTAINERS / "beating.sh"
ANSWERS = IN_CONTAINERS / "answers.sh"
CLUSTER = PROJECT / "deploy" / "compose" / "cluster.yml"
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
OPTIONAL = {
    "backup": "backup",
    "dashboards": "dashboards",
    "simulate": "simulate",
    **dict.fromkeys(("metrics", "prometheus", "alertmanager", "grafana"), "monitoring"),
}
"""By service, the profile that starts it."""


class ComposeLoader(yaml.SafeLoader):
    """Knows Compose's own tag for what replaces, and is not merged."""


def replacing(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    """What stands behind the tag."""
    return loader.construct_mapping(node, deep=True)


ComposeLoader.add_constructor("!override", replacing)


@pytest.fixture(scope="module")
def text() -> str:
    return (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(CLUSTER.read_text(encoding="utf-8"), ComposeLoader)
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


def test_both_files_are_valid_by_the_compose_schema(compose: dict[str, Any], cluster: dict[str, Any]) -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    validator = jsonschema.validators.validator_for(published := json.loads(schema.read_text(encoding="utf-8")))
    for document in (compose, cluster):
        errors = [f"{error.json_path}: {error.message}" for error in validator(published).iter_errors(document)]
        assert errors == []


def test_the_system_is_whole(services: dict[str, dict[str, Any]]) -> None:
    always = {"postgres", "kafka", "migrate", "land", "refresh", "dagster-webserver", "dagster-daemon"}
    assert set(services) == always | set(OPTIONAL)
    profiles = {name: service["profiles"] for name, service in services.items() if service.get("profiles")}
    assert profiles == {name: [profile] for name, profile in OPTIONAL.items()}


def test_every_port_is_published_on_loopback_only(services: dict[str, dict[str, Any]], cluster: dict[str, Any]) -> None:
    ports = {name: port for name, service in services.items() for port in service.get("ports", [])}
    pages = {"dagster-webserver", "dashboards", "prometheus", "alertmanager", "grafana"}
    assert set(ports) == {"postgres", "kafka"} | pages
    assert [port for port in ports.values() if not port.startswith("127.0.0.1:")] == []
    assert [name for name, service in cluster["services"].items() if "ports" in service] == []


def image_of(service: dict[str, Any]) -> str:
    """The image that it has where `.env` names no other."""
    found: str = re.sub(r"^\$\{[A-Z]+_IMAGE:-(.+)\}$", r"\1", service["image"])
    return found


def test_images_are_pinned_to_a_full_version_and_may_be_by_digest(services: dict[str, dict[str, Any]]) -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    base = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", dockerfile, re.MULTILINE)
    images = {image_of(service) for service in services.values()}
    loose = [image for image in {*images, *base} if not re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image)]
    assert loose == []
    assert {service["build"]["args"]["PYTHON_IMAGE"] for service in services.values() if "build" in service} == {
        f"${{PYTHON_IMAGE:-{base[0]}}}"
    }
    ours = {image for image in images if image.startswith("landfall")}
    assert {s["image"] for s in services.values() if not s["image"].startswith("$")} == ours


def test_servers_are_those_of_the_local_stack(services: dict[str, dict[str, Any]]) -> None:
    jars = (PROJECT / "jvm" / "jars.lock").read_text(encoding="ascii")
    broker = re.search(r"broker/kafka_2\.13-([\d.]+)\.jar", jars)
    assert broker is not None
    assert image_of(services["kafka"]) == f"apache/kafka:{broker[1]}"
    assert image_of(services["postgres"]).startswith("postgres:18.")


def test_secrets_are_files_and_stand_in_no_environment(
    compose: dict[str, Any], services: dict[str, dict[str, Any]], cluster: dict[str, Any]
) -> None:
    known = {**compose["secrets"], **cluster["secrets"]}
    assert {secret["file"] for secret in known.values()} == {f"./secrets/{name}" for name in known}
    for name, service in [*services.items(), *cluster["services"].items()]:
        has = {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}
        assert has <= set(known), name
        for variable, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|WEBHOOK", variable):
                assert re.search(r"_FILE$", variable), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in has, f"{name}: {variable}"
            assert not re.search(r"://[^/\s@]*:[^/\s@]*@", value), f"{name}: {variable}"


def test_only_migrate_knows_who_owns_the_database(services: dict[str, dict[str, Any]]) -> None:
    knows = {name for name, service in services.items() if "landfall_admin_password" in service.get("secrets", [])}
    assert knows == {"postgres", "migrate", "backup"}


def test_no_secret_stands_in_an_argument_list(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        arguments = [service.get(key, []) for key in ("command", "entrypoint")] + [
            service.get("healthcheck", {}).get("test", [])
        ]
        # What a shell puts into the environment stands in no list of processes.
        said = re.sub(r'(PGPASSWORD|LANDFALL_BI_PASSWORD)=\\"\$\$\(cat', "", json.dumps(arguments))
        assert "PASSWORD" not in said, name


def test_passwords_are_made_once_for_the_owner_of_the_folder_alone(
    tmp_path: Path, compose: dict[str, Any], cluster: dict[str, Any]
) -> None:
    script = tmp_path / "deploy" / "compose" / "secrets.sh"
    script.parent.mkdir(parents=True)
    script.write_bytes((PROJECT / "deploy" / "compose" / "secrets.sh").read_bytes())
    (tmp_path / ".env").write_text("BI_READER_PASSWORD=of-before\n", encoding="utf-8")
    subprocess.run(["sh", script], check=True, capture_output=True)
    made = {path.name: path.read_text(encoding="utf-8").strip() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(compose["secrets"]) | set(cluster["secrets"])
    assert made["bi_reader_password"] == "of-before"
    drawn = [text for name, text in made.items() if name.endswith("_password") and text != "of-before"]
    assert all(re.fullmatch(r"[0-9a-f]{48}", text) for text in drawn)
    assert len(set(drawn)) == len(drawn)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    again = subprocess.run(["sh", script], check=True, capture_output=True, text=True)
    assert again.stdout == ""


def test_the_example_names_every_variable_and_no_value(text: str, example: dict[str, str]) -> None:
    used = {match["name"] for match in VARIABLE.finditer(text)}
    assert used - set(example) == set()
    assert set(example) - used <= names()
    assert [name for name, value in example.items() if value] == []


def test_nothing_has_to_be_set(text: str) -> None:
    assert [match[0] for match in VARIABLE.finditer(text) if not match["rest"].startswith(":-")] == []


def test_every_setting_reaches_our_services(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        if image_of(service).startswith("landfall"):
            assert service["env_file"] == [{"path": ".env", "required": False}]
            assert "./deploy/compose/files:/etc/landfall:ro" in service["volumes"]


def test_no_container_has_rights_or_a_root_to_write_to(
    services: dict[str, dict[str, Any]], cluster: dict[str, Any]
) -> None:
    added = {name: each for name, each in cluster["services"].items() if "image" in each}
    for name, service in [*services.items(), *added.items()]:
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["deploy"]["resources"]["limits"]["pids"], name
        assert service.get("networks") or service.get("network_mode") == "none", name


def test_who_has_no_business_with_a_server_is_not_in_its_network(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if "kafka" in service["networks"]} == {
        *("kafka", "migrate", "land", "dagster-webserver", "dagster-daemon", "simulate", "metrics")
    }
    others = {"kafka", "simulate", "prometheus", "alertmanager"}
    assert {name for name, service in services.items() if "postgres" in service["networks"]} == set(services) - others


def test_env_files_are_not_committed() -> None:
    assert ".env" in (PROJECT / ".gitignore").read_text(encoding="utf-8").split()


def test_the_image_gets_no_secrets_and_no_state() -> None:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for source in re.findall(
        r"^COPY (?!--from)(.+) \S+$", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    ):
        for path in source.split():
            assert {f"!{path}", f"!{path.partition('/')[0]}"} & set(rules)
            assert (PROJECT / path).exists()


def test_the_image_holds_every_package_that_runs_in_it() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (\S+) \./", dockerfile, re.MULTILINE))
    assert packages - copied == {"benchmarks", "manual"}


def test_the_jars_are_fetched_again_only_where_what_fetches_them_was_edited() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    before = dockerfile[: dockerfile.index("python -m jvm.jars")]
    copied = set(re.findall(r"landfall/\w+\.py", before))
    loaded = "import json, sys, jvm.jars; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=PROJECT, check=True, capture_output=True, text=True)
    modules = {f"{name.replace('.', '/')}.py" for name in json.loads(done.stdout) if name.startswith("landfall.")}
    assert modules | {"landfall/__init__.py"} == copied
    assert "COPY landfall ./landfall" not in before


def test_the_image_runs_as_a_user_without_rights() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    for stage in re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]:
        assert re.findall(r"^USER (\S+)", stage, re.MULTILINE)[-1] == "10001:10001"
        assert stage.rindex("USER 10001") < stage.index("CMD ")


def test_every_landfall_command_exists(services: dict[str, dict[str, Any]]) -> None:
    commands = {name: last_of(s["command"]) for name, s in services.items() if "command" in s}
    commands = {name: words for name, words in commands.items() if words[0] == "landfall"}
    assert set(commands) == {"migrate", "land", "refresh", "simulate", "metrics"}
    for name, (_, subcommand, *options) in commands.items():
        known = load(subcommand)
        unknown = [option for option in options if option.startswith("--") and option not in known]
        assert not unknown, f"{name}: landfall {subcommand} has no {unknown}"


def last_of(command: list[str]) -> list[str]:
    """The command, or what the one becomes that writes Dagster's configuration."""
    return command[3:] if command[:3] == ["python", "-m", "orchestration.instance"] else command


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
    servers = {"postgres", "kafka", "migrate", "backup", "prometheus", "alertmanager"}
    for name in set(services) - servers:
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert {name for name, service in services.items() if "healthcheck" not in service} == {
        *("migrate", "simulate", "backup")
    }


def test_no_health_check_starts_a_python_or_a_jvm(services: dict[str, dict[str, Any]], cluster: dict[str, Any]) -> None:
    for name, service in [*services.items(), *cluster["services"].items()]:
        if check := service.get("healthcheck"):
            program = Path(check["test"][1])
            assert program.name in {"bash", "wget", "pg_isready", BEATING.name, ANSWERS.name}, name


def test_services_come_back_after_a_failure_and_a_reboot(services: dict[str, dict[str, Any]]) -> None:
    others = {name: service["restart"] for name, service in services.items() if service["restart"] != "unless-stopped"}
    assert others == {"migrate": "on-failure:3", "backup": "no"}
    assert services["land"]["entrypoint"] == [f"/opt/landfall/{FENCE_GUARD.relative_to(PROJECT)}"]


def test_prometheus_asks_the_exporter_over_the_network(services: dict[str, dict[str, Any]]) -> None:
    alone, beside = (
        yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))
        for path in ("monitoring/prometheus.yml", "deploy/compose/prometheus.yml")
    )
    assert alone["scrape_configs"][0]["static_configs"] == [{"targets": [f"127.0.0.1:{Settings.metrics_port}"]}]
    assert beside["scrape_configs"][0]["static_configs"] == [{"targets": [f"metrics:{Settings.metrics_port}"]}]
    assert services["metrics"]["environment"]["LANDFALL_LISTEN_ADDRESS"] == "0.0.0.0"
    assert services["metrics"]["environment"]["LANDFALL_HOST_NAMES"].split(",")[0] == "metrics"


def test_every_variable_of_our_services_is_a_setting(
    services: dict[str, dict[str, Any]], cluster: dict[str, Any]
) -> None:
    ours = [service for service in services.values() if image_of(service).startswith("landfall")]
    assert len(ours) == 8
    everything = [*ours, *cluster["services"].values()]
    given = {name for service in everything for name in service.get("environment", {}) if name.startswith("LANDFALL_")}
    assert given - names() == set()


def test_grafana_gets_every_variable_of_its_provisioning(services: dict[str, dict[str, Any]]) -> None:
    texts = (path.read_text(encoding="utf-8") for path in (PROJECT / "dashboards" / "grafana").rglob("*.yml"))
    used = set(re.findall(r"\$([A-Z_]+)", "".join(texts)))
    given = {name for name in services["grafana"]["environment"] if name.startswith("LANDFALL_")}
    assert used == given | {"LANDFALL_BI_PASSWORD"}
    assert 'LANDFALL_BI_PASSWORD="$$(cat /run/secrets/bi_reader_password)"' in services["grafana"]["entrypoint"][-1]


def test_data_survives_the_containers(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    for mount in mounts:
        source = mount.split(":")[0]
        assert (PROJECT / source).exists() if source.startswith("./") else source in compose["volumes"]
    assert "postgres:/var/lib/postgresql" in mounts
    # Charts are drawn by the daemon, and seen in the webserver.
    assert all(
        "state:/var/lib/landfall/state" in services[f"dagster-{part}"]["volumes"] for part in ("webserver", "daemon")
    )


def in_state(home: Path) -> dict[str, str]:
    """The environment of a container whose state folder is `home`."""
    return {**os.environ, "LANDFALL_HOME": str(home)}


def health(name: str, minutes: int, home: Path) -> tuple[int, str]:
    """Exit code and words of a health check."""
    command = [str(BEATING), name, str(minutes)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=in_state(home))
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("code", [0, 1])
def test_a_landing_that_ends_is_for_the_engine_to_start_again(code: int, tmp_path: Path) -> None:
    command = [str(FENCE_GUARD), "sh", "-c", f"exit {code}"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120, env=in_state(tmp_path))
    assert done.returncode == code


def test_a_fenced_landing_waits_unhealthy_until_it_is_stopped(tmp_path: Path) -> None:
    Heartbeat(tmp_path, "land.product_views").beat()
    assert health("land", 5, tmp_path) == (0, "")
    guard = subprocess.Popen([FENCE_GUARD, "sh", "-c", "exit 3"], stderr=subprocess.DEVNULL, env=in_state(tmp_path))
    wait_for((tmp_path / "heartbeats" / "land.fenced").exists)
    code, said = health("land", 5, tmp_path)
    assert (code, "another landing has taken over" in said) == (1, True)
    assert guard.poll() is None
    guard.send_signal(signal.SIGTERM)
    assert guard.wait(timeout=120) == 0
    again = subprocess.run([FENCE_GUARD, "true"], check=True, timeout=120, env=in_state(tmp_path))
    assert again.returncode == 0
    assert health("land", 5, tmp_path) == (0, "")


def test_a_service_that_has_not_begun_or_stands_still_is_unhealthy(tmp_path: Path) -> None:
    assert health("dagster", 5, tmp_path) == (1, "dagster has not begun to work")
    for part in ("SENSOR", "SCHEDULER"):
        Heartbeat(tmp_path, f"dagster.{part}").beat()
    assert health("dagster", 5, tmp_path)[0] == 0
    assert health("dag", 5, tmp_path)[0] == 1
    stale = tmp_path / "heartbeats" / "dagster.SENSOR"
    os.utime(stale, (time.time() - 600,) * 2)
    assert health("dagster", 5, tmp_path) == (1, f"dagster has stood still for over 5 minutes: {stale}")
    assert health("dagster", 15, tmp_path)[0] == 0


def test_a_page_is_asked_without_a_python() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/well" and self.headers["Host"] == "localhost" else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [str(ANSWERS), str(server.server_port)]
        codes = [subprocess.run([*command, path], check=False, timeout=120).returncode for path in ("/well", "/ill")]
        server.shutdown()
    refused = subprocess.run([*command, "/well"], check=False, timeout=120, stderr=subprocess.DEVNULL)
    assert (codes, refused.returncode) == ([0, 1], 1)


def test_a_stop_reaches_the_writer_and_waits_for_its_batch(tmp_path: Path) -> None:
    started, ended = tmp_path / "started", tmp_path / "ended"
    writer = f"trap 'sleep 0.3; touch {ended}; exit 0' TERM; touch {started}; while :; do sleep 0.05; done"
    guard = subprocess.Popen([FENCE_GUARD, "sh", "-c", writer], env=in_state(tmp_path))
    wait_for(started.exists)
    guard.send_signal(signal.SIGTERM)
    assert guard.wait(timeout=120) == 0
    assert ended.exists()


def wait_for(done: Callable[[], bool]) -> None:
    """A minute at most."""
    assert wait_until(done, 60, 0.02)
