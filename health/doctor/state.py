"""Settings, the state folder, ports of what does not run, services that die."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.endpoints import FILE_NAME
from landfall.errors import UserError
from landfall.state import MARKER, SECRETS, check_marker

SECRET_FILES = (
    SECRETS, FILE_NAME, "services/*.json", "superset/admin-password", "superset/secret-key", "superset/config.json",
)  # fmt: skip
"""What holds passwords, or the last lines of logs, beneath the state folder."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def settings(deployment: Deployment) -> list[Finding]:
    """Does each variable fit, and is each file that one names there?"""
    from health.limits import load_limits

    if deployment.settings_or_none is None:
        return [error("settings", deployment.wrong_settings, "Mend it; docs/reference/settings.md has them all.")]
    found = []
    try:
        load_limits(deployment.settings.health_limits)
    except UserError as wrong:
        found.append(error("LANDFALL_HEALTH_LIMITS", wrong.format_message(), "Mend the file, or unset the variable."))
    geo = deployment.settings.geoip_database
    if geo is not None and not os.access(geo, os.R_OK):
        advice = "Put it there, or unset the variable: every place is `(none)` then."
        found.append(error("LANDFALL_GEOIP_DATABASE", f"{geo} is not there, or cannot be read.", advice))
    servers = ["Postgres" if deployment.has_local_postgres else "", "Kafka" if deployment.has_local_kafka else ""]
    local = " and ".join(filter(None, servers))
    return found or [
        well("settings", f"They fit; {f'{local} of the state folder' if local else 'servers of your own'}.")
    ]


def state_folder(deployment: Deployment) -> list[Finding]:
    """Is it ours, may we write to it, and are its secrets for its owner alone?"""
    home = deployment.home
    choose = "Set LANDFALL_HOME to a folder of your own."
    if not home.exists():
        above = next(path for path in home.parents if path.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            return [error(str(home), f"It is not there, and {above} lets this user make nothing.", choose)]
        return [well(str(home), "It is not there yet: `landfall up` makes it.")]
    if not home.is_dir():
        return [error(str(home), "It is a file.", choose)]
    if not (home / MARKER).exists():
        if any(home.iterdir()):
            return [error(str(home), f"It holds other files and no {MARKER}.", choose)]
        return [well(str(home), "It is empty: `landfall up` fills it.")]
    try:
        check_marker(home / MARKER)
    except UserError as wrong:
        return [error(str(home), wrong.format_message(), "Restore it, or set LANDFALL_HOME to another folder.")]
    found = list(wrong_rights(home))
    return found or [well(str(home), "It is ours, and what is secret in it is its owner's alone.")]


def wrong_rights(home: Path) -> Iterator[Finding]:
    """What this user cannot write to, and what others could read."""
    user = os.geteuid()
    if not os.access(home, os.W_OK | os.X_OK):
        owner = home.stat().st_uid
        advice = f"Run as the user of id {owner}, or give it away: `chown -R {user} {home}`."
        yield error(str(home), f"It is the user's of id {owner}; this user ({user}) cannot write to it.", advice)
    for pattern in SECRET_FILES:
        for path in sorted(home.glob(pattern)):
            mode = path.stat().st_mode
            if mode & OTHERS:
                message = f"It holds secrets and has mode {stat.S_IMODE(mode):03o}: other users can reach them."
                yield error(
                    str(path), message, f"Run `chmod 600 {path}`; whoever may have read it knows its passwords."
                )


def ports(deployment: Deployment) -> list[Finding]:
    """Can what does not run have its port of 127.0.0.1?"""
    from landfall.processes import free_port, is_free

    found = []
    for name, port, advice in wanted_ports(deployment):
        if not is_free(port):
            found.append(warn(name, f"Port {port} of 127.0.0.1, which it had last, is taken{holder(port)}.", advice))
    for name, port in set_ports(deployment):
        if not is_free(port):
            advice = "Stop what has it, or set another one; without the setting a free one is taken."
            found.append(error(name, f"Port {port} of 127.0.0.1, which is set, is taken{holder(port)}.", advice))
    free_port(None)
    return found or [well("ports", "Whatever does not run can have its port.")]


def wanted_ports(deployment: Deployment) -> Iterator[tuple[str, int, str]]:
    """Name, last port and what to do, of the local servers and services that do not run."""
    from landfall.services import read_records
    from local_stack.postgres import Postgres
    from local_stack.stack import kafka_of

    home = deployment.home
    advice = "Stop what has it, or let `landfall up` take another one: who connects by the old one has to be told."
    postgres = Postgres(home / "postgres")
    if deployment.has_local_postgres and postgres.postmaster() is None and (port := postgres.port()) is not None:
        yield "Postgres", port, advice
    for node in kafka_of(home).nodes if deployment.has_local_kafka else ():
        if node.broker() is None:
            for name, port in zip(node.ports_named, node.ports(), strict=False):
                yield f"Kafka's {name}", port, advice
    for record in read_records(home):
        if record.port is not None and not (record.is_kept and record.pid is not None):
            yield record.name, record.port, "Stop what has it; else it is served on a free one (`landfall status`)."


def set_ports(deployment: Deployment) -> Iterator[tuple[str, int]]:
    """Variable and port, of those that are set to another than the default and whose service does not run."""
    from landfall.services import kept_service
    from landfall.settings import Settings

    known = deployment.settings
    for variable, service, port, usual in (
        ("LANDFALL_METRICS_PORT", "metrics", known.metrics_port, Settings.metrics_port),
        ("LANDFALL_SUPERSET_PORT", "dashboards", known.superset_port, Settings.superset_port),
    ):
        if port != usual and kept_service(deployment.home, service) is None:
            yield variable, port


def holder(port: int) -> str:
    """Who listens there, where this user may know it."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            here = connection.laddr
            if connection.status == psutil.CONN_LISTEN and here and here.port == port and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def services(deployment: Deployment) -> list[Finding]:
    """Do the services of a running `landfall serve` stay up? As `landfall status` judges it."""
    from health.checks.services import judge
    from health.limits import load_limits
    from landfall.services import kept_services

    limits = load_limits(deployment.settings.health_limits)
    found = judge(kept_services(deployment.home), datetime.fromtimestamp(deployment.now(), UTC), limits)
    return found or [well("services", "No `landfall serve` runs here, or nothing of it.")]


CHECKS = (
    DoctorCheck("settings", "each `LANDFALL_…` variable, and the files that they name", "state", settings),
    DoctorCheck(
        "state_folder", "the state folder: ours, ours to write, its secrets of mode 600", "state", state_folder
    ),
    DoctorCheck("ports", "ports of local servers and services that do not run", "state", ports, needs=("settings",)),
    DoctorCheck(
        "services", "services of `landfall serve` that die again and again", "state", services, needs=("settings",)
    ),
)
