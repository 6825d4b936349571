"""Several Kafka brokers of one state folder, secured as a cluster elsewhere: TLS, SCRAM logins, access rules, copies.

Clients log in by SASL_SSL with SCRAM-SHA-512, and may what access rules allow. The brokers among themselves, and who
administers them, show a certificate of the cluster's own authority instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landfall.errors import UserError
from landfall.kafka_settings import LOGIN_MODULES, KafkaSettings
from landfall.processes import wait_until, wait_while_it_moves
from landfall.state import damaged, write_private
from local_stack.certificates import make_certificates
from local_stack.kafka import Kafka, answering, asking, cluster_id, stop_all
from local_stack.kafka_login import LOGIN, MECHANISM, administrator, let_in

NUMBER = "brokers"
"""The file that says how many there are."""
BROKER = "landfall-broker"
"""Whom the certificate names that brokers and the administrator show."""
STOP_SECONDS = 15.0

_LISTENERS = """
listeners=CLIENT://127.0.0.1:{{broker}},CONTROLLER://127.0.0.1:{{controller}},INTERNAL://127.0.0.1:{{internal}}
advertised.listeners=CLIENT://127.0.0.1:{{broker}},INTERNAL://127.0.0.1:{{internal}}
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SSL,INTERNAL:SSL
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms={mechanism}
listener.name.client.{mechanism_lower}.sasl.jaas.config={module} required;
listener.name.controller.ssl.client.auth=required
listener.name.internal.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={certificates}/keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location={certificates}/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:CN={broker_name}
"""


@dataclass(frozen=True)
class KafkaCluster:
    """`brokers` brokers, each a controller as well, in folders 1, 2, … of `folder`."""

    folder: Path
    brokers: int

    @classmethod
    def found(cls, folder: Path) -> KafkaCluster | None:
        """The cluster that was made in a folder. Raises UserError where it does not say how many brokers it has."""
        file = folder / NUMBER
        try:
            return cls(folder, int(file.read_text(encoding="ascii")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise damaged(file) from error

    @property
    def nodes(self) -> tuple[Kafka, ...]:
        """The brokers, as their files are now."""
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in self._controllers())
        listeners = _LISTENERS.format(
            voters=voters,
            mechanism=MECHANISM,
            mechanism_lower=MECHANISM.lower(),
            module=LOGIN_MODULES[MECHANISM],
            certificates=self.certificates,
            broker_name=BROKER,
        )
        drawn = self._identity.read_text(encoding="ascii").strip() if self._identity.exists() else None
        ports = ("broker", "controller", "internal")
        return tuple(
            Kafka(self.folder / str(number), listeners, ports, number, min(3, self.brokers), drawn)
            for number in range(1, self.brokers + 1)
        )

    @property
    def certificates(self) -> Path:
        """The folder of PEM files."""
        return self.folder / "certificates"

    @property
    def address(self) -> str:
        """host:port of each broker, with commas."""
        return ",".join(node.address for node in self.nodes)

    def exists(self) -> bool:
        """Whether the storage of all was made. Raises UserError when only parts of one are there."""
        return all(node.exists() for node in self.nodes)

    def running(self) -> bool:
        """Whether any of them runs."""
        return any(node.broker() is not None for node in self.nodes)

    def make(self) -> None:
        """Make what is missing of certificates, password and storage; safe to repeat after a kill."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_private(self.folder / NUMBER, f"{self.brokers}\n")
        self.certificates.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.certificates / "ca.pem").exists():
            make_certificates(self.certificates, BROKER)
        if not self._password.exists():
            write_private(self._password, secrets.token_urlsafe(24) + "\n")
        if not self._identity.exists():
            write_private(self._identity, cluster_id() + "\n")
        for node in self.nodes:
            node.make()

    def launch(self) -> None:
        """Start those that do not run, and return at once."""
        before = [node.ports() for node in self.nodes]
        taken: tuple[int, ...] = ()
        for node in self.nodes:
            taken += node.ports() if node.broker() is not None else node.draw_ports(taken)
        if [node.ports() for node in self.nodes] != before:  # the others would look for it where it was
            self.stop()
        for node in self.nodes:
            node.launch()

    def start(self) -> None:
        """Start all, wait until each answers, and let the login in. Raises UserError when one does not start."""
        for _ in range(3):
            self.launch()
            waited = wait_while_it_moves(self._ended_or_all_answer(), self._movement)
            if any(node.broker() is None for node in self.nodes):
                continue
            if waited.done:
                self._let_in()
                return
            raise UserError(
                f"Kafka did not start: after {waited.seconds:.0f} s not all of its {self.brokers} brokers answer, and"
                f" they have done nothing for {waited.quiet_seconds:.0f} s. {self.nodes[0].said()}"
            )
        raise UserError(f"Kafka did not start: a broker ended three times. {self.nodes[0].said()}")

    @property
    def settings(self) -> KafkaSettings:
        """How a client reaches it."""
        return KafkaSettings(
            bootstrap_servers=self.address,
            security_protocol="SASL_SSL",
            sasl_mechanism=MECHANISM,
            sasl_username=LOGIN,
            sasl_password=self._password.read_text(encoding="utf-8").strip(),
            ssl_ca_location=str(self.certificates / "ca.pem"),
        )

    def stop(self) -> bool:
        """Stop all of them. Returns whether any ran.

        The last ones wait for a quorum that is gone: they are killed, which loses nothing, as files are the kernel's.
        """
        running = (node.broker() for node in self.nodes)
        return stop_all([process for process in running if process is not None], STOP_SECONDS)

    @property
    def _password(self) -> Path:
        return self.folder / "password"

    @property
    def _identity(self) -> Path:
        return self.folder / "cluster-id"

    def _controllers(self) -> list[tuple[int, int]]:
        """Number and controller's port of each node; before the first start, made-up ones."""
        found = []
        for number in range(1, self.brokers + 1):
            ports = Kafka(self.folder / str(number)).ports()
            found.append((number, ports[1] if len(ports) > 1 else 9000 + number))
        return found

    def _admin(self) -> Any:
        """A client that may do everything."""
        return administrator(",".join(f"127.0.0.1:{node.ports()[2]}" for node in self.nodes), self.certificates)

    def _ended_or_all_answer(self) -> Callable[[], bool]:
        """Asks whether a broker has ended, or all answer."""
        nodes, admin = self.nodes, self._admin()
        return lambda: any(node.broker() is None for node in nodes) or answering(admin) == len(nodes)

    def _movement(self) -> object:
        return [node.movement() for node in self.nodes]

    def _let_in(self) -> None:
        """The login, with the rights that the parts need; waits until the brokers know it."""
        let_in(self._admin(), str(self.settings.sasl_password))
        client = asking(self.settings.client_config())
        if not wait_until(lambda: answering(client) == self.brokers, 60):
            raise UserError(f"Kafka at {self.address} does not let {LOGIN} in after 60 s. {self.nodes[0].said()}")
