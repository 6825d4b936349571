"""Postgres: each login that is refused, each right that is missing or too much, each setting that is dangerous."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database.connect import connect
from health.doctor.bounds import Bounds
from health.doctor.deployment import Deployment
from health.doctor.machine import Room
from health.doctor.postgres_reach import Place, judge_standby, shared_logins
from health.doctor.postgres_server import judge_growth
from health.findings import Finding
from landfall.endpoints import Endpoints, write_endpoints
from landfall.settings import Settings
from tests.conftest import Connection, MakeDatabase
from tests.doctor.conftest import found, look, only, severities
from tests.doctor.secured import CarelessPostgres, Certificates, careless_postgres, tls_before

GIB = 2**30


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarelessPostgres]:
    """A Postgres of its own."""
    with careless_postgres(tmp_path_factory.mktemp("careless")) as server:
        yield server


def seen_by(deployment: Deployment, **dsns: str) -> Deployment:
    """The deployment with other logins."""
    return deployment.with_settings(deployment.settings.with_dsns(**dsns))


def refusal(deployment: Deployment, **parameters: Any) -> tuple[str, str]:
    """What is said of a login of dbt with these parameters, and what to do."""
    dsn = deployment.settings.dsns["transformer"]
    changed = make_conninfo(dsn, **parameters)
    finding = look(seen_by(deployment, transformer=changed), "postgres")["postgres"].findings[0]
    assert (finding.severity, finding.subject) == ("error", "LANDFALL_POSTGRES_DSN")
    return finding.message, finding.advice


def test_a_migrated_database_is_well(deployment: Deployment) -> None:
    names = (
        "postgres", "postgres_admin", "postgres_logins", "postgres_server", "postgres_room", "migrations",
        "postgres_rights", "postgres_clock",
    )  # fmt: skip
    seen = look(deployment, *names)
    assert {name: each.findings for name, each in seen.items() if not each.is_well} == {}
    assert severities({finding.subject: finding for finding in seen["postgres_logins"].findings}) == {
        "LANDFALL_LANDING_DSN": "ok",
        "LANDFALL_BI_DSN": "ok",
        "LANDFALL_ADMIN_DSN": "ok",
    }


def test_a_login_that_is_refused_names_server_setting_and_remedy(deployment: Deployment) -> None:
    message, advice = refusal(deployment, password="wrong")
    assert message.startswith("Postgres at 127.0.0.1:")
    assert message.endswith("refuses: it does not take the password of transformer.")
    assert advice.startswith("Write the right one into LANDFALL_POSTGRES_DSN; before the first `landfall migrate`")
    message, advice = refusal(deployment, dbname="none")
    assert message.endswith("refuses: it has no database of that name.")
    message, advice = refusal(deployment, user="bootstrap")
    assert "it lets bootstrap not in from this machine" in message
    message, advice = refusal(deployment, sslmode="verify-full", sslrootcert="system", host="localhost")
    assert message.endswith("refuses: it does not speak TLS, and sslmode of LANDFALL_POSTGRES_DSN asks for it.")
    message, advice = refusal(deployment, port=1)
    assert message == (
        f"Postgres at 127.0.0.1:1/{deployment.settings.dsns['transformer'].rpartition('/')[2]} does not answer: nobody"
        " listens there."
    )
    assert advice == "Start the server, or write into LANDFALL_POSTGRES_DSN where it listens."
    message, advice = refusal(deployment, host="no-such-host.invalid")
    assert message.endswith("does not answer: there is no host of this name.")


def test_other_logins_are_looked_at_too(deployment: Deployment, settings: Settings) -> None:
    wrong = make_conninfo(deployment.settings.dsns["landing_writer"], password="wrong")
    elsewhere = settings.dsns["bi_reader"]
    findings = found(seen_by(deployment, landing_writer=wrong, bi_reader=elsewhere), "postgres_logins")
    assert severities(findings)["LANDFALL_LANDING_DSN"] == "error"
    assert "another database" in findings["LANDFALL_BI_DSN"].message
    both = {role: deployment.settings.dsns[role] for role in ("transformer", "bi_reader")}
    without = deployment.with_settings(replace(deployment.settings, dsns=both))
    assert found(without, "postgres_logins")["LANDFALL_LANDING_DSN"].message == "It is not set, and the others are."


def test_a_standby_that_people_read_from_says_how_far_behind_it_is() -> None:
    works = Finding("", "LANDFALL_BI_DSN", (), "ok", "reader works as bi_reader at pg-2:5432/landfall.")
    here = Place("today", 7, 5, is_standby=False, position=3 * 2**20, age_seconds=0, is_pooled=False)
    there = replace(here, started="yesterday", is_standby=True)
    assert judge_standby(works, there, here).message == (
        "reader works as bi_reader at pg-2:5432/landfall, a standby that has all of it."
    )
    behind = judge_standby(works, replace(there, position=2**20, age_seconds=5), here)
    assert behind.severity == "ok"
    assert behind.message.endswith(", a standby that is 2.0 MiB of WAL behind.")
    old = judge_standby(works, replace(there, position=2**20, age_seconds=90), here)
    assert old.severity == "warn"
    assert old.message.endswith("2.0 MiB of WAL behind: what it shows is 90 s old.")


def test_a_user_that_a_pooler_would_take_for_two_roles() -> None:
    dsn = "postgresql://app:p@pooler.example:6432/landfall"
    own = "postgresql://bi:p@pooler.example:6432/landfall"
    (finding,) = shared_logins({"landing_writer": dsn, "transformer": dsn, "bi_reader": own})
    assert finding.severity == "error"
    assert "app is the user of LANDFALL_LANDING_DSN and LANDFALL_POSTGRES_DSN" in finding.message


def test_an_administrator_that_could_not_migrate(deployment: Deployment, admin: Connection) -> None:
    assert only(deployment, "postgres_admin").severity == "ok"
    dsn = deployment.settings.dsns["transformer"]
    other = only(seen_by(deployment, admin=dsn), "postgres_admin")
    assert (other.subject, other.severity) == ("LANDFALL_ADMIN_DSN", "error")
    assert f"transformer does not own database {admin.info.dbname}" in other.message
    refused = only(seen_by(deployment, admin=make_conninfo(dsn, password="wrong")), "postgres_admin")
    assert refused.message.endswith("refuses: it does not take the password of transformer.")


def test_an_old_database_and_an_empty_one(deployment: Deployment, admin: Connection) -> None:
    admin.execute("delete from ops.migrations where number = 26")
    waiting = only(deployment, "migrations")
    assert (waiting.severity, waiting.message) == ("error", "1 migration of this release waiting: 0026_started_by.")
    assert waiting.advice == "Run `landfall migrate`."
    admin.execute("insert into ops.migrations values (9000, '9000_later', '')")
    assert "has migration 9000_later, which this release does not know" in only(deployment, "migrations").message
    admin.execute("drop schema ops cascade")
    assert only(deployment, "migrations").message == "Nothing of Landfall is in this database yet."


def test_rights_that_are_missing(deployment: Deployment, admin: Connection, landing: Connection) -> None:
    landing.execute("revoke select on landing.loads from transformer")
    finding = only(deployment, "postgres_rights")
    assert (finding.subject, finding.severity) == ("transformer", "error")
    assert finding.message == "It may not read landing.loads."
    assert finding.advice == "Run `landfall migrate`, which gives it that again."
    landing.execute("revoke usage on schema landing from transformer")
    assert only(deployment, "postgres_rights").message == "It may not look into schema landing."
    admin.execute(sql.SQL("revoke connect on database {} from bi_reader").format(sql.Identifier(admin.info.dbname)))
    findings = found(deployment, "postgres_rights")
    assert findings["bi_reader"].message == "It may not enter this database."
    assert "ops.migrations" not in str(findings)


def test_a_right_that_is_missing_in_the_session_itself(deployment: Deployment, admin: Connection) -> None:
    admin.execute(sql.SQL("revoke connect on database {} from transformer").format(sql.Identifier(admin.info.dbname)))
    finding = look(deployment, "postgres_rights")["postgres"].findings[0]
    assert "transformer may not do what its role transformer does" in finding.message
    assert finding.advice == "`landfall migrate` gives each login its role."


def test_rights_that_are_too_many(deployment: Deployment, transformer: Connection, landing: Connection) -> None:
    transformer.execute("grant usage on schema ops to bi_reader")
    transformer.execute("create table ops.secret_names (a int)")
    transformer.execute("grant select on ops.secret_names to bi_reader")
    transformer.execute("create table marts.kpi (a int)")
    transformer.execute("grant insert on marts.kpi to bi_reader")
    landing.execute("grant delete on landing.loads to transformer")
    messages = {
        (each.subject, each.message) for each in look(deployment, "postgres_rights")["postgres_rights"].findings
    }
    assert messages == {
        ("bi_reader", "It may reach ops.secret_names, which is not its work."),
        ("bi_reader", "It may write marts.kpi, which is not its work."),
        ("transformer", "It may write landing.loads, which is not its work."),
    }


def test_a_login_of_dashboards_that_may_more_than_bi_reader(deployment: Deployment, admin: Connection) -> None:
    admin.execute("create role curious login createdb password 'x' in role bi_reader, transformer")
    try:
        dsn = make_conninfo(deployment.settings.dsns["bi_reader"], user="curious", password="x")
        seen = look(seen_by(deployment, bi_reader=dsn), "postgres_rights")["postgres_rights"].findings
        words = [each.message for each in seen if each.subject == "curious"]
        assert "It may whatever the attribute createdb lets it, which is not its work." in words
        assert "It may act as transformer, which is not its work." in words
        assert any(word.startswith("It may reach ") for word in words)
    finally:
        admin.execute("drop role curious")


def test_a_server_that_was_set_up_carelessly(careless: CarelessPostgres, deployment: Deployment) -> None:
    dsn = f"postgresql://landfall_admin:{careless.password}@localhost:{careless.port}/landfall"
    with psycopg.connect(dsn, autocommit=True) as admin:
        if not admin.execute("select 1 from pg_roles where rolname = 'transformer'").fetchone():
            admin.execute("create role transformer login password 'x'")
            admin.execute("grant transformer to landfall_admin")
            admin.execute("create schema landing")
            admin.execute("create table landing.web_logs (day date) partition by list (day)")
            for day in range(1, 31):
                table = f"create table landing.web_logs_{day} partition of landing.web_logs"
                admin.execute(f"{table} for values in ('2026-03-{day:02}')".encode())
            admin.execute("create index on landing.web_logs (day)")
    own = Settings(deployment.home, {"transformer": dsn}, None)
    findings = found(deployment.with_settings(own), "postgres_server")
    assert severities(findings) == {
        "fsync": "error",
        "full_page_writes": "error",
        "synchronous_commit": "warn",
        "autovacuum": "error",
        "max_connections": "warn",
        "max_locks_per_transaction": "warn",
        "shared_buffers": "warn",
        "max_wal_size": "warn",
    }
    assert findings["max_connections"].message.startswith("max_connections is 12: ")
    assert findings["shared_buffers"].message.startswith("shared_buffers is 16 MiB")
    assert findings["max_locks_per_transaction"].message == (
        "There is room for 120 locks, and one statement over all days of a landing table takes 60."
    )
    assert only(deployment.with_settings(own), "migrations").severity == "error"


def test_certificates_of_another_authority_or_another_host(deployment: Deployment, tmp_path: Path) -> None:
    files = Certificates.make(tmp_path)
    dsn = conninfo_to_dict(deployment.settings.dsns["transformer"])
    with tls_before(int(str(dsn["port"])), files) as port:

        def said(**parameters: Any) -> tuple[str, str]:
            return refusal(deployment, **{"host": "localhost", "port": port, "sslmode": "verify-full", **parameters})

        message, advice = said(sslrootcert=str(files.other_authority))
        assert message.startswith(f"Postgres at localhost:{port}/")
        assert "its certificate is not of an authority that is trusted here" in message
        assert "sslrootcert=FILE" in advice
        message, advice = said(sslrootcert=str(files.authority), host="127.0.0.1")
        assert "its certificate is for another host" in message
        assert advice == "Write the host in LANDFALL_POSTGRES_DSN as the certificate names it."
        message, _ = said(sslrootcert="/no/such.pem")
        assert "not of an authority that is trusted here" in message
        message, _ = said(sslrootcert=str(files.authority), password="wrong")
        assert "does not take the password of transformer" in message
        trusted = str(files.authority)
        right = make_conninfo(
            deployment.settings.dsns["transformer"],
            host="localhost", port=port, sslmode="verify-full", sslrootcert=trusted,
        )  # fmt: skip
        assert look(seen_by(deployment, transformer=right), "postgres")["postgres"].is_well


def test_a_server_with_no_connection_left(careless: CarelessPostgres, deployment: Deployment) -> None:
    dsn = f"postgresql://landfall_admin:{careless.password}@localhost:{careless.port}/landfall"
    held: list[psycopg.Connection] = []
    try:
        with suppress(psycopg.OperationalError):
            while len(held) < 30:
                held.append(psycopg.connect(dsn))
        own = deployment.with_settings(Settings(deployment.home, {"transformer": dsn}, None))
        finding = look(own, "postgres")["postgres"].findings[0]
    finally:
        for connection in held:
            connection.close()
    assert finding.message.endswith("refuses: it has no connection left.")


def test_a_clock_that_goes_ahead_or_behind(deployment: Deployment) -> None:
    assert only(deployment, "postgres_clock").severity == "ok"
    behind = only(replace(deployment, now=lambda: time.time() - 90), "postgres_clock")
    assert (behind.severity, behind.message) == ("error", "The clock of Postgres is 90 s ahead of this machine's.")
    assert "timedatectl set-ntp true" in behind.advice
    ahead = only(replace(deployment, now=lambda: time.time() + 5), "postgres_clock")
    assert (ahead.severity, ahead.message) == ("warn", "The clock of Postgres is 5.0 s behind this machine's.")


def test_a_disk_on_which_the_largest_table_has_no_room_twice(settings: Settings) -> None:
    local = Deployment(settings.home, settings)
    assert "its disk" in only(local, "postgres_room").message
    full = judge_growth(50 * GIB, "marts.facts", 20 * GIB, Room(GIB, 100 * GIB, 0, 0))
    assert full.severity == "warn"
    assert full.message == (
        "The database has 50.00 GiB, its disk 1.0 GiB free, less than marts.facts alone (20.0 GiB)."
    )


def test_connections_that_are_nearly_used_up(deployment: Deployment) -> None:
    few = replace(deployment, bounds=Bounds(connections_used_share_warn=0.0))
    assert only(few, "postgres_server").subject == "connections"


def test_a_local_server_that_was_killed_is_started_by_up(tmp_path: Path, make_database: MakeDatabase) -> None:
    home = tmp_path / "home"
    home.mkdir()
    dsn = "postgresql://transformer:x@127.0.0.1:1/landfall"
    write_endpoints(home, Endpoints(dsn, dsn, dsn, dsn, "127.0.0.1:1"))
    killed = Deployment(home, Settings.of_home(home))
    for name in ("postgres", "kafka"):
        finding = look(killed, name)[name].findings[0]
        assert finding.message.endswith("does not answer: nobody listens there."), finding
        assert finding.advice.startswith("Run `landfall up`")


def test_what_the_doctor_opens_can_only_read(deployment: Deployment) -> None:
    with deployment.session() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("create table ops.mine (a int)")
    with connect(deployment.settings.as_transformer) as connection:
        connection.execute("create table ops.mine (a int)")
