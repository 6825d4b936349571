"""Every setting of the product, read in one place from environment variables.

A server's address comes from its variable, or else from the local stack that `landfall up` started in LANDFALL_HOME.
The two are never mixed within one server: with one Postgres DSN set, the others must be set too.
"""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from landfall.declared import (
    Variable,
    choice,
    database_uri,
    day,
    given,
    host_names,
    listen_address,
    number,
    path,
    secret_address,
    setting,
    spark_master,
    text,
    variables,
    web_address,
    whole,
    yes_or_no,
    zone,
)
from landfall.endpoints import Endpoints, read_endpoints
from landfall.errors import UserError
from landfall.kafka_settings import PREFIX as KAFKA_PREFIX
from landfall.kafka_settings import KafkaSettings
from landfall.login import READER, TRANSFORMER, WRITER, Login, with_password
from landfall.secret_files import SUFFIX, with_secret_files

LogFormat = Literal["text", "json"]
AlertSeverity = Literal["warn", "error"]

PREFIX = "LANDFALL_"
ADMIN = "admin"
HOME = Variable(
    path,
    "the state folder of the local stack; by default in the project's folder around the current one, or else in this",
    names=("LANDFALL_HOME",),
    default=".landfall",
)
DSNS = {
    TRANSFORMER: Variable(
        text,
        "the login of dbt, Dagster and the commands: reads every schema",
        names=("LANDFALL_POSTGRES_DSN",),
    ),
    WRITER: Variable(text, "the login of the landing stream", names=("LANDFALL_LANDING_DSN",)),
    ADMIN: Variable(
        text,
        "a login that owns the database and may create roles (no superuser); `migrate`, `backup` and `restore` use it,"
        " and no service inherits it",
        names=("LANDFALL_ADMIN_DSN",),
    ),
    READER: Variable(text, "optional: a login that reads the marts and nothing else", names=("LANDFALL_BI_DSN",)),
}
"""By role, what names its login."""
DSN_VARIABLES = {role: variable.names[0] for role, variable in DSNS.items()}
PASSWORD_VARIABLES = {role: name.replace("_DSN", "_PASSWORD") for role, name in DSN_VARIABLES.items()}
PASSWORDS = {
    role: Variable(
        text, f"the password of `{DSN_VARIABLES[role]}`, where that one holds none", secret=True, names=(name,)
    )
    for role, name in PASSWORD_VARIABLES.items()
}
DEMO_GEO_FILE = Path(__file__).parent.parent / "enrichment" / "demo_geo.mmdb"
DAYS = whole(1, 36_525)  # a hundred years
LEAST_FACT_DAYS = 62
"""Attribution looks back 30 days from an order, and partitions are months."""


def fact_days(named: str) -> int:
    """The bound of facts; a sentence where figures would still change behind it."""
    try:
        return whole(LEAST_FACT_DAYS, 36_525)(named)
    except ValueError as error:
        raise ValueError(f"{error}: what is counted looks back up to 30 days, and facts go by months") from error


def geo_file(named: str) -> Path:
    """The path of a geo file, or `demo`."""
    return DEMO_GEO_FILE if named == "demo" else path(named)


@dataclass(frozen=True)
class Settings:
    """What every command needs to know; asking for an address that is not known raises UserError."""

    home: Path
    """The state folder of the local stack."""
    dsns: Mapping[str, str] = field(repr=False)
    """libpq URLs by role: transformer, landing_writer, admin, bi_reader."""
    kafka_or_none: KafkaSettings | None = field(repr=False)
    trigger_seconds: float = setting(
        1.0, number(least=0.0), "seconds from one trigger of the landing stream to the next"
    )
    max_offsets_per_trigger: int = setting(
        300_000,
        whole(),
        "most events of one load, which bounds memory; the default [did best](benchmarks/README.md)",
    )
    spark_master: str | None = setting(
        None,
        spark_master,
        "where `landfall land` runs, as Spark writes it: `spark://HOST:PORT`"
        " ([a cluster](docs/how-to/spark-cluster.md)); by default on all cores of its own machine, `local[CORES]`",
    )
    geoip_database: Path | None = setting(
        None,
        geo_file,
        "a geo file (MMDB: GeoLite2, DB-IP, IPinfo, …) that tells countries and cities by address, or `demo` for a"
        " small made-up one that fits simulated events; without it every place is `(none)`:"
        " [enrichment](enrichment/README.md)",
    )
    landing_retention_days: int = setting(
        30,
        DAYS,
        "`landfall retention` drops landing partitions that are older than this many days, and makes one row of a day's"
        " loads in the ledger",
    )
    ledger_detail_hours: int = setting(
        8,
        whole(1, 876_600),
        "loads that landed longer ago than this many hours, and that everybody has read, become one row an hour in the"
        " ledger ([what it takes](docs/how-to/tune.md#the-ledger))",
    )
    quarantine_retention_days: int = setting(
        90, DAYS, "`landfall retention` deletes quarantined records that are older than this many days"
    )
    address_retention_days: int = setting(
        30, DAYS, "`landfall retention` shortens IP addresses that first came more than this many days ago"
    )
    identifier_retention_days: int = setting(
        90,
        DAYS,
        "where events are older than this many days, `landfall retention` keeps in facts the keys of users and devices"
        " without the raw ids, and referrers without their queries",
    )
    fact_retention_days: int | None = setting(
        None,
        fact_days,
        "`landfall retention` lets facts go whose events are older than this many days and a month more, and no older"
        " event becomes a fact; unset, facts stay for ever ([what follows](docs/how-to/let-facts-go.md))",
    )
    erasure_journal: Path | None = setting(
        None,
        path,
        "the file in which `landfall erase` writes down, without naming anybody, who was erased, for a"
        " [restore](docs/how-to/back-up-and-restore.md#who-was-erased); by default `erasures.jsonl` in the state"
        " folder",
    )
    run_retention_days: int = setting(
        7, DAYS, "finished runs of Dagster that are older than this many days go, except those that assets are shown by"
    )
    runs_kept: int = setting(
        15,
        whole(),
        "most runs of each of Dagster's jobs that stay, of those that succeeded and of those that failed"
        " ([why so few](orchestration/README.md))",
    )
    reports_kept: int = setting(
        30, whole(), "most reports without a run, of each asset and check, that stay in Dagster"
    )
    ticks_kept: int = setting(
        500, whole(), "most ticks of each sensor and schedule, of each outcome, that stay in Dagster"
    )
    log_megabytes: int = setting(
        10, whole(), "a log in the state folder that grows beyond this many MB is cut to the newest half of that"
    )
    health_limits: Path | None = setting(
        None, path, "a YAML file that changes some bounds of the [checks](health/README.md)"
    )
    first_event_day: dt.date = setting(
        dt.date(2020, 1, 1), day, "the earliest day of events that Dagster offers to count again"
    )
    reporting_timezone: str | None = setting(
        None,
        zone,
        "whose clock the days and hours of the marts are of, as `Europe/Berlin`, the same for everything that"
        " refreshes; by default the var `reporting_timezone` of `dbt_project.yml`, UTC. After a change"
        " `landfall refresh --full-refresh` counts every table anew; until then each refresh is refused with a sentence"
        " that says so",
    )
    metrics_port: int = setting(
        9464,
        whole(1, 65_535),
        "the port on 127.0.0.1 where `landfall metrics` serves; under `landfall serve` a free one where another state"
        " folder's has that, which `landfall status` shows",
    )
    listen_address: str = setting(
        "127.0.0.1",
        listen_address,
        "the address where `landfall metrics` and `landfall dashboards` listen: another one than loopback's is for a"
        " network of containers, since whoever reaches it can read all metrics",
    )
    host_names: tuple[str, ...] = setting(
        (),
        host_names,
        "names, with commas, by which pages of Dagster and metrics may be asked for besides `localhost`, as of a"
        " reverse proxy",
    )
    superset_port: int = setting(
        8088,
        whole(1, 65_535),
        "the port on 127.0.0.1 of the [dashboards](dashboards/README.md); with the default a free one where somebody"
        " else has that",
    )
    superset_database_uri: str | None = setting(
        None,
        database_uri,
        "where Superset keeps its users, charts and dashboards, as SQLAlchemy writes it"
        " (`postgresql+psycopg2://…`); a secret; by default a SQLite file in the state folder",
        secret=True,
    )
    dagster_read_only: bool = setting(
        False, yes_or_no, "`yes`: pages of Dagster on which nobody can start or stop anything"
    )
    slack_webhook_url: str | None = setting(
        None,
        secret_address,
        "a Slack [incoming webhook](https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) that"
        " [alerts](health/README.md) are sent to; a secret",
        secret=True,
    )
    alert_webhook_url: str | None = setting(
        None, web_address, "an address that alerts are posted to as JSON; may hold a secret", secret=True
    )
    alert_severity: AlertSeverity = setting(
        "warn", choice("warn", "error"), "the least severity of a finding that is an alert: `warn` or `error`"
    )
    alert_after_seconds: float = setting(
        60.0,
        number(least=0.0),
        "an alert is sent once something has been wrong, or well again, for this many seconds; of a failed run at once",
    )
    alert_repeat_hours: float = setting(4.0, number(least=0.01), "what stays wrong is told again after this many hours")
    s3_endpoint: str | None = setting(
        None,
        web_address,
        "where `s3://` leads, as `http://127.0.0.1:9000`; by default to Amazon. Keys come from where AWS' own tools"
        " take them: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, or the machine's role",
    )
    s3_region: str | None = setting(
        None,
        text,
        "the region of `s3://`; by default Amazon is asked for the bucket's",
        names=("AWS_REGION", "AWS_DEFAULT_REGION"),
    )
    export_url: str | None = setting(
        None, text, "the folder or `s3://` prefix that Dagster exports the marts to, once a day"
    )
    log_format: LogFormat = setting(
        "text",
        choice("text", "json"),
        "`text` or `json`: every line that a process of Landfall writes to its log, Dagster's included. Postgres, Kafka"
        " and the JVM keep formats of their own",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment (default: of this process) and the endpoints of the state folder.

        Raises UserError for a value that does not fit, by the name of its variable.
        """
        env = with_secrets(os.environ if environ is None else environ)
        home = home_folder(env)
        local = read_endpoints(home)
        return cls(
            home=home,
            dsns=known_dsns(env, local_dsns(local)),
            kafka_or_none=KafkaSettings.load(env) or local_kafka(local),
            **given(cls, PREFIX, env),
        )

    @classmethod
    def of_home(cls, home: Path) -> "Settings":
        """Settings of the local stack in `home` alone, whatever servers the environment names."""
        return cls.load(environ_of_home(home, os.environ))

    def with_dsns(self, **dsns: str) -> "Settings":
        """A copy that uses these DSNs by role (transformer=, landing_writer=, admin=, bi_reader=)."""
        return replace(self, dsns={**self.dsns, **dsns})

    @property
    def as_transformer(self) -> Login:
        """Reads every schema, and writes all but landing."""
        return Login(self._dsn(TRANSFORMER), TRANSFORMER)

    @property
    def as_writer(self) -> Login:
        """Writes landing, and reads nothing else."""
        return Login(self._dsn(WRITER), WRITER)

    @property
    def as_admin(self) -> Login:
        """Owns the database and may create roles; never a superuser on the local stack."""
        return Login(self._dsn(ADMIN), None)

    @property
    def as_reader(self) -> Login:
        """Reads marts with the least rights there are a login for: servers of one's own may have none for bi_reader."""
        return Login(self._dsn(READER), READER) if READER in self.dsns else self.as_transformer

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
    named = {
        role: with_password(env[name], env.get(PASSWORD_VARIABLES[role]))
        for role, name in DSN_VARIABLES.items()
        if env.get(name)
    }
    is_local = all(local.get(role) == dsn for role, dsn in named.items())
    return local if is_local else named


def local_dsns(local: Endpoints | None) -> dict[str, str]:
    """DSNs by role of a local stack, none when it was not started."""
    if local is None:
        return {}
    return {
        TRANSFORMER: local.postgres_dsn,
        WRITER: local.landing_dsn,
        ADMIN: local.admin_dsn,
        READER: local.bi_dsn,
    }


def local_kafka(local: Endpoints | None) -> KafkaSettings | None:
    """Kafka settings of a local stack, None when it was not started."""
    return None if local is None else KafkaSettings(local.kafka_bootstrap_servers, **local.kafka_login)


def environ_of_home(home: Path, env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the servers of `home` are the only ones, whatever others `env` names; the rest stays."""
    servers = {variable for role in DSNS for variable in variables_of(role)}
    kept = {name: value for name, value in env.items() if name not in servers and not name.startswith(KAFKA_PREFIX)}
    return {**kept, "LANDFALL_HOME": str(home)}


def without_admin(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the login that may change roles is for commands that a person types."""
    return {name: value for name, value in env.items() if name not in variables_of(ADMIN)}


def variables_of(role: str) -> tuple[str, ...]:
    """All that can name a login or its password."""
    named = (DSN_VARIABLES[role], PASSWORD_VARIABLES[role])
    return (*named, *(name + SUFFIX for name in named))


def secrets() -> list[str]:
    """Every variable that holds a secret, and so may name a file instead (NAME_FILE)."""
    of_kafka, ours = variables(KafkaSettings, KAFKA_PREFIX), variables(Settings, PREFIX)
    secret = [name for one in (*of_kafka.values(), *ours.values()) if one.secret for name in one.names]
    return [*DSN_VARIABLES.values(), *PASSWORD_VARIABLES.values(), *secret]


def with_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with secrets that it names by file. Raises UserError for a file that cannot be read."""
    return with_secret_files(environ, secrets())


def home_folder(env: Mapping[str, str]) -> Path:
    """LANDFALL_HOME, or `.landfall` in the project's folder around the current one, or else in the current one."""
    if named := env.get("LANDFALL_HOME"):
        return path(named)
    here = Path.cwd()
    project = next((folder for folder in (here, *here.parents) if is_project(folder)), here)
    return project / ".landfall"


def is_project(folder: Path) -> bool:
    """Whether this folder is a clone of the product."""
    return (folder / "pyproject.toml").is_file() and (folder / "landing_stream").is_dir()
