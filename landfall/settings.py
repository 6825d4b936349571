"""Every setting of the product, read in one place from environment variables.

A server's address comes from its variable, or else from the local stack that `landfall up` started in LANDFALL_HOME.
The two are never mixed within one server: with one Postgres DSN set, the others must be set too.
"""

import datetime as dt
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from landfall.endpoints import Endpoints, read_endpoints
from landfall.errors import UserError
from landfall.kafka_settings import KafkaSettings
from landfall.own_names import is_own

LogFormat = Literal["text", "json"]
AlertSeverity = Literal["warn", "error"]

DSN_VARIABLES = {
    "transformer": "LANDFALL_POSTGRES_DSN",
    "landing_writer": "LANDFALL_LANDING_DSN",
    "admin": "LANDFALL_ADMIN_DSN",
    "bi_reader": "LANDFALL_BI_DSN",
}


DEMO_GEO_FILE = Path(__file__).parent.parent / "enrichment" / "demo_geo.mmdb"


@dataclass(frozen=True)
class Settings:
    """What every command needs to know; asking for an address that is not known raises UserError."""

    home: Path
    """LANDFALL_HOME: the state folder of the local stack. Default: `.landfall` in the project's folder."""
    dsns: Mapping[str, str] = field(repr=False)
    """libpq URLs by role: transformer, landing_writer, admin, bi_reader."""
    kafka_or_none: KafkaSettings | None = field(repr=False)
    trigger_seconds: float = 1.0
    """LANDFALL_TRIGGER_SECONDS: how often the landing stream looks for new events."""
    max_offsets_per_trigger: int = 300_000
    """LANDFALL_MAX_OFFSETS_PER_TRIGGER: most events of one load; bounds memory (300,000 did best, see benchmarks)."""
    geoip_database: Path | None = None
    """LANDFALL_GEOIP_DATABASE: a geo file (MMDB: GeoLite2, DB-IP, IPinfo, …) that tells countries and cities by
    address; `demo` for the small made-up one that fits simulated events. Default: none, and every place is `(none)`."""
    landing_retention_days: int = 30
    """LANDFALL_LANDING_RETENTION_DAYS: `landfall retention` drops landing partitions that are older."""
    quarantine_retention_days: int = 90
    """LANDFALL_QUARANTINE_RETENTION_DAYS: `landfall retention` deletes quarantined records that are older."""
    address_retention_days: int = 30
    """LANDFALL_ADDRESS_RETENTION_DAYS: `landfall retention` shortens IP addresses that came first before that."""
    identifier_retention_days: int = 90
    """LANDFALL_IDENTIFIER_RETENTION_DAYS: of users and devices of older events `landfall retention` keeps the keys, of
    addresses of pages all but the query."""
    run_retention_days: int = 7
    """LANDFALL_RUN_RETENTION_DAYS: older finished runs of Dagster go, except those that assets are shown by."""
    runs_kept: int = 15
    """LANDFALL_RUNS_KEPT: most runs of each Dagster job that stay, of those that succeeded and of those that failed."""
    reports_kept: int = 30
    """LANDFALL_REPORTS_KEPT: most reports without a run, of each asset and check, that stay in Dagster."""
    ticks_kept: int = 500
    """LANDFALL_TICKS_KEPT: most looks of each sensor and schedule, of each outcome, that stay in Dagster."""
    log_megabytes: int = 10
    """LANDFALL_LOG_MEGABYTES: a log in the state folder that has grown beyond is cut to the newest half of that."""
    health_limits: Path | None = None
    """LANDFALL_HEALTH_LIMITS: a YAML file that changes some of the bounds of the checks (health/limits.py)."""
    first_event_day: dt.date = dt.date(2020, 1, 1)
    """LANDFALL_FIRST_EVENT_DAY: the earliest day of events that Dagster offers to count again, as 2026-03-28."""
    reporting_timezone: str | None = None
    """LANDFALL_REPORTING_TIMEZONE: whose clock the days and hours of the marts are of, as Europe/Berlin. After a change
    run `landfall refresh --full-refresh`. Default: the var reporting_timezone of dbt_project.yml, UTC."""
    metrics_port: int = 9464
    """LANDFALL_METRICS_PORT: where `landfall metrics` serves on 127.0.0.1."""
    host_names: tuple[str, ...] = ()
    """LANDFALL_HOST_NAMES: names, with commas, by which pages of Dagster and metrics may be asked for besides
    localhost, as of a reverse proxy. Default: none."""
    dagster_read_only: bool = False
    """LANDFALL_DAGSTER_READ_ONLY: `yes` for pages of Dagster on which nobody can start or stop anything."""
    slack_webhook_url: str | None = field(default=None, repr=False)
    """LANDFALL_SLACK_WEBHOOK_URL: a Slack incoming webhook that alerts are sent to; a secret. Default: none."""
    alert_webhook_url: str | None = field(default=None, repr=False)
    """LANDFALL_ALERT_WEBHOOK_URL: an address that alerts are posted to as JSON; may hold a secret. Default: none."""
    alert_severity: AlertSeverity = "warn"
    """LANDFALL_ALERT_SEVERITY: the least severity of a finding that is an alert, `warn` or `error`."""
    alert_after_seconds: float = 60.0
    """LANDFALL_ALERT_AFTER_SECONDS: an alert is sent once something has been wrong, or well again, for so long."""
    alert_repeat_hours: float = 4.0
    """LANDFALL_ALERT_REPEAT_HOURS: what stays wrong is told again after so long."""
    s3_endpoint: str | None = None
    """LANDFALL_S3_ENDPOINT: where `s3://` leads, as http://127.0.0.1:9000. Default: Amazon. Keys come from where AWS'
    own tools take them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's role."""
    s3_region: str | None = None
    """AWS_REGION or AWS_DEFAULT_REGION. Default: Amazon is asked for the bucket's."""
    export_url: str | None = None
    """LANDFALL_EXPORT_URL: the folder or s3:// prefix that Dagster exports the marts to, once a day. Default: none."""
    log_format: LogFormat = "text"
    """LANDFALL_LOG_FORMAT: `text` or `json`, one line a record, on stderr."""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment (default: of this process) and the endpoints of the state folder.

        Raises UserError for a value that does not fit, by the name of its variable.
        """
        env = os.environ if environ is None else environ
        home = home_folder(env)
        local = read_endpoints(home)
        return cls(
            home=home,
            dsns=known_dsns(env, local_dsns(local)),
            kafka_or_none=KafkaSettings.load(env) or local_kafka(local),
            trigger_seconds=number(env, "LANDFALL_TRIGGER_SECONDS", cls.trigger_seconds, least=0.0),
            max_offsets_per_trigger=int(
                number(env, "LANDFALL_MAX_OFFSETS_PER_TRIGGER", cls.max_offsets_per_trigger, least=1)
            ),
            geoip_database=geo_file(env, "LANDFALL_GEOIP_DATABASE"),
            landing_retention_days=days(env, "LANDFALL_LANDING_RETENTION_DAYS", cls.landing_retention_days),
            quarantine_retention_days=days(env, "LANDFALL_QUARANTINE_RETENTION_DAYS", cls.quarantine_retention_days),
            identifier_retention_days=days(env, "LANDFALL_IDENTIFIER_RETENTION_DAYS", cls.identifier_retention_days),
            address_retention_days=days(env, "LANDFALL_ADDRESS_RETENTION_DAYS", cls.address_retention_days),
            run_retention_days=days(env, "LANDFALL_RUN_RETENTION_DAYS", cls.run_retention_days),
            runs_kept=int(number(env, "LANDFALL_RUNS_KEPT", cls.runs_kept, least=1)),
            reports_kept=int(number(env, "LANDFALL_REPORTS_KEPT", cls.reports_kept, least=1)),
            ticks_kept=int(number(env, "LANDFALL_TICKS_KEPT", cls.ticks_kept, least=1)),
            log_megabytes=int(number(env, "LANDFALL_LOG_MEGABYTES", cls.log_megabytes, least=1)),
            health_limits=file_path(env, "LANDFALL_HEALTH_LIMITS"),
            first_event_day=day(env, "LANDFALL_FIRST_EVENT_DAY", cls.first_event_day),
            reporting_timezone=zone(env, "LANDFALL_REPORTING_TIMEZONE"),
            metrics_port=port(env, "LANDFALL_METRICS_PORT", cls.metrics_port),
            host_names=host_names(env),
            dagster_read_only=choice(env, "LANDFALL_DAGSTER_READ_ONLY", ("no", "yes")) == "yes",
            slack_webhook_url=secret_address(env, "LANDFALL_SLACK_WEBHOOK_URL"),
            alert_webhook_url=web_address(env, "LANDFALL_ALERT_WEBHOOK_URL"),
            alert_severity=cast(AlertSeverity, choice(env, "LANDFALL_ALERT_SEVERITY", ("warn", "error"))),
            alert_after_seconds=number(env, "LANDFALL_ALERT_AFTER_SECONDS", cls.alert_after_seconds, least=0.0),
            alert_repeat_hours=number(env, "LANDFALL_ALERT_REPEAT_HOURS", cls.alert_repeat_hours, least=0.01),
            s3_endpoint=web_address(env, "LANDFALL_S3_ENDPOINT"),
            s3_region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or None,
            export_url=env.get("LANDFALL_EXPORT_URL") or None,
            log_format=cast(LogFormat, choice(env, "LANDFALL_LOG_FORMAT", ("text", "json"))),
        )

    @classmethod
    def of_home(cls, home: Path) -> "Settings":
        """Settings of the local stack in `home` alone, whatever servers the environment names."""
        own_servers = set(DSN_VARIABLES.values())
        kept = {k: v for k, v in os.environ.items() if k not in own_servers and not k.startswith("LANDFALL_KAFKA_")}
        return cls.load({**kept, "LANDFALL_HOME": str(home)})

    def with_dsns(self, **dsns: str) -> "Settings":
        """A copy that uses these DSNs by role (transformer=, landing_writer=, admin=, bi_reader=)."""
        return replace(self, dsns={**self.dsns, **dsns})

    @property
    def postgres_dsn(self) -> str:
        """Login of role transformer, which reads every schema."""
        return self._dsn("transformer")

    @property
    def landing_dsn(self) -> str:
        """Login of role landing_writer."""
        return self._dsn("landing_writer")

    @property
    def admin_dsn(self) -> str:
        """Login that owns the database and may create roles; never a superuser on the local stack."""
        return self._dsn("admin")

    @property
    def bi_dsn(self) -> str | None:
        """Login of role bi_reader; None when servers of one's own name none."""
        return self.dsns.get("bi_reader")

    @property
    def kafka(self) -> KafkaSettings:
        """The Kafka cluster."""
        if self.kafka_or_none is None:
            raise UserError("No Kafka to talk to: run `landfall up`, or set LANDFALL_KAFKA_BOOTSTRAP_SERVERS.")
        return self.kafka_or_none

    def _dsn(self, role: str) -> str:
        name = DSN_VARIABLES[role]
        if role in self.dsns:
            return self.dsns[role]
        if self.dsns:
            known = ", ".join(DSN_VARIABLES[other] for other in self.dsns)
            raise UserError(f"{name} is not set, though {known} is: set it too, for a login on the same server.")
        raise UserError(f"No Postgres to talk to: run `landfall up`, or set {name}.")


def known_dsns(env: Mapping[str, str], local: Mapping[str, str]) -> Mapping[str, str]:
    """DSNs by role: those of the environment, or else of the local stack.

    Where the environment names the local stack itself, as after `landfall env`, its others belong to them: that command
    prints no admin's, which no child needs.
    """
    given = {role: env[name] for role, name in DSN_VARIABLES.items() if env.get(name)}
    is_local = all(local.get(role) == dsn for role, dsn in given.items())
    return local if is_local else given


def local_dsns(local: Endpoints | None) -> dict[str, str]:
    """DSNs by role of a local stack, none when it was not started."""
    if local is None:
        return {}
    return {
        "transformer": local.postgres_dsn,
        "landing_writer": local.landing_dsn,
        "admin": local.admin_dsn,
        "bi_reader": local.bi_dsn,
    }


def local_kafka(local: Endpoints | None) -> KafkaSettings | None:
    """Kafka settings of a local stack, None when it was not started."""
    return None if local is None else KafkaSettings(bootstrap_servers=local.kafka_bootstrap_servers)


def without_admin(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the login that may change roles is for `migrate` and `erase` alone."""
    return {name: value for name, value in env.items() if name != DSN_VARIABLES["admin"]}


def home_folder(env: Mapping[str, str]) -> Path:
    """LANDFALL_HOME, or `.landfall` in the project's folder around the current one, or else in the current one."""
    if given := env.get("LANDFALL_HOME"):
        return Path(given).expanduser().absolute()
    here = Path.cwd()
    project = next((folder for folder in (here, *here.parents) if is_project(folder)), here)
    return project / ".landfall"


def is_project(folder: Path) -> bool:
    """Whether this folder is a clone of the product."""
    return (folder / "pyproject.toml").is_file() and (folder / "landing_stream").is_dir()


def number(env: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    """A number of at least `least`; raises UserError by name."""
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value < float("inf"):
        raise UserError(f"{name} is {text!r}: write a number of at least {least:g}.")
    return value


def geo_file(env: Mapping[str, str], name: str) -> Path | None:
    """The geo file's path, absolute, None when the variable is not set. Who opens it says whether it can be used."""
    return DEMO_GEO_FILE if env.get(name) == "demo" else file_path(env, name)


def file_path(env: Mapping[str, str], name: str) -> Path | None:
    """A file's path, absolute, None when the variable is not set. Who opens it says whether it can be used."""
    given = env.get(name, "")
    return Path(given).expanduser().absolute() if given else None


def web_address(env: Mapping[str, str], name: str) -> str | None:
    """An address of the web, None when the variable is not set; raises UserError by name alone: it is a secret."""
    given = env.get(name, "").strip()
    if given and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", given):
        raise UserError(f"{name} is no address: write https://… in full.")
    return given or None


def secret_address(env: Mapping[str, str], name: str) -> str | None:
    """An address of the web that is a secret as a whole; raises UserError by name where it would travel unencrypted."""
    given = web_address(env, name)
    if given and given.startswith("http://") and not is_own(urlsplit(given).hostname, ()):
        raise UserError(f"{name} would be sent unencrypted, and it is a secret: write https://… in full.")
    return given


def host_names(env: Mapping[str, str]) -> tuple[str, ...]:
    """LANDFALL_HOST_NAMES; raises UserError for what is no name of a host."""
    names = tuple(name.strip() for name in env.get("LANDFALL_HOST_NAMES", "").split(",") if name.strip())
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", name):
            raise UserError(f"LANDFALL_HOST_NAMES holds {name!r}: write names without scheme and port, with commas.")
    return names


def days(env: Mapping[str, str], name: str, default: int) -> int:
    """A number of days, at least one and at most a hundred years; raises UserError by name."""
    value = number(env, name, default, least=1)
    if value != int(value) or value > 36_525:
        raise UserError(f"{name} is {env[name]!r}: write a whole number of days, at most 36525.")
    return int(value)


def day(env: Mapping[str, str], name: str, default: dt.date) -> dt.date:
    """A day as ISO 8601 writes it; raises UserError by name."""
    text = env.get(name, "")
    try:
        return dt.date.fromisoformat(text) if text else default
    except ValueError:
        raise UserError(f"{name} is {text!r}: write a day like 2026-03-28.") from None


def zone(env: Mapping[str, str], name: str) -> str | None:
    """A zone of the tz database, None when the variable is not set; raises UserError by name."""
    text = env.get(name, "")
    if text and text not in available_timezones():
        raise UserError(f"{name} is {text!r}: write the name of a zone like Europe/Berlin.")
    return text or None


def port(env: Mapping[str, str], name: str, default: int) -> int:
    """A TCP port; raises UserError by name."""
    value = number(env, name, default, least=1)
    if value != int(value) or value > 65_535:
        raise UserError(f"{name} is {env[name]!r}: write a port, 1 to 65535.")
    return int(value)


def choice(env: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`, the first by default; raises UserError by name."""
    value = env.get(name) or allowed[0]
    if value not in allowed:
        raise UserError(f"{name} is {value!r}: write one of {', '.join(allowed)}.")
    return value
