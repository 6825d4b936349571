"""Everything that `landfall status` shows."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from database.connect import address, connect
from database.locks import FOLLOWER, is_held
from health.checks import evaluate
from health.checks.services import judge
from health.findings import Finding, Severity, worst
from health.limits import load_limits
from landfall.errors import UserError
from landfall.services import ServiceRecord, kept_services
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from landing_stream.progress import ModelProgress, StreamStatus, model_progress, stream_statuses
from landing_stream.topics import KafkaUnavailable, Topics


@dataclass
class Server:
    """Where a server is, and whether it answers; `why` not."""

    address: str
    answers: bool = True
    why: str = ""

    def is_away(self, why: str) -> None:
        """It did not answer."""
        self.answers, self.why = False, why


@dataclass
class Report:
    """What there is to show; empty where it cannot be asked."""

    home: str
    servers: Mapping[str, Server]
    services: tuple[ServiceRecord, ...] = ()
    """What `landfall serve` keeps running."""
    streams: list[StreamStatus] = field(default_factory=list)
    models: list[ModelProgress] = field(default_factory=list)
    followed: bool = False
    """Whether somebody refreshes the models after each load."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def health(self) -> Severity:
        """The worst that was found, a server that does not answer included."""
        return worst(self.findings) if all(server.answers for server in self.servers.values()) else "error"

    def as_json(self) -> dict[str, Any]:
        """As `landfall status --json` prints it."""
        return {"health": self.health, **asdict(self)}


def collect(settings: Settings) -> Report:
    """Everything there is to show. Raises UserError where the database is not of this release."""
    topics: Topics | None = Topics(settings.kafka.client_config())
    contracts = list(load_contracts().values())
    postgres, kafka = Server(address(settings.as_transformer)), Server(settings.kafka.bootstrap_servers)
    report = Report(str(settings.home), {"postgres": postgres, "kafka": kafka}, kept_services(settings.home))
    try:
        with connect(settings.as_transformer, application_name="landfall status") as connection:
            try:
                report.streams = stream_statuses(connection, contracts, topics)
            except KafkaUnavailable as error:
                topics = None
                kafka.is_away(str(error))
                report.streams = stream_statuses(connection, contracts, None)
            report.models = model_progress(connection)
            report.followed = is_held(connection, FOLLOWER)
            connection.commit()
            report.findings = evaluate(settings, connection, topics)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedObject) as error:
        raise UserError(f"{postgres.address} is not of this release: run `landfall migrate`.") from error
    except psycopg.OperationalError as error:
        postgres.is_away(" ".join(str(error).split()))
        report.findings = judge(report.services, dt.datetime.now(dt.UTC), load_limits(settings.health_limits))
    return report
