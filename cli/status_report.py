"""Everything that `landfall status` shows, as it prints it with --json."""

import datetime as dt
from dataclasses import asdict
from typing import Any

import psycopg

from database.connect import address, connect
from database.locks import FOLLOWER, is_held
from health.checks import evaluate
from health.checks.services import judge
from health.findings import worst
from health.limits import load_limits
from landfall.errors import UserError
from landfall.services import kept_services
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.progress import model_progress, stream_statuses
from landing_stream.topics import KafkaUnavailable, Topics


def collect(settings: Settings) -> dict[str, Any]:
    """Everything there is to show; what cannot be asked is left out."""
    topics: Topics | None = Topics(settings.kafka.client_config())
    contracts = list(load_contracts().values())
    servers: dict[str, Any] = {"postgres": {"address": address(settings.as_transformer), "answers": True}}
    servers["kafka"] = {"address": settings.kafka.bootstrap_servers, "answers": True}
    report: dict[str, Any] = {"home": str(settings.home), "health": "ok", "servers": servers, "streams": []}
    services = kept_services(settings.home)
    report |= {"models": [], "followed": False, "findings": [], "services": [asdict(service) for service in services]}
    try:
        with connect(settings.as_transformer, application_name="landfall status") as connection:
            try:
                streams = stream_statuses(connection, contracts, topics)
            except KafkaUnavailable as error:
                topics = None
                servers["kafka"] |= {"answers": False, "why": str(error)}
                streams = stream_statuses(connection, contracts, None)
            report["streams"] = [asdict(stream) for stream in streams]
            report["models"] = [asdict(model) for model in model_progress(connection)]
            report["followed"] = is_held(connection, FOLLOWER)
            connection.commit()
            findings = evaluate(settings, connection, topics)
            report["findings"] = [asdict(finding) for finding in findings]
            report["health"] = worst(findings)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedObject) as error:
        raise UserError(f"{servers['postgres']['address']} is not of this release: run `landfall migrate`.") from error
    except psycopg.OperationalError as error:
        servers["postgres"] |= {"answers": False, "why": " ".join(str(error).split())}
        found = judge(services, dt.datetime.now(dt.UTC), load_limits(settings.health_limits))
        report["findings"] = [asdict(finding) for finding in found]
    if not all(server["answers"] for server in servers.values()):
        report["health"] = "error"
    return report
