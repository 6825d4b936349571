"""deploy/kubernetes, checked without a cluster: against the schemas of Kubernetes and what the product promises."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from landfall.layout import PROJECT
from landfall.settings_table import names

FOLDER = PROJECT / "deploy" / "kubernetes"
VERSION = "1.34"
Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    files = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
    return [one for path in files for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


MANIFESTS = manifests()
WORKLOADS = {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] in ("Deployment", "Job")}


def pod(name: str) -> Manifest:
    found: Manifest = WORKLOADS[name]["spec"]["template"]["spec"]
    return found


def containers() -> Iterator[tuple[str, Manifest, Manifest]]:
    for name in WORKLOADS:
        for container in pod(name)["containers"]:
            yield f"{name}/{container['name']}", container, pod(name)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_every_manifest_is_valid_by_the_schema_of_kubernetes(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_kustomize_applies_every_file() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    assert {*listed["resources"], "kustomization.yaml"} == {path.name for path in FOLDER.glob("*.yaml")}
    assert {image["name"] for image in listed["images"]} == {container["image"] for _, container, _ in containers()}


def test_the_system_is_whole() -> None:
    assert set(WORKLOADS) == {"migrate", "land", "refresh", "dagster", "metrics"}
    assert {one["metadata"].get("namespace") for one in MANIFESTS if one["kind"] != "Namespace"} == {"landfall"}


def test_no_container_has_rights_or_a_root_to_write_to() -> None:
    for name, container, around in containers():
        assert around["securityContext"]["runAsNonRoot"] is True, name
        assert around["securityContext"]["runAsUser"] == 10001, name
        assert around["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert around["automountServiceAccountToken"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert set(container["resources"]) == {"requests", "limits"}, name


def test_every_volume_is_mounted_and_every_mount_is_a_volume() -> None:
    for name in WORKLOADS:
        mounted = {mount["name"] for one in pod(name)["containers"] for mount in one["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod(name)["volumes"]}, name


def test_secrets_are_files_that_are_there() -> None:
    for name, container, around in containers():
        secrets = {volume["name"]: volume["secret"] for volume in around["volumes"] if "secret" in volume}
        places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        files = {f"{places[of]}/{item['path']}" for of, secret in secrets.items() for item in secret.get("items", [])}
        given = {one["name"]: one.get("value", "") for one in container.get("env", [])}
        for variable, value in given.items():
            if re.search("PASSWORD|WEBHOOK", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value in files or value.startswith("/run/secrets/landfall-admin/"), f"{name}: {variable}"
    knows = {name for name in WORKLOADS if "landfall-admin" in yaml.safe_dump(pod(name))}
    assert knows == {"migrate"}


def test_every_variable_is_a_setting() -> None:
    settings = next(one for one in MANIFESTS if one["kind"] == "ConfigMap")["data"]
    given = {*settings, *(one["name"] for _, container, _ in containers() for one in container.get("env", []))}
    assert {name for name in given if name.startswith("LANDFALL_")} - names() == set()


def test_a_fenced_landing_is_unready_and_stays() -> None:
    land = WORKLOADS["land"]
    assert (land["spec"]["replicas"], land["spec"]["strategy"]) == (1, {"type": "Recreate"})
    (container,) = pod("land")["containers"]
    fenced = 'test -e "$LANDFALL_HOME/heartbeats/land.fenced"'
    assert all(fenced in container[probe]["exec"]["command"][-1] for probe in ("startupProbe", "livenessProbe"))
    assert fenced not in str(container["readinessProbe"])
    assert pod("land")["terminationGracePeriodSeconds"] > 60


def test_every_script_that_a_container_starts_is_in_the_image() -> None:
    for name, container, _ in containers():
        probes = [container[kind]["exec"]["command"] for kind in container if kind.endswith("Probe")]
        for word in re.findall(r"[\w/-]+\.sh", str([container["command"], *probes])):
            assert (PROJECT / word).is_file(), f"{name}: {word}"


def test_every_service_and_policy_selects_something() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in WORKLOADS.values()]
    for one in MANIFESTS:
        selector = one.get("spec", {}).get("selector") or one.get("spec", {}).get("podSelector")
        if selector and one["kind"] != "Deployment":
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= each.items() for each in labels), one["metadata"]["name"]


def test_the_guide_names_every_key_of_the_secrets() -> None:
    guide = (PROJECT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
    keys = {
        item["key"]
        for name in WORKLOADS
        for volume in pod(name)["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }
    assert {key for key in keys if key not in guide} == set()
