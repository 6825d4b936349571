"""Superset as a service: who may see what, where its secrets are, and what a second start leaves alone."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from threading import Event

import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict

from cli.status_screen import service_lines
from cli.superset_server import choose_port, start_superset, stop_superset
from dashboards.superset import environment
from dashboards.superset.bundle import write_bundle
from dashboards.superset.state import BUNDLE, SQLITE, marts_uri, open_folder, reader_dsn, write_config
from database.connect import connect
from landfall.errors import UserError
from landfall.processes import free_port
from landfall.services import ServiceRecord, kept_services
from landfall.settings import Settings
from tests.dashboards.superset_server import Superset, ask


def secrets_of(superset: Superset) -> list[str]:
    """What nobody may read in a list of processes or in a log."""
    reader = str(conninfo_to_dict(superset.settings.as_reader.dsn)["password"])
    return [superset.password, (superset.folder / "secret-key").read_text(encoding="utf-8").strip(), reader]


def test_who_has_not_logged_in_sees_the_log_in_and_nothing_else(superset: Superset) -> None:
    for path in ("/", "/superset/welcome/", "/dashboard/list/", "/sqllab/", "/users/list/"):
        assert ask(superset.address + path).where.startswith(f"{superset.address}/login/"), path
    slug = superset.api("/api/v1/dashboard/")["result"][0]["slug"]
    page = ask(f"{superset.address}/superset/dashboard/{slug}/")
    assert page.status in (401, 403, 404) or page.where.startswith(f"{superset.address}/login/")
    for path in ("/api/v1/dashboard/1", "/api/v1/database/", "/api/v1/dataset/", "/api/v1/security/users/"):
        assert ask(superset.address + path).status in (401, 404), path
    asked = ask(superset.address + "/api/v1/sqllab/execute/", {"database_id": 1, "sql": "select 1"})
    assert asked.status in (400, 401), "without a token of its own no form is taken either"
    assert ask(superset.address + "/api/v1/dashboard/").json().get("count", 0) == 0


def test_it_answers_to_its_own_names_and_its_pages_load_from_it_alone(superset: Superset) -> None:
    assert ask(superset.address + "/login/", headers={"Host": "attacker.example"}).status == 400
    page = ask(superset.address + "/login/")
    assert page.status == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("landfall_")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_it_listens_on_loopback_alone(superset: Superset) -> None:
    listening = [
        connection.laddr
        for pid in superset.server.child.members()
        for connection in psutil.Process(pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {(place.ip, place.port) for place in listening} == {("127.0.0.1", superset.port)}


def test_secrets_are_in_files_of_mode_600_and_nowhere_else(superset: Superset) -> None:
    assert stat.S_IMODE(superset.folder.stat().st_mode) == 0o700
    loose = [path.name for path in superset.folder.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert loose == []
    said = [superset.server.child.log.read_text(encoding="utf-8")]
    for pid in superset.server.child.members():
        process = psutil.Process(pid)
        said += [*process.cmdline(), *process.environ().values()]
    for secret in secrets_of(superset):
        assert len(secret) > 20
        assert not any(secret in text for text in said)


def test_the_connection_reads_the_marts_and_changes_nothing(superset: Superset) -> None:
    (database,) = superset.api("/api/v1/database/")["result"]
    assert database["database_name"] == "Landfall"
    assert database["expose_in_sqllab"]
    assert not any(database[name] for name in ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload"))
    details = superset.api(f"/api/v1/database/{database['id']}/connection")["result"]
    assert not any(secret in str(details) for secret in secrets_of(superset))

    def run(sql: str) -> object:
        given = {"database_id": database["id"], "sql": sql, "runAsync": False, "queryLimit": 10}
        return superset.api("/api/v1/sqllab/execute/", given)["data"]

    count = "select count(*) as n from marts.kpi_products_daily"
    with connect(superset.settings.as_reader) as reader:
        ((products,),) = reader.execute(count).fetchall()
    assert run(count) == [{"n": products}]
    for refused in ("delete from marts.kpi_products_daily", "select * from ops.runs", "select * from landing.web_logs"):
        with pytest.raises(AssertionError, match=r"DML|read-only|permission denied"):
            run(refused)


def test_a_second_start_prepares_nothing_and_a_new_release_keeps_what_people_made(superset: Superset) -> None:
    def content() -> dict[str, list[str]]:
        kinds = {"dashboard": "dashboard_title", "chart": "slice_name", "dataset": "table_name"}
        found = {
            kind: sorted(one[name] for one in superset.api(f"/api/v1/{kind}/?q=(page_size:1000)")["result"])
            for kind, name in kinds.items()
        }
        return {**found, "database": [one["database_name"] for one in superset.api("/api/v1/database/")["result"]]}

    before = content()
    assert before["dashboard"]
    assert len(set(before["dashboard"])) == len(before["dashboard"])
    superset.api("/api/v1/dashboard/", {"dashboard_title": "My own", "slug": "my-own"})
    assert superset.restart() == ["loading Superset"]
    dataset = superset.api("/api/v1/dataset/")["result"][0]["id"]
    uuids = {}
    for name in ("My own", "Of the other release alone"):
        chart = {"slice_name": name, "viz_type": "table", "datasource_id": dataset, "datasource_type": "table"}
        uuids[name] = superset.api(f"/api/v1/chart/{superset.api('/api/v1/chart/', chart)['id']}")["result"]["uuid"]
    imported = superset.folder / "imported.json"
    known = json.loads(imported.read_text(encoding="ascii"))
    imported.write_text(json.dumps([*known, uuids["Of the other release alone"]]), encoding="ascii")
    (superset.folder / "prepared").write_text("of another release\n", encoding="ascii")
    assert "dashboards" in superset.restart()
    own = {kind: sorted([*before[kind], "My own"]) for kind in ("dashboard", "chart")}
    assert content() == before | own
    assert json.loads(imported.read_text(encoding="ascii")) == known


def test_a_second_superset_of_one_state_folder_is_refused_and_a_stopped_one_leaves_no_process(
    superset: Superset,
) -> None:
    with pytest.raises(UserError, match="another Superset serves from"):
        start_superset(superset.settings, superset.children, free_port(None)).wait(Event(), print)
    child = superset.server.child
    record = ServiceRecord.of_this_process("dashboards")
    record.started(superset.settings.home, child.process.pid, superset.port)
    assert service_lines(kept_services(superset.settings.home)) == [f"services     dashboards {superset.address}"]
    assert not stop_superset(superset.settings.home), "what `landfall serve` keeps running is not stopped"
    record.forget(superset.settings.home)
    superset.stop()
    assert child.members() == []
    superset.start()


def test_without_servers_or_a_login_of_bi_reader_a_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run `landfall up`, or set LANDFALL_POSTGRES_DSN"):
        reader_dsn(Settings.load({"LANDFALL_HOME": str(tmp_path)}))
    with pytest.raises(UserError, match="LANDFALL_BI_DSN is not set: Superset reads the marts as bi_reader"):
        reader_dsn(Settings.load({"LANDFALL_HOME": str(tmp_path), "LANDFALL_POSTGRES_DSN": "postgresql://t:p@db/x"}))


def test_a_port_that_was_asked_for_and_is_taken_is_refused(superset: Superset, tmp_path: Path) -> None:
    settings = Settings.load({"LANDFALL_HOME": str(tmp_path), "LANDFALL_SUPERSET_PORT": str(superset.port)})
    for wanted in (superset.port, None):
        with pytest.raises(UserError, match=f"Port {superset.port} of 127.0.0.1 is taken"):
            choose_port(settings, wanted)


def test_a_dsn_becomes_the_address_that_sqlalchemy_reads() -> None:
    uri = marts_uri("postgresql://reader:p%40ss%2Fw%25rd@db.example:6543/landfall?sslmode=verify-full")
    assert uri.startswith("postgresql+psycopg2://reader:p%40ss%2Fw%25rd@db.example:6543/landfall?")
    assert "sslmode=verify-full" in uri
    assert "host=one%2Ctwo" in marts_uri("host=one,two port=1,2 user=reader password=p dbname=landfall")


def test_a_lost_key_is_not_replaced_while_passwords_are_encrypted_with_it(superset: Superset, tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = replace(superset.settings, home=home)
    folder = home / "superset"
    open_folder(home)
    write_bundle(folder / BUNDLE)
    first = write_config(settings).read_text(encoding="utf-8")
    assert write_config(settings).read_text(encoding="utf-8") == first
    (folder / SQLITE).touch()
    (folder / "secret-key").unlink()
    with pytest.raises(UserError, match="secret-key is missing"):
        write_config(settings)


def test_the_environment_is_made_again_after_a_change_of_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("no-such-package-of-landfall==1 \\\n    --hash=sha256:" + "0" * 64 + "\n", encoding="ascii")
    monkeypatch.setattr(environment, "LOCK", lock)
    assert not environment.is_ready()
    monkeypatch.setattr(environment, "FOLDER", tmp_path / ".venv-superset")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said: list[str] = []
    with pytest.raises(UserError, match=r"pip says: .*no-such-package-of-landfall"):
        environment.set_up(said.append)
    assert any("1 of them" in line for line in said)
    assert not environment.is_ready()
