"""How to reach Kafka, said once and passed alike to the Python client and to Spark's source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landfall.declared import REQUIRED, choice, given, setting, text, variables, whole
from landfall.errors import UserError

PREFIX = "LANDFALL_KAFKA_"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def existing_file(named: str) -> str:
    """The path of a file that is there."""
    if not Path(named).is_file():
        raise ValueError("there is no such file")
    return named


@dataclass(frozen=True)
class KafkaSettings:
    """Each field is the variable LANDFALL_KAFKA_<FIELD>; only the first is required."""

    bootstrap_servers: str = setting(REQUIRED, text, "`host:port` of one or more brokers, with commas")
    security_protocol: str = setting(
        PROTOCOLS[0], choice(*PROTOCOLS), "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`"
    )
    sasl_mechanism: str | None = setting(
        None, choice(*LOGIN_MODULES), "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; needed with `SASL_…`"
    )
    sasl_username: str | None = setting(None, text, "the login; needed with `SASL_…`")
    sasl_password: str | None = setting(None, text, "its password; needed with `SASL_…`", secret=True)
    ssl_ca_location: str | None = setting(
        None,
        existing_file,
        "a PEM file of the authority that signed the brokers' certificates; by default the system's",
    )
    ssl_certificate_location: str | None = setting(
        None, existing_file, "a PEM file of the client's certificate, for mutual TLS"
    )
    ssl_key_location: str | None = setting(
        None, existing_file, "a PEM file (PKCS#8, not encrypted) of the client's key, for mutual TLS"
    )
    replication_factor: int | None = setting(
        None,
        whole(1, 32_767),
        "copies of each topic that `landfall migrate --topics` makes; by default three, or as many as the cluster has"
        " brokers",
    )
    min_insync_replicas: int | None = setting(
        None,
        whole(1, 32_767),
        "`min.insync.replicas` of each topic that `landfall migrate --topics` makes: how many copies a producer that"
        " waits for all (`acks=all`) waits for at least; by default all but one",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "KafkaSettings | None":
        """Settings from LANDFALL_KAFKA_*; None when no bootstrap server is named.

        Raises UserError for a variable that is unknown, missing or does not fit, by its name.
        """
        known = [name for variable in variables(cls, PREFIX).values() for name in variable.names]
        named = sorted(name for name, value in environ.items() if name.startswith(PREFIX) and value)
        if unknown := [name for name in named if name not in known]:
            raise UserError(f"{unknown[0]} is not a setting of Landfall: known are {', '.join(known)}.")
        if not named:
            return None
        if PREFIX + "BOOTSTRAP_SERVERS" not in named:
            raise UserError(f"{named[0]} is set, but {PREFIX}BOOTSTRAP_SERVERS is not: set both or none.")
        settings = cls(**given(cls, PREFIX, environ))
        settings.check()
        return settings

    def check(self) -> None:
        """Raise UserError, by the variable's name, for settings that do not fit together."""
        sasl = ("sasl_mechanism", "sasl_username", "sasl_password")
        tls = ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location")
        self._check_pair(sasl, self.security_protocol.startswith("SASL_"), "SASL_PLAINTEXT or SASL_SSL", required=True)
        self._check_pair(tls, self.security_protocol.endswith("SSL"), "SSL or SASL_SSL", required=False)
        if bool(self.ssl_certificate_location) != bool(self.ssl_key_location):
            raise UserError(f"{PREFIX}SSL_CERTIFICATE_LOCATION and {PREFIX}SSL_KEY_LOCATION need each other: set both.")

    def client_config(self) -> dict[str, Any]:
        """Settings of confluent-kafka's producer, consumer and admin client."""
        named = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password,
            "ssl.ca.location": self.ssl_ca_location,
            "ssl.certificate.location": self.ssl_certificate_location,
            "ssl.key.location": self.ssl_key_location,
        }
        return {name: value for name, value in named.items() if value is not None}

    def spark_options(self) -> dict[str, str]:
        """Options `kafka.*` of Spark's source. Java takes a client certificate and its key as texts, not as two files.

        Raises UserError when the key is not PKCS#8, which Java cannot read.
        """
        options = {
            "kafka.bootstrap.servers": self.bootstrap_servers,
            "kafka.security.protocol": self.security_protocol,
        }
        if self.sasl_mechanism:
            options["kafka.sasl.mechanism"] = self.sasl_mechanism
            options["kafka.sasl.jaas.config"] = (
                f"{LOGIN_MODULES[self.sasl_mechanism]} required"
                f" username={jaas_quoted(self.sasl_username)} password={jaas_quoted(self.sasl_password)};"
            )
        if self.ssl_ca_location:
            options["kafka.ssl.truststore.type"] = "PEM"
            options["kafka.ssl.truststore.location"] = self.ssl_ca_location
        if self.ssl_certificate_location and self.ssl_key_location:
            key = Path(self.ssl_key_location).read_text(encoding="ascii")
            if "-----BEGIN PRIVATE KEY-----" not in key:
                raise UserError(
                    f"{PREFIX}SSL_KEY_LOCATION is {self.ssl_key_location!r}: the key is not PKCS#8; convert it with"
                    " `openssl pkcs8 -topk8 -nocrypt`."
                )
            options["kafka.ssl.keystore.type"] = "PEM"
            options["kafka.ssl.keystore.key"] = key
            options["kafka.ssl.keystore.certificate.chain"] = Path(self.ssl_certificate_location).read_text("ascii")
        return options

    def _check_pair(self, names: tuple[str, ...], used: bool, protocols: str, *, required: bool) -> None:
        for name in names:
            value = getattr(self, name)
            if value and not used:
                raise UserError(f"{PREFIX}{name.upper()} is set, but {PREFIX}SECURITY_PROTOCOL is not {protocols}.")
            if required and used and not value:
                raise UserError(f"{PREFIX}{name.upper()} is not set: {self.security_protocol} needs it.")


def jaas_quoted(text: str | None) -> str:
    """A value of a JAAS line in quotes: backslash and quote are escaped, else a password could end the line."""
    return '"' + (text or "").replace("\\", "\\\\").replace('"', '\\"') + '"'
