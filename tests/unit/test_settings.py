"""Settings: found, refused by name, never mixed between servers."""

import re
from pathlib import Path

import pytest

from cli.environment import shell_variables
from landfall.endpoints import Endpoints, write_endpoints
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.login import with_password
from landfall.settings import Settings, without_admin
from landfall.settings_table import names
from landfall.state import open_state

OWN_SERVERS = {
    "LANDFALL_POSTGRES_DSN": "postgresql://t:p@db/landfall",
    "LANDFALL_LANDING_DSN": "postgresql://l:p@db/landfall",
    "LANDFALL_ADMIN_DSN": "postgresql://a:p@db/landfall",
    "LANDFALL_KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
}


DECLARED = names()
NOT_FOR_USERS = {
    "LANDFALL_STARTED_BY",  # what dbt is started by, which it notes in ops.runs
    "LANDFALL_PROJECT_MD5",  # of the project that it builds, which it notes in ops.model_scripts
    "LANDFALL_KAFKA",  # the beginning of a name
    *(f"LANDFALL_{name}" for name in ("PROMETHEUS_URL", "BOARDS")),  # what Grafana's provisioning reads
    *(f"LANDFALL_BI_{name}" for name in ("HOST", "DATABASE", "USER", "SSLMODE")),
}
ROOMS = {init.parent for init in PROJECT.glob("*/__init__.py")} | {PROJECT / "dbt_project"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state folder whose servers were started."""
    dsns = {
        f"{name}_dsn": f"postgresql://{role}:p@127.0.0.1:1/landfall"
        for name, role in (("postgres", "transformer"), ("landing", "writer"), ("admin", "admin"), ("bi", "reader"))
    }
    open_state(tmp_path)
    write_endpoints(tmp_path, Endpoints(**dsns, kafka_bootstrap_servers="127.0.0.1:2", kafka_login={}))
    return tmp_path


def test_a_started_local_stack_needs_no_variables(home: Path) -> None:
    settings = Settings.load({"LANDFALL_HOME": str(home)})
    assert settings.as_transformer.dsn == "postgresql://transformer:p@127.0.0.1:1/landfall"
    assert settings.as_reader.dsn == "postgresql://reader:p@127.0.0.1:1/landfall"
    assert settings.kafka.bootstrap_servers == "127.0.0.1:2"


def test_variables_win_over_the_local_stack(home: Path) -> None:
    settings = Settings.load({"LANDFALL_HOME": str(home), **OWN_SERVERS})
    assert settings.as_transformer.dsn == OWN_SERVERS["LANDFALL_POSTGRES_DSN"]
    assert settings.kafka.bootstrap_servers == "broker:9092"
    assert settings.as_reader == settings.as_transformer


def test_a_password_may_stand_in_a_file_and_its_dsn_without(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("p@ss/w:rd\n", encoding="utf-8")
    environ = {
        **OWN_SERVERS,
        "LANDFALL_HOME": str(tmp_path / "home"),
        "LANDFALL_POSTGRES_DSN": "postgresql://t@db:5433/landfall?sslmode=require",
        "LANDFALL_POSTGRES_PASSWORD_FILE": str(password),
        "LANDFALL_LANDING_PASSWORD": "not asked for",
        "LANDFALL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "LANDFALL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "LANDFALL_KAFKA_SASL_USERNAME": "l",
        "LANDFALL_KAFKA_SASL_PASSWORD_FILE": str(password),
    }
    settings = Settings.load(environ)
    assert settings.as_transformer.dsn == "postgresql://t:p%40ss%2Fw%3Ard@db:5433/landfall?sslmode=require"
    assert settings.as_writer.dsn == OWN_SERVERS["LANDFALL_LANDING_DSN"]
    assert settings.kafka.sasl_password == "p@ss/w:rd"
    password.write_text("\n", encoding="utf-8")
    with pytest.raises(UserError, match="LANDFALL_KAFKA_SASL_PASSWORD is not set"):
        Settings.load(environ)
    password.unlink()
    with pytest.raises(UserError, match=r"LANDFALL_\w+_FILE is '.*password', which cannot be read: No such file"):
        Settings.load(environ)


@pytest.mark.parametrize(
    ("dsn", "whole"),
    [
        ("postgresql://u@h/d", "postgresql://u:it%27s@h/d"),
        ("postgresql://u:own@h/d", "postgresql://u:own@h/d"),
        ("postgresql://h/d?user=u", "postgresql://h/d?user=u&password=it%27s"),
        ("postgresql://h1:1,h2:2/d", "postgresql://h1:1,h2:2/d?password=it%27s"),
        ("host=h user=u", "host=h user=u password='it\\'s'"),
        ("host=h password=own", "host=h password=own"),
    ],
)
def test_a_password_is_put_where_a_dsn_holds_none(dsn: str, whole: str) -> None:
    assert with_password(dsn, "it's") == whole


def test_one_server_of_ones_own_is_never_mixed_with_a_local_one(home: Path) -> None:
    settings = Settings.load({"LANDFALL_HOME": str(home), "LANDFALL_POSTGRES_DSN": "postgresql://t:p@db/landfall"})
    with pytest.raises(UserError, match="LANDFALL_ADMIN_DSN is not set, though LANDFALL_POSTGRES_DSN is"):
        _ = settings.as_admin


def test_a_login_travels_with_its_role(home: Path) -> None:
    settings = Settings.load({"LANDFALL_HOME": str(home)})
    pairs = [settings.as_transformer, settings.as_writer, settings.as_admin, settings.as_reader]
    assert [(login.dsn.split("/")[2].split(":")[0], login.role) for login in pairs] == [
        ("transformer", "transformer"),
        ("writer", "landing_writer"),
        ("admin", None),
        ("reader", "bi_reader"),
    ]


def test_nobody_else_pairs_a_dsn_with_a_role() -> None:
    """But for one: the second connection of whoever holds a door open, like its first."""
    files = {path for room in ROOMS for path in room.rglob("*.py") if " Login(" in path.read_text(encoding="utf-8")}
    assert {path.relative_to(PROJECT).as_posix() for path in files} == {
        "landfall/settings.py",
        "landing_stream/abandoned.py",
    }


def test_what_landfall_env_prints_is_the_local_stack_whose_admin_is_known_all_the_same(home: Path) -> None:
    local = Settings.load({"LANDFALL_HOME": str(home)})
    environ = {"LANDFALL_HOME": str(home), **shell_variables(local)}
    assert "LANDFALL_ADMIN_DSN" not in environ
    assert Settings.load(environ).as_admin == local.as_admin


def test_what_landfall_env_prints_of_landfall_is_declared(home: Path) -> None:
    environ = {"LANDFALL_HOME": str(home), "LANDFALL_REPORTING_TIMEZONE": "Europe/Berlin"}
    printed = {name for name in shell_variables(Settings.load(environ)) if name.startswith("LANDFALL_")}
    assert {"LANDFALL_POSTGRES_DSN", "LANDFALL_KAFKA_BOOTSTRAP_SERVERS", "LANDFALL_REPORTING_TIMEZONE"} <= printed
    assert printed - DECLARED == set()


def test_no_file_names_a_variable_that_is_not_declared() -> None:
    """A name that is misspelt in a message or a page, or that something reads beside the settings. Migrations stay as
    they were, and may name what there was then."""
    found = {
        name: path.relative_to(PROJECT).as_posix()
        for room in ROOMS
        for path in room.rglob("*")
        if path.suffix in {".py", ".sql", ".yml", ".md"} and not {"target", "migrations"} & set(path.parts)
        for name in re.findall(r"\bLANDFALL_[A-Z0-9_]*[A-Z0-9]\b", path.read_text(encoding="utf-8"))
    }
    assert {"LANDFALL_HOME", "LANDFALL_STARTED_BY"} <= set(found)
    assert {name: path for name, path in found.items() if name not in DECLARED | NOT_FOR_USERS} == {}


def test_a_child_gets_no_admin() -> None:
    password = {"LANDFALL_ADMIN_PASSWORD": "p", "LANDFALL_ADMIN_PASSWORD_FILE": "/p", "LANDFALL_ADMIN_DSN_FILE": "/d"}
    assert without_admin({"PATH": "/bin", **OWN_SERVERS, **password}) == {
        "PATH": "/bin",
        **{name: value for name, value in OWN_SERVERS.items() if name != "LANDFALL_ADMIN_DSN"},
    }


def test_a_secret_is_not_sent_unencrypted_but_to_this_machine() -> None:
    name = "LANDFALL_SLACK_WEBHOOK_URL"
    for address in ("https://hooks.slack.com/services/x", "http://127.0.0.1:1/services/x", "http://localhost/x"):
        assert Settings.load({name: address}).slack_webhook_url == address
    with pytest.raises(
        UserError, match=f"{name} does not fit: it is a secret and would be sent unencrypted"
    ) as refused:
        Settings.load({name: "http://hooks.slack.com/services/SECRET"})
    assert "SECRET" not in str(refused.value)


def test_no_server_at_all_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings.load({"LANDFALL_HOME": str(tmp_path / "none")})
    with pytest.raises(UserError, match="run `landfall up`, or set LANDFALL_POSTGRES_DSN"):
        _ = settings.as_transformer
    with pytest.raises(UserError, match="run `landfall up`, or set LANDFALL_KAFKA_BOOTSTRAP_SERVERS"):
        _ = settings.kafka


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LANDFALL_TRIGGER_SECONDS", "soon", "LANDFALL_TRIGGER_SECONDS is 'soon': write a number of at least 0"),
        ("LANDFALL_MAX_OFFSETS_PER_TRIGGER", "0", "write a whole number of at least 1"),
        ("LANDFALL_LANDING_RETENTION_DAYS", "0", "write a whole number from 1 to 36525"),
        ("LANDFALL_FACT_RETENTION_DAYS", "30", "from 62 to 36525: what is counted looks back up to 30 days"),
        ("LANDFALL_ADDRESS_RETENTION_DAYS", "1.5", "LANDFALL_ADDRESS_RETENTION_DAYS is '1.5': write a whole number"),
        ("LANDFALL_SLACK_WEBHOOK_URL", "hooks.slack.com/x", "^LANDFALL_SLACK_WEBHOOK_URL does not fit: write https"),
        ("LANDFALL_ALERT_SEVERITY", "info", "write one of warn, error"),
        ("LANDFALL_REPORTING_TIMEZONE", "UTC+3", "LANDFALL_REPORTING_TIMEZONE is 'UTC\\+3': write the name of a zone"),
        ("LANDFALL_REPORTING_TIMEZONE", "europe/berlin", "write the name of a zone like Europe/Berlin"),
        ("LANDFALL_LOG_FORMAT", "xml", "write one of text, json"),
        ("LANDFALL_KAFKA_GROUP_ID", "x", "LANDFALL_KAFKA_GROUP_ID is not a setting"),
        ("LANDFALL_KAFKA_SECURITY_PROTOCOL", "TLS", "write one of PLAINTEXT, SSL"),
        ("LANDFALL_KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "LANDFALL_KAFKA_SASL_MECHANISM is not set: SASL_SSL needs it"),
        ("LANDFALL_KAFKA_SASL_USERNAME", "me", "LANDFALL_KAFKA_SECURITY_PROTOCOL is not SASL_PLAINTEXT or SASL_SSL"),
        ("LANDFALL_KAFKA_SSL_CA_LOCATION", __file__, "LANDFALL_KAFKA_SECURITY_PROTOCOL is not SSL or SASL_SSL"),
        (
            "LANDFALL_KAFKA_SSL_CA_LOCATION",
            "/no/ca",
            "LANDFALL_KAFKA_SSL_CA_LOCATION is '/no/ca': there is no such file",
        ),
        (
            "LANDFALL_FIRST_EVENT_DAY",
            "28.3.2026",
            "LANDFALL_FIRST_EVENT_DAY is '28.3.2026': write a day like 2026-03-28",
        ),
        ("LANDFALL_METRICS_PORT", "70000", "LANDFALL_METRICS_PORT is '70000': write a whole number from 1 to 65535"),
        ("LANDFALL_LISTEN_ADDRESS", "eth0", "write an IP address, as 127.0.0.1, or 0.0.0.0"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_by_name(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Settings.load({"LANDFALL_HOME": str(tmp_path), **OWN_SERVERS, name: value})


def test_kafka_settings_without_a_broker_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="LANDFALL_KAFKA_BOOTSTRAP_SERVERS is not"):
        Settings.load({"LANDFALL_HOME": str(tmp_path), "LANDFALL_KAFKA_SECURITY_PROTOCOL": "SSL"})


def test_tls_and_passwords_reach_the_python_client_and_spark_alike(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    for name, path in files.items():
        path.write_text(f"-----BEGIN PRIVATE KEY-----\n{name}\n", encoding="ascii")
    kafka = Settings.load(
        {
            **OWN_SERVERS,
            "LANDFALL_HOME": str(tmp_path),
            "LANDFALL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "LANDFALL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "LANDFALL_KAFKA_SASL_USERNAME": "me",
            "LANDFALL_KAFKA_SASL_PASSWORD": 'a"b\\c',
            **{f"LANDFALL_KAFKA_SSL_{name.upper()}_LOCATION": str(path) for name, path in files.items()},
        }
    ).kafka
    assert kafka.client_config() == {
        "bootstrap.servers": "broker:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": 'a"b\\c',
        "ssl.ca.location": str(files["ca"]),
        "ssl.certificate.location": str(files["certificate"]),
        "ssl.key.location": str(files["key"]),
    }
    spark = kafka.spark_options()
    assert spark["kafka.sasl.jaas.config"] == (
        'org.apache.kafka.common.security.scram.ScramLoginModule required username="me" password="a\\"b\\\\c";'
    )
    assert spark["kafka.ssl.truststore.location"] == str(files["ca"])
    assert spark["kafka.ssl.keystore.certificate.chain"] == files["certificate"].read_text()
    assert 'a"b' not in repr(kafka)


def test_a_key_that_java_cannot_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN RSA PRIVATE KEY-----\n", encoding="ascii")
    kafka = Settings.load(
        {
            **OWN_SERVERS,
            "LANDFALL_HOME": str(tmp_path),
            "LANDFALL_KAFKA_SECURITY_PROTOCOL": "SSL",
            "LANDFALL_KAFKA_SSL_CERTIFICATE_LOCATION": str(key),
            "LANDFALL_KAFKA_SSL_KEY_LOCATION": str(key),
        }
    ).kafka
    with pytest.raises(UserError, match="openssl pkcs8"):
        kafka.spark_options()


def test_no_password_shows_when_settings_are_printed(home: Path) -> None:
    assert ":p@" not in repr(Settings.load({"LANDFALL_HOME": str(home)}))
    assert ":p@" not in repr(Settings.load({"LANDFALL_HOME": str(home), **OWN_SERVERS}))
