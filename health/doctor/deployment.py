"""What the doctor looks at: one environment, with its state folder and the servers that its settings name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from health.doctor.bounds import Bounds
from landfall.endpoints import read_endpoints
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.login import TRANSFORMER, Login
from landfall.settings import DSN_VARIABLES, Settings, home_folder, local_dsns, local_kafka, with_secrets

if TYPE_CHECKING:
    import psycopg

    from landing_stream.contract import Contract

STATEMENT_SECONDS = 8


@dataclass(frozen=True)
class Deployment:
    """One environment, before anything of it was asked. The folders are this clone's, but for tests."""

    home: Path
    """The state folder; it may not exist."""
    settings_or_none: Settings | None
    wrong_settings: str = ""
    """Why there are none."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    bounds: Bounds = field(default_factory=Bounds)
    contracts_folder: Path = PROJECT / "landing_stream" / "contracts"
    lock: Path = PROJECT / "requirements.lock"
    dbt_project: Path = PROJECT / "dbt_project"
    now: Callable[[], float] = time.time
    """This machine's clock: seconds since 1970."""

    @classmethod
    def of(cls, environ: Mapping[str, str] | None = None, **others: Any) -> Deployment:
        """The deployment that an environment (default: of this process) means. A wrong setting is kept as words."""
        env = os.environ if environ is None else environ
        home = home_folder(env)
        try:
            env = with_secrets(env)
            return cls(home, Settings.load(env), environ=env, **others)
        except UserError as wrong:
            return cls(home, None, wrong.format_message(), env, **others)

    def with_settings(self, settings: Settings) -> Deployment:
        """The same with other servers."""
        return replace(self, home=settings.home, settings_or_none=settings)

    @property
    def settings(self) -> Settings:
        """Raises UserError where they are wrong."""
        if self.settings_or_none is None:
            raise UserError(self.wrong_settings)
        return self.settings_or_none

    @property
    def contracts(self) -> list[Contract]:
        """Every contract. Raises UserError."""
        # Imported here for start-up time, as elsewhere in the doctor: a missing package is a finding, not the end.
        from landing_stream.contract import load_contracts

        return list(load_contracts(self.contracts_folder).values())

    @property
    def has_local_postgres(self) -> bool:
        """Whether Postgres is the state folder's own, or would be once it is started."""
        settings = self.settings_or_none
        if settings is None or not settings.dsns:
            return settings is not None
        return settings.dsns.get(TRANSFORMER) == local_dsns(read_endpoints(self.home)).get(TRANSFORMER)

    @property
    def has_local_kafka(self) -> bool:
        """Whether Kafka is the state folder's own, or would be once it is started."""
        settings = self.settings_or_none
        if settings is None or settings.kafka_or_none is None:
            return settings is not None
        return settings.kafka_or_none == local_kafka(read_endpoints(self.home))

    @property
    def makes_ready(self) -> str:
        """The command that brings these servers to this release, in words."""
        return "`landfall up`" if self.has_local_postgres else "`landfall migrate`"

    @contextmanager
    def session(self, login: Login | None = None) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A session that can only read, by default as transformer. Raises psycopg.Error and UserError."""
        from database.connect import connect
        from database.session_settings import set_statement

        # Of one transaction: behind a pooler what a session sets is left to others, whose writes would be refused.
        limits = {"transaction_read_only": "on", "statement_timeout": f"{STATEMENT_SECONDS}s"}
        chosen = login or self.settings.as_transformer
        with connect(chosen, application_name="landfall doctor") as connection:
            connection.execute(set_statement(limits, local=True))
            yield connection

    def secrets(self) -> list[str]:
        """Every secret that the settings hold, so that none is shown, whoever quotes it."""
        settings = self.settings_or_none
        wholly = secret_variables(self.environ)
        named = [self.environ[name] for name in wholly if self.environ[name]]
        dsns = [*(settings.dsns.values() if settings else ()), *map(self.environ.get, DSN_VARIABLES.values())]
        found = [*named, *(password for dsn in dsns if dsn for password in passwords_in(dsn))]
        if settings and settings.kafka_or_none and settings.kafka_or_none.sasl_password:
            found.append(settings.kafka_or_none.sasl_password)
        return sorted({text for text in found if len(text) > 2}, key=len, reverse=True)


def secret_variables(names: Iterable[str]) -> list[str]:
    """Those of these variables whose value is a secret as a whole."""
    from landfall.settings_table import declared

    known = {one for variable in declared() if variable.secret for one in variable.names} | {"PGPASSWORD"}
    return [name for name in names if name in known or (name.startswith("LANDFALL_") and name.endswith("PASSWORD"))]


def passwords_in(dsn: str) -> list[str]:
    """The password of a DSN, as it stands there and as it is meant; of one that libpq cannot read, the whole."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        return [dsn]
    try:
        meant = conninfo_to_dict(dsn).get("password")
    except ProgrammingError:
        return [dsn]
    if not meant:
        return []
    before, found, _ = dsn.rpartition("@")
    return [str(meant), *([before.rpartition(":")[2]] if found and "://" in dsn else [])]
