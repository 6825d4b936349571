"""The Kafka broker of one state folder: a single KRaft node, broker and controller in one JVM, loopback only."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from jvm.jars import broker_classpath
from jvm.java import java
from landfall.errors import UserError
from landfall.kafka_settings import KafkaSettings
from landfall.processes import (
    alive,
    free_port,
    gone,
    last_lines,
    processes_with,
    wait_until,
    wait_while_it_moves,
    work_done,
)
from landfall.state import damaged

STOP_SECONDS = 60.0

LISTENERS = """
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
"""
CONFIG = """
# Written by `landfall up` at every start; changes here are lost.
process.roles=broker,controller
node.id={node}
{listeners}
log.dirs={data}
# A topic that nobody made is a mistake in a name.
auto.create.topics.enable=false
num.partitions=6
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
# After a kill the broker may register again only when its old session has run out: 4 s instead of 9.
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
# At most 2 GiB (two million events of 890 bytes) or three days a partition: 36 GiB for the three topics.
log.retention.hours=72
log.retention.bytes=2147483648
log.segment.bytes=268435456
"""
LOGGING = """
# Written by `landfall up` at every start; changes here are lost.
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={log}/server.log
appender.file.filePattern={log}/server.log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c{{1}}: %m%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=20MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=5
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=file
"""


@dataclass(frozen=True)
class Kafka:
    """One broker in `folder` (the state folder's `kafka/`); with the defaults, one that is alone."""

    folder: Path
    listeners: str = LISTENERS
    """Lines of its configuration, with a place for each of `ports`, by name."""
    ports_named: tuple[str, ...] = ("broker", "controller")
    """What it listens for; clients connect to the first."""
    node: int = 1
    copies: int = 1
    """Of each topic, in its cluster."""
    cluster_id: str | None = None
    """As Kafka writes it; by default one that is drawn."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def nodes(self) -> tuple[Kafka, ...]:
        """The broker itself: it is alone."""
        return (self,)

    @property
    def settings(self) -> KafkaSettings:
        """How a client reaches it."""
        return KafkaSettings(bootstrap_servers=self.address)

    def running(self) -> bool:
        """Whether it runs."""
        return self.broker() is not None

    def exists(self) -> bool:
        """Whether the storage was made. Raises UserError when only parts of it are there."""
        if self.data.exists() and not (self.data / "meta.properties").exists():
            raise damaged(self.data / "meta.properties")
        return self.data.exists()

    def broker(self) -> psutil.Process | None:
        """The running broker of this very configuration file."""
        found = processes_with(str(self.config))
        return found[0] if found else None

    def ports(self) -> tuple[int, ...]:
        """By `ports_named`, those of the last start when it does not run; none before the first."""
        try:
            return tuple(map(int, (self.folder / "ports").read_text(encoding="ascii").split()))
        except (OSError, ValueError):
            return ()

    def draw_ports(self, taken: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Ports for the next start: those of the last one, each unless somebody else has it now or it is `taken`."""
        drawn: list[int] = []
        for before in (*self.ports(), *(None for _ in self.ports_named))[: len(self.ports_named)]:
            drawn.append(free_port(before, taken=(*taken, *drawn)))
        (self.folder / "ports").write_text(" ".join(map(str, drawn)) + "\n", encoding="ascii")
        return tuple(drawn)

    def properties(self, ports: tuple[int, ...], data: Path) -> str:
        """Its server.properties."""
        listeners = self.listeners.format(**dict(zip(self.ports_named, ports, strict=True)))
        in_sync = max(1, self.copies - 1)
        return CONFIG.format(
            node=self.node, listeners=listeners.strip(), copies=self.copies, in_sync=in_sync, data=data
        )

    def make(self) -> None:
        """Format the storage unless it is there; made beside its place and renamed, so that a kill leaves no half."""
        if self.exists():
            return
        self.folder.mkdir(mode=0o700, exist_ok=True)
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        properties = self.folder / "format.properties"
        ports = tuple(range(9092, 9092 + len(self.ports_named)))
        properties.write_text(self.properties(ports, new), encoding="utf-8")
        drawn = self.cluster_id or cluster_id()
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", drawn, "-c", str(properties)]
        log = self.folder / "format.log"
        with log.open("wb") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False, env=environment())
        if done.returncode != 0:
            raise UserError(f"Kafka's storage could not be made: {last_lines(log)}")
        new.rename(self.data)

    def launch(self) -> None:
        """Start the broker unless it runs, and return at once: its JVM takes seconds, time for other work."""
        if self.broker() is not None:
            return
        self.config.write_text(self.properties(self.draw_ports(), self.data), encoding="utf-8")
        log = self.folder / "log"
        log.mkdir(exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOGGING.format(log=log), encoding="utf-8")
        with (self.folder / "start.log").open("wb") as output:
            # A session of its own: neither Ctrl-C in this terminal nor its closing reaches the broker.
            subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment(),
                start_new_session=True,
            )

    def start(self) -> str:
        """Start the broker unless it runs, and wait until it answers; returns its bootstrap address.

        3 s on a quiet machine; after a kill the open segments are read again. Raises UserError, with what was seen and
        the last lines of its log, when it ends three times or no longer moves.
        """
        for _ in range(3):
            self.launch()
            waited = wait_while_it_moves(self.ended_or_answers(), self.movement)
            if (broker := self.broker()) is None:
                continue
            if waited.done:
                return self.address
            raise UserError(
                f"Kafka did not start: after {waited.seconds:.0f} s its process {broker.pid} runs, does not answer at"
                f" {self.address}, and has done nothing for {waited.quiet_seconds:.0f} s. {self.said()}"
            )
        raise UserError(f"Kafka did not start: its process ended three times. {self.said()}")

    @property
    def address(self) -> str:
        """host:port of the broker, of the last start when it does not run."""
        return f"127.0.0.1:{(*self.ports(), None)[0]}"

    @property
    def logs(self) -> tuple[Path, Path]:
        """What the JVM says, and what the broker says."""
        return self.folder / "start.log", self.folder / "log" / "server.log"

    def movement(self) -> object:
        """What changes for as long as the broker does something."""
        return work_done(processes_with(str(self.config)), self.logs)

    def said(self) -> str:
        """The last lines of its logs, for a person."""
        return "It says: " + "; ".join(f"{last_lines(log, 3)} ({log})" for log in self.logs)

    def ended_or_answers(self) -> Callable[[], bool]:
        """Asks whether the broker has ended, or answers a client."""
        client = asking(self.settings.client_config())
        return lambda: self.broker() is None or answering(client) > 0

    def stop(self) -> bool:
        """Stop the broker, its logs flushed and closed. Returns whether it ran."""
        return stop_all(processes_with(str(self.config)), STOP_SECONDS)

    def _java(self) -> list[str]:
        return [
            java(),
            *("-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError"),
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            *("-cp", broker_classpath()),
        ]


def environment() -> dict[str, str]:
    """What the JVM gets of the environment: nothing of Landfall's own settings, which hold passwords."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


def cluster_id() -> str:
    """A random cluster id as Kafka writes them; never one that a command line would take for an option."""
    while (drawn := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return drawn


def stop_all(processes: Sequence[psutil.Process], seconds: float) -> bool:
    """Stop brokers, and kill those that run after `seconds` still. Returns whether there were any.

    A kill is safe: what was acknowledged is in the files, and is checked at the next start.
    """
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    if not wait_until(lambda: gone(processes), seconds):
        for process in filter(alive, processes):
            process.kill()
        wait_until(lambda: gone(processes), 10)
    return bool(processes)


def asking(config: Mapping[str, Any]) -> Any:
    """A client that asks again soon, for a broker that is about to answer."""
    # Imported here for start-up time.
    from confluent_kafka.admin import AdminClient

    return AdminClient({**config, "log_level": 0, "reconnect.backoff.max.ms": 500})


def answering(client: Any) -> int:
    """How many brokers the cluster says it has; 0 where it says nothing."""
    from confluent_kafka import KafkaException

    try:
        return len(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return 0
