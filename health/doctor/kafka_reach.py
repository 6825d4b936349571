"""Does Kafka answer? If not, why, in one sentence that names server, setting and remedy."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

from health.doctor.check import DoctorCheck, error, warn, well
from health.doctor.deployment import Deployment
from health.findings import Finding
from landfall.kafka_reach import BOOTSTRAP, ask, refusal
from landfall.wording import counted

SECONDS = 8.0
BROKER_SECONDS = 3.0


def kafka(deployment: Deployment) -> list[Finding]:
    """Does the cluster answer with its topics?"""
    settings = deployment.settings.kafka_or_none
    if settings is None:
        advice = f"`landfall up` starts one here; for one of your own set {BOOTSTRAP}."
        return [warn("Kafka", f"None runs in {deployment.home}, and {BOOTSTRAP} is not set.", advice)]
    found, said = ask(settings.client_config(), SECONDS)
    if found is None:
        refused = refusal(settings.client_config(), said)
        advice = refused.advice
        if deployment.has_local_kafka and "nobody listens" in refused.why:
            advice = "Run `landfall up`: it starts the broker, and repairs what a crash left."
        return [error("Kafka", f"{refused.why}.", advice)]
    brokers = counted(len(found.brokers), "broker")
    return [well("Kafka", f"{settings.bootstrap_servers} answers ({settings.security_protocol}): {brokers}.")]


def brokers(deployment: Deployment) -> list[Finding]:
    """Can each broker be reached where the cluster says it is? Clients are sent there after their first question."""
    settings = deployment.settings.kafka
    found, _ = ask(settings.client_config(), SECONDS)
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
