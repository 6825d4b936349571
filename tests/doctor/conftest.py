"""Deployments to look at, and hosts that say nothing."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from health.doctor import CHECKS
from health.doctor.check import DoctorCheck
from health.doctor.deployment import Deployment
from health.doctor.examine import Examined, examine
from health.findings import Finding
from landfall.settings import Settings
from landing_stream.contract import CONTRACTS


def look(deployment: Deployment, *names: str, seconds: float | None = None) -> dict[str, Examined]:
    """What the doctor says by these checks and those that they need; `seconds`: another bound for those of servers."""
    wanted, waiting = set[str](), [*names]
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting += CHECKS[name].needs
    chosen = [check for check in CHECKS.values() if check.name in wanted]
    servers = () if seconds is None else ("postgres", "kafka")
    bounded = [replace(check, seconds=seconds or 0.0) if check.name in servers else check for check in chosen]
    return {each.check.name: each for each in examine(deployment, bounded)}


def found(deployment: Deployment, name: str) -> dict[str, Finding]:
    """By subject, what one check finds. What it needs has to be well."""
    examined = look(deployment, name)[name]
    assert not examined.because, examined
    return {finding.subject: finding for finding in examined.findings}


def only(deployment: Deployment, name: str) -> Finding:
    """The only finding of a check."""
    (finding,) = found(deployment, name).values()
    return finding


def severities(findings: dict[str, Finding]) -> dict[str, str]:
    """Severity by subject."""
    return {subject: finding.severity for subject, finding in findings.items()}


def check(name: str, find: Callable[[Deployment], list[Finding]], seconds: float = 5.0, *needs: str) -> DoctorCheck:
    """A check of a test's own."""
    return DoctorCheck(name, name, "machine", find, seconds, needs)


@pytest.fixture
def deployment(database: Settings) -> Deployment:
    """A fresh database, and the broker of the session."""
    return Deployment(database.home, database)


@pytest.fixture
def with_topics(deployment: Deployment, tmp_path: Path) -> Callable[..., Deployment]:
    """with_topics(web_logs="topic-1") -> the deployment, its contracts being these streams' alone, of these topics."""

    def make(**topics: str) -> Deployment:
        folder = tmp_path / "contracts"
        folder.mkdir()
        for stream, topic in topics.items():
            text = (CONTRACTS / f"{stream}.yaml").read_text(encoding="utf-8")
            text = text.replace(f"physicalName: {stream}", f"physicalName: {topic}")
            (folder / f"{stream}.yaml").write_text(text, encoding="utf-8")
        return replace(deployment, contracts_folder=folder)

    return make


@pytest.fixture
def own_contracts(tmp_path: Path) -> Path:
    """A copy of the project's contracts, to be spoiled."""
    return Path(shutil.copytree(CONTRACTS, tmp_path / "contracts"))


@contextmanager
def listening(backlog: int = 16) -> Iterator[tuple[socket.socket, int]]:
    """A socket of loopback that accepts (the kernel does) and never says a word, and its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server, server.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which a connection is taken and nothing ever answered."""
    with listening() as (_, port):
        yield port


@pytest.fixture
def dropping_port() -> Iterator[int]:
    """A port at which packets are dropped: with its queue full the kernel leaves every further SYN unanswered."""
    with listening(backlog=0) as (_, port), ExitStack() as held:
        for _ in range(3):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port
