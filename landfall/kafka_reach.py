"""Why Kafka does not answer, in one sentence that names server, setting and remedy."""

from __future__ import annotations

import logging
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.kafka_settings import PREFIX

BOOTSTRAP = PREFIX + "BOOTSTRAP_SERVERS"
_SECONDS_A_BROKER = 3.0
_PATIENCE_SECONDS = 1.5
"""After the first word of a failure, how long others are waited for: the first is not always the one that says why."""

_CAUSES: tuple[tuple[str, str, str, bool], ...] = (
    (
        r"unsupported sasl mechanism|supported mechanisms|mechanism handshake failed",
        "it does not offer the mechanism that is set",
        f"Set {PREFIX}SASL_MECHANISM to one that the brokers offer.",
        False,
    ),
    (
        r"authentication fail|sasl authentication error|invalid credentials|authentication_failed",
        "it does not take this login",
        f"Look at {PREFIX}SASL_USERNAME and {PREFIX}SASL_PASSWORD, and at {PREFIX}SASL_MECHANISM.",
        False,
    ),
    (
        r"connecting to a plaintext broker listener",
        "it speaks no TLS at this port",
        f"Set {PREFIX}SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT, or {BOOTSTRAP} to the port for TLS.",
        False,
    ),
    (
        r"certificate required|bad certificate|certificate_required|unknown ca",
        "it wants a certificate of this client, or does not know the authority of the one it got",
        f"Look at {PREFIX}SSL_CERTIFICATE_LOCATION and {PREFIX}SSL_KEY_LOCATION.",
        False,
    ),
    (
        r"failed to resolve|name or service not known|nodename nor servname",
        "there is no host of this name",
        f"Look at the name in {BOOTSTRAP}, and at this machine's DNS.",
        True,
    ),
    (
        r"connection refused",
        "nobody listens there",
        f"Start the broker, or set {BOOTSTRAP} to where it listens.",
        True,
    ),
    (
        r"disconnected.*apiversion|broker might require|security.protocol|sasl.mechanism.*configured|ssl handshake",
        "it ends the connection at the first word, as where it speaks TLS or asks for a login",
        f"Look at {PREFIX}SECURITY_PROTOCOL: it has to be that of the listener at this port.",
        True,
    ),
    (
        r"no route to host|network is unreachable",
        "there is no way to it through the network",
        f"Look at the address in {BOOTSTRAP}, and at routes and firewalls between.",
        True,
    ),
)
"""In the words of librdkafka; what is wrong, what to do, whether it may pass by itself. The first that fits counts."""


@dataclass(frozen=True)
class Refusal:
    """Why a cluster does not answer, and what to do. `passes`: whether it may pass by itself."""

    why: str
    advice: str
    passes: bool


class _Told(logging.Handler):
    """Keeps what a log says."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(re.sub(r"^\w+ (\[[^\]]*\] ?)*: ", "", record.getMessage()))


def ask(config: Mapping[str, Any], seconds: float) -> tuple[Any, list[str]]:
    """The cluster's metadata; or None, with what the client said. Raises TimeoutError when it hears nothing.

    `config`: of the Python client.

    Names no topic: asking for one by its name could make it.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    said: list[str] = []
    # What a broker did that ended a connection stands in the client's log alone.
    log = logging.Logger("librdkafka")
    log.addHandler(_Told(said))
    callbacks: dict[str, Any] = {"error_cb": lambda problem: said.append(problem.str())}
    client = AdminClient({**config, **callbacks, "log_level": 6}, logger=log)
    until = time.monotonic() + seconds
    heard: float | None = None
    while time.monotonic() < until:
        try:
            return client.list_topics(timeout=1), said
        except KafkaException as problem:
            client.poll(0)
            last = problem.args[0].str()
        if said and heard is None:
            heard = time.monotonic()
        if heard is not None and time.monotonic() - heard > _PATIENCE_SECONDS:
            return None, [*said, last]
    raise TimeoutError(f"{_where(config)} did not answer within {seconds:g} s")


def refusal(config: Mapping[str, Any], said: Sequence[str]) -> Refusal:
    """Why a cluster does not answer, from what the client `said`."""
    if any("ssl" in each.lower() for each in said) and (fault := _certificate_fault(config)):
        return Refusal(f"{_where(config)} does not answer: {fault[0]}", fault[1], passes=False)
    for pattern, why, advice, passes in _CAUSES:
        if any(re.search(pattern, each, re.IGNORECASE) for each in said):
            return Refusal(f"{_where(config)} does not answer: {why}", advice, passes)
    words = said[0] if said else "it says nothing"
    advice = f"Look at the broker's log, and at {BOOTSTRAP}."
    return Refusal(f"{_where(config)} does not answer: {words}", advice, passes=True)


def _where(config: Mapping[str, Any]) -> str:
    return f"Kafka at {config['bootstrap.servers']}"


def _certificate_fault(config: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with the brokers' certificate, and what to do; None where nothing is, by the first that answers."""
    for host, port in _addresses(config["bootstrap.servers"]):
        context = ssl.create_default_context(cafile=config.get("ssl.ca.location"))
        try:
            with (
                socket.create_connection((host, port), _SECONDS_A_BROKER) as plain,
                context.wrap_socket(plain, server_hostname=host),
            ):
                return None
        except ssl.SSLCertVerificationError as wrong:
            return _in_words(wrong, host)
        except (OSError, ValueError):
            continue
    return None


def _in_words(wrong: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
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


def _addresses(bootstrap_servers: str) -> list[tuple[str, int]]:
    """Host and port of each server; what is none is left out."""
    found = (each.strip().rpartition(":") for each in bootstrap_servers.split(","))
    return [(host.strip("[]"), int(port)) for host, _, port in found if port.isdigit() and host]
