"""Does Kafka answer? If not, why, in one sentence that names server, setting and remedy."""

from __future__ import annotations

import logging
import re
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.kafka_settings import PREFIX, KafkaSettings
from landfall.wording import counted

SECONDS = 8.0
BROKER_SECONDS = 3.0
BOOTSTRAP = PREFIX + "BOOTSTRAP_SERVERS"
PATIENCE_SECONDS = 1.5
"""After the first word of a failure, how long others are waited for: the first is not always the one that says why."""

CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"unsupported sasl mechanism|supported mechanisms|mechanism handshake failed",
        "it does not offer the mechanism that is set",
        f"Set {PREFIX}SASL_MECHANISM to one that the brokers offer.",
    ),
    (
        r"authentication fail|sasl authentication error|invalid credentials|authentication_failed",
        "it does not take this login",
        f"Look at {PREFIX}SASL_USERNAME and {PREFIX}SASL_PASSWORD, and at {PREFIX}SASL_MECHANISM.",
    ),
    (
        r"connecting to a plaintext broker listener",
        "it speaks no TLS at this port",
        f"Set {PREFIX}SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT, or {BOOTSTRAP} to the port for TLS.",
    ),
    (
        r"certificate required|bad certificate|certificate_required|unknown ca",
        "it wants a certificate of this client, or does not know the authority of the one it got",
        f"Look at {PREFIX}SSL_CERTIFICATE_LOCATION and {PREFIX}SSL_KEY_LOCATION.",
    ),
    (
        r"failed to resolve|name or service not known|nodename nor servname",
        "there is no host of this name",
        f"Look at the name in {BOOTSTRAP}, and at this machine's DNS.",
    ),
    (
        r"connection refused",
        "nobody listens there",
        f"Start the broker, or set {BOOTSTRAP} to where it listens.",
    ),
    (
        r"disconnected.*apiversion|broker might require|security.protocol|sasl.mechanism.*configured|ssl handshake",
        "it ends the connection at the first word, as where it speaks TLS or asks for a login",
        f"Look at {PREFIX}SECURITY_PROTOCOL: it has to be that of the listener at this port.",
    ),
    (
        r"no route to host|network is unreachable",
        "there is no way to it through the network",
        f"Look at the address in {BOOTSTRAP}, and at routes and firewalls between.",
    ),
)
"""In the words of librdkafka, what is wrong and what to do; the first that fits counts."""


def kafka(deployment: Deployment) -> list[Finding]:
    """Does the cluster answer with its topics?"""
    settings = deployment.settings.kafka_or_none
    if settings is None:
        advice = f"`landfall up` starts one here; for one of your own set {BOOTSTRAP}."
        return [warn("Kafka", f"None runs in {deployment.home}, and {BOOTSTRAP} is not set.", advice)]
    found, said = asked(settings)
    if found is None:
        return [refused(settings, said, deployment.has_local_kafka)]
    brokers = counted(len(found.brokers), "broker")
    return [well("Kafka", f"{settings.bootstrap_servers} answers ({settings.security_protocol}): {brokers}.")]


class Told(logging.Handler):
    """Keeps what a log says."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(re.sub(r"^\w+ (\[[^\]]*\] ?)*: ", "", record.getMessage()))


def asked(settings: KafkaSettings) -> tuple[Any, list[str]]:
    """The cluster's metadata; or None, with what the client said. Raises TimeoutError when it hears nothing.

    Names no topic: asking for one by its name could make it.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    said: list[str] = []
    # What a broker did that ended a connection stands in the client's log alone.
    log = logging.Logger("landfall doctor")
    log.addHandler(Told(said))
    config = {**settings.client_config(), "error_cb": lambda problem: said.append(problem.str())}
    client = AdminClient(config, logger=log)
    until = time.monotonic() + SECONDS
    heard: float | None = None
    while time.monotonic() < until:
        try:
            return client.list_topics(timeout=1), said
        except KafkaException as problem:
            client.poll(0)
            last = problem.args[0].str()
        if said and heard is None:
            heard = time.monotonic()
        if heard is not None and time.monotonic() - heard > PATIENCE_SECONDS:
            return None, [*said, last]
    raise TimeoutError(f"Kafka at {settings.bootstrap_servers} did not answer within {SECONDS:g} s")


def refused(settings: KafkaSettings, said: Sequence[str], is_local: bool) -> Finding:
    """The finding about a cluster that does not answer."""
    where = f"Kafka at {settings.bootstrap_servers}"
    if any("ssl" in each.lower() for each in said) and (fault := certificate_fault(settings)):
        return error("Kafka", f"{where} does not answer: {fault[0]}.", fault[1])
    for pattern, why, advice in CAUSES:
        if any(re.search(pattern, each, re.IGNORECASE) for each in said):
            if is_local and "nobody listens" in why:
                advice = "Run `landfall up`: it starts the broker, and repairs what a crash left."
            return error("Kafka", f"{where} does not answer: {why}.", advice)
    words = said[0] if said else "it says nothing"
    return error("Kafka", f"{where} does not answer: {words}.", f"Look at the broker's log, and at {BOOTSTRAP}.")


def certificate_fault(settings: KafkaSettings) -> tuple[str, str] | None:
    """What is wrong with the brokers' certificate, and what to do; None where nothing is, by the first that answers."""
    for host, port in addresses(settings.bootstrap_servers):
        context = ssl.create_default_context(cafile=settings.ssl_ca_location)
        try:
            with (
                socket.create_connection((host, port), BROKER_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=host),
            ):
                return None
        except ssl.SSLCertVerificationError as wrong:
            return in_words(wrong, host)
        except (OSError, ValueError):
            continue
    return None


def in_words(wrong: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    """What a certificate is refused for, and what to do. By X.509's own codes (OpenSSL's x509_vfy.h)."""
    hostname_mismatch, address_mismatch, expired, not_yet = 62, 64, 10, 9
    if wrong.verify_code in (hostname_mismatch, address_mismatch):
        return (
            f"its certificate is for another host than {host}",
            f"Write the host in {BOOTSTRAP} as the certificate names it, or give the brokers one for this name.",
        )
    if wrong.verify_code in (expired, not_yet):
        return (
            f"its certificate {'has expired' if wrong.verify_code == expired else 'is not valid yet'}",
            "Give the brokers a new one; or this machine's clock is wrong.",
        )
    return (
        f"its certificate is not of an authority that is trusted here ({wrong.verify_message})",
        f"Set {PREFIX}SSL_CA_LOCATION to a PEM file of the authority that signed the brokers' certificates.",
    )


def addresses(bootstrap_servers: str) -> list[tuple[str, int]]:
    """Host and port of each server; what is none is left out."""
    found = (each.strip().rpartition(":") for each in bootstrap_servers.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in found if port.isdigit() and host]


def brokers(deployment: Deployment) -> list[Finding]:
    """Can each broker be reached where the cluster says it is? Clients are sent there after their first question."""
    settings = deployment.settings.kafka
    found, _ = asked(settings)
    assert found is not None
    ordered = sorted(found.brokers.values(), key=lambda each: each.id)
    with ThreadPoolExecutor(max_workers=32) as at_once:
        return list(at_once.map(lambda broker: reached(broker.id, broker.host, broker.port), ordered))


def reached(number: int, host: str, port: int) -> Finding:
    """Whether a connection to a broker can be had from here."""
    try:
        socket.create_connection((host, port), BROKER_SECONDS).close()
    except OSError as wrong:
        why = "no answer" if isinstance(wrong, TimeoutError) else (wrong.strerror or str(wrong))
        message = f"The cluster says it is at {host}:{port}, where it cannot be reached from here: {why}."
        advice = "Start it; or mend its `advertised.listeners`, which has to be an address that this machine reaches."
        return error(f"broker {number}", message, advice)
    return well(f"broker {number}", f"It can be reached at {host}:{port}.")


CHECKS = (
    DoctorCheck("kafka", "whether the cluster answers, and why not", "kafka", kafka, SECONDS, ("settings",)),
    DoctorCheck("kafka_brokers", "each broker, where the cluster says it is", "kafka", brokers, 12.0, ("kafka",)),
)
