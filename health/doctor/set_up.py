"""What set-up made: packages, jars, the parsed dbt project; and the contracts."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.errors import UserError

SETUP = "Run `make setup`"


def packages(deployment: Deployment) -> list[Finding]:
    """Is each package of the lock installed, in its version?"""
    if not deployment.lock.is_file():
        return [warn("packages", f"{deployment.lock} is missing: nothing to compare with.", "Restore it from git.")]
    installed = installed_versions()
    wanted = pinned_versions(deployment.lock)
    found, advice = [], f"{SETUP}, which installs what the lock says."
    for name, pinned in wanted.items():
        here = installed.get(name)
        if here is None:
            found.append(error(name, f"It is not installed; the lock has {pinned}.", advice))
        elif here != pinned:
            found.append(error(name, f"Version {here} is installed, the lock has {pinned}.", advice))
    return found or [well("packages", f"All {len(wanted)} are as {deployment.lock.name} has them.")]


def installed_versions() -> dict[str, str]:
    """Version by name of every package that this Python finds; of two of a name the one that is imported."""
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for distribution in distributions():
        if name := distribution.metadata["Name"]:
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def pinned_versions(lock: Path) -> dict[str, str]:
    """Version by name in a lock file, as far as this Python and this machine are meant."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = [line.split(" \\")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines()]
    pins = [Requirement(line) for line in lines if "==" in line and not line.startswith(("#", "--"))]
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


def jars(deployment: Deployment) -> list[Finding]:
    """Are the JVM's jars there, each as pinned?"""
    from jvm.jars import difference, digests, folder, pinned

    wanted = pinned()
    if found := difference(wanted, digests(folder())):
        return [error("jars", f"In {folder()}, {found}.", "Run `make setup`, which fetches what is missing or wrong.")]
    return [well("jars", f"All {len(wanted)} in {folder()} are as pinned.")]


def manifest(deployment: Deployment) -> list[Finding]:
    """Is the parsed dbt project there, of these files and of this dbt?"""
    from warehouse.dbt_manifest import read_manifest

    try:
        written = read_manifest(deployment.dbt_project)
    except UserError as wrong:
        what, _, advice = wrong.format_message().rpartition(": ")
        return [error("manifest", f"{what}.", advice[0].upper() + advice[1:])]
    try:
        dbt = version("dbt-core")
    except PackageNotFoundError:
        return [error("manifest", "dbt is not installed.", f"{SETUP}.")]
    parsed_by = written["metadata"]["dbt_version"]
    if parsed_by != dbt:
        path = deployment.dbt_project / "target" / "manifest.json"
        message = f"{path} was parsed by dbt {parsed_by}, and {dbt} is installed."
        return [error("manifest", message, "Remove it and run `make setup`.")]
    models = sum(node["resource_type"] == "model" for node in written["nodes"].values())
    return [well("manifest", f"{models} models, parsed by this dbt ({dbt}) from these files.")]


def contracts(deployment: Deployment) -> list[Finding]:
    """Can each be used, and do they go together?"""
    from landing_stream.contract import load_contracts, read_contract

    advice = "Mend it where it says; how a contract is written: docs/how-to/add-a-stream.md."
    found = []
    for path in sorted(deployment.contracts_folder.glob("*.yaml")):
        try:
            read_contract(path)
        except UserError as wrong:
            found.append(error(path.stem, wrong.format_message(), advice))
    if found:
        return found
    try:
        streams = list(load_contracts(deployment.contracts_folder))
    except UserError as wrong:
        return [error("contracts", wrong.format_message(), advice)]
    return [well("contracts", f"{', '.join(streams)}.")]


CHECKS = (
    DoctorCheck("packages", "each package of `requirements.lock`: installed, in its version", "set-up", packages),
    DoctorCheck("jars", "each jar of `jvm/jars.lock`: there, as pinned", "set-up", jars, 20.0),
    DoctorCheck("manifest", "the parsed dbt project: there, of these files, of this dbt", "set-up", manifest, 20.0),
    DoctorCheck("contracts", "each contract, and that no two share a stream or a topic", "set-up", contracts),
)
