"""A Kafka with TLS, logins and access lists; TLS before a Postgres; a Postgres that was set up carelessly."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from landfall.kafka_settings import LOGIN_MODULES, KafkaSettings
from landfall.processes import free_port
from landfall.state import write_private
from local_stack import kafka, postgres
from local_stack.certificates import certificate, certificate_text, key_text

PASSWORD = "right-w0rd"
USER = "reader"

SECURE = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=%s required user_%s="%s";
ssl.keystore.type=PEM
ssl.keystore.location=%s
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
# The listener without a login, by which the tests set it up and it talks to itself.
super.users=User:ANONYMOUS
"""
CARELESS = """
max_connections = 12
superuser_reserved_connections = 1
max_locks_per_transaction = 10
shared_buffers = '16MB'
max_wal_size = '64MB'
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
"""


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority that signed the servers' certificate (of `localhost` alone), and another one."""

    authority: Path
    other_authority: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        """Fresh ones."""
        authority, authority_key = certificate("authority", None)
        other, _ = certificate("another authority", None)
        server, server_key = certificate("localhost", (authority, authority_key), hosts=("localhost",))
        made = cls(*(folder / name for name in ("authority.pem", "other.pem", "server.pem", "server.key")))
        for path, one in ((made.authority, authority), (made.other_authority, other), (made.certificate, server)):
            path.write_text(certificate_text(one))
        write_private(made.key, key_text(server_key))
        return made


@dataclass(frozen=True)
class SecuredKafka:
    """A broker: `settings` let `reader` in; `admin` may do everything."""

    settings: KafkaSettings
    admin: AdminClient
    certificates: Certificates
    port: int
    """Of the listener with TLS."""
    plain_port: int

    def make_topic(self, name: str, rights: tuple[AclOperation, ...] = ()) -> None:
        """A topic on which `reader` has these rights."""
        self.admin.create_topics([NewTopic(name, num_partitions=1)])[name].result(timeout=30)
        pattern = (ResourceType.TOPIC, name, ResourcePatternType.LITERAL, f"User:{USER}", "*")
        rules = [AclBinding(*pattern, right, AclPermissionType.ALLOW) for right in rights]
        for future in self.admin.create_acls(rules).values() if rules else ():
            future.result(timeout=30)

    def but(self, **others: Any) -> KafkaSettings:
        """The settings with others in their place."""
        return replace(self.settings, **others)


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Runs in `folder` for the time of the block."""
    certificates, port = Certificates.make(folder), free_port(None)
    keystore = folder / "keystore.pem"
    keystore.write_bytes(certificates.key.read_bytes() + certificates.certificate.read_bytes())
    listeners = kafka.LISTENERS + SECURE % (LOGIN_MODULES["PLAIN"], USER, PASSWORD, keystore)
    for name, host in (("listeners", "127.0.0.1"), ("advertised.listeners", "localhost")):
        plain = f"\n{name}=PLAINTEXT://127.0.0.1:{{broker}}"
        listeners = listeners.replace(plain, f"{plain},SASL_SSL://{host}:{port}")
    broker = kafka.Kafka(folder / "kafka", listeners)
    broker.make()
    try:
        plain_address = broker.start()
        settings = KafkaSettings(
            bootstrap_servers=f"localhost:{port}",
            security_protocol="SASL_SSL",
            sasl_mechanism="PLAIN",
            sasl_username=USER,
            sasl_password=PASSWORD,
            ssl_ca_location=str(certificates.authority),
        )
        admin = AdminClient({"bootstrap.servers": plain_address})
        yield SecuredKafka(settings, admin, certificates, port, int(plain_address.rpartition(":")[2]))
    finally:
        broker.stop()


@dataclass(frozen=True)
class CarelessPostgres:
    """A server and the login that owns its database."""

    port: int
    password: str


@contextmanager
def careless_postgres(folder: Path) -> Iterator[CarelessPostgres]:
    """Runs in `folder` for the time of the block."""
    server = postgres.Postgres(folder / "postgres")
    server.make(PASSWORD)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(postgres, "CONFIG", postgres.CONFIG + CARELESS)
        patched.setattr(postgres, "cache_sizes", lambda _: {})
        try:
            yield CarelessPostgres(server.start(), PASSWORD)
        finally:
            server.stop()


@contextmanager
def tls_before(port: int, certificates: Certificates) -> Iterator[int]:
    """Speaks TLS, as libpq begins it, and passes everything on to the Postgres at `port`, whose binaries have none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.recv(8)  # SSLRequest
            client.sendall(b"S")
            with (
                context.wrap_socket(client, server_side=True) as inside,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                threading.Thread(target=pass_on, args=(server, inside), daemon=True).start()
                pass_on(inside, server)

    with socket.create_server(("127.0.0.1", 0)) as front:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(front.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield front.getsockname()[1]


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Every byte, until the source ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
