"""Where faults strike: the servers of a part of the trial, and the kinds that can be made there."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.fault_lab.clocks import Clocks
from benchmarks.fault_lab.disks import Disks
from benchmarks.fault_lab.lab import Environs, Fault, Lab
from benchmarks.fault_lab.machine_faults import CLOCKS, DISKS
from benchmarks.fault_lab.network import LAND_KAFKA, LAND_POSTGRES, NETWORK, REFRESH_POSTGRES
from benchmarks.fault_lab.proxy import Network
from benchmarks.fault_lab.work import KILLS, WORK
from cli.environment import shell_variables
from cli.prepare import up
from landfall.settings import ADMIN, DSN_VARIABLES, Settings
from local_stack.kafka import LISTENERS, Kafka
from local_stack.postgres import Postgres
from local_stack.stack import down

OFFSETS_PER_TRIGGER = 10_000
"""Low, so that there are many loads to die in."""

# A second listener, by which brokers say that they are where the link is: a client goes where it is told.
_LINKED = (
    LISTENERS.replace("\nlisteners=", "\nlisteners=LINKED://127.0.0.1:{{linked}},")
    .replace("\nadvertised.listeners=", "\nadvertised.listeners=LINKED://127.0.0.1:{link},")
    .replace("{broker}", "{{broker}}")
    .replace("{controller}", "{{controller}}")
    + "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LINKED:PLAINTEXT\n"
)


@dataclass(frozen=True)
class Stage:
    """`make(home, rng)` starts its servers and gives a lab whose landing and refresh do not run yet."""

    what: str
    faults: Mapping[str, Fault]
    make: Callable[[Path, random.Random], AbstractContextManager[Lab]]


@contextmanager
def machine(home: Path, rng: random.Random) -> Iterator[Lab]:
    """Everything on one machine, as `landfall up` starts it, with a link between any two parts."""
    clocks, disks = Clocks(home.with_name(f"{home.name}.clocks")), Disks(home.with_name(f"{home.name}.disks"))
    disks.lay_under("the state folder", home)
    up(home)
    try:
        settings = Settings.of_home(home)
        kafka, server, postgres = Kafka(home / "kafka"), Postgres(home / "postgres"), settings.as_transformer.dsn
        with Network() as network:
            land_kafka = network.link(LAND_KAFKA, lambda: linked.ports()[2])
            land, refresh = (network.link(name, lambda: _port(postgres)) for name in (LAND_POSTGRES, REFRESH_POSTGRES))
            kafka.stop()
            server.stop()
            disks.lay_under("Postgres", server.data)
            disks.lay_under("Kafka", kafka.data)
            server.start()
            linked = replace(
                kafka, listeners=_LINKED.format(link=land_kafka.port), ports_named=("broker", "controller", "linked")
            )
            linked.start()
            at_link = replace(settings.kafka, bootstrap_servers=f"127.0.0.1:{land_kafka.port}")
            environs = Environs(
                {**environ(replace(at_port(settings, land.port), kafka_or_none=at_link)), **clocks.environ("landing")},
                {**environ(at_port(settings, refresh.port)), **clocks.environ("refresh")},
                environ(settings),
            )
            links = {link.name: link for link in (land_kafka, land, refresh)}
            lab = Lab(home, settings, environs, rng, links, clocks, disks)
            lab.kafka = linked
            yield lab
    finally:
        down(home)
        keep_logs(home)
        disks.remove()


def keep_logs(home: Path) -> None:
    """What the parts said, beside the folder: a file system that is taken away takes with it what is in it."""
    kept = home.with_name(f"{home.name}.logs")
    kept.mkdir()
    for log in home.glob("*.log"):
        shutil.copy2(log, kept)


def environ(settings: Settings) -> dict[str, str]:
    """Of a process that reaches these servers."""
    return {
        **os.environ,
        **shell_variables(settings),
        DSN_VARIABLES[ADMIN]: settings.as_admin.dsn,
        "LANDFALL_TRIGGER_SECONDS": "0.2",
        "LANDFALL_MAX_OFFSETS_PER_TRIGGER": str(OFFSETS_PER_TRIGGER),
    }


def at_port(settings: Settings, port: int) -> Settings:
    """The same logins at another port of this machine."""

    def moved(dsn: str) -> str:
        parts = urlsplit(dsn)
        return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()

    return settings.with_dsns(**{role: moved(dsn) for role, dsn in settings.dsns.items()})


def _port(dsn: str) -> int:
    port = urlsplit(dsn).port
    assert port is not None
    return port


STAGES = {"machine": Stage((machine.__doc__ or "").strip(), {**NETWORK, **CLOCKS, **DISKS, **WORK, **KILLS}, machine)}
