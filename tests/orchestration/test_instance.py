"""Dagster's own house: configuration, retention, and a server that leaves nothing behind."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import psutil
import pytest
import yaml

from cli.children import Children
from cli.dagster_server import DagsterServer, start_dagster
from landfall.errors import UserError
from landfall.layout import PROJECT
from landfall.settings import Settings
from orchestration.instance import instance_config, write_instance
from tests.orchestration.conftest import Land


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    write_instance(tmp_path, environ={})
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_dagster_accepts_the_configuration_that_is_written(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1


def test_the_password_of_the_storage_is_not_written() -> None:
    url = "postgresql+psycopg2://dagster:sesame@db/dagster"
    text = yaml.safe_dump(instance_config({"DAGSTER_POSTGRES_URL": url}))
    assert "DAGSTER_POSTGRES_URL" in text
    assert "sesame" not in text


def test_who_is_started_with_the_configuration_gets_the_storage_with_its_password(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("open sesame\n", encoding="utf-8")
    environ = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://dagster@db/dagster",
        "DAGSTER_POSTGRES_PASSWORD_FILE": str(password),
    }
    command = [sys.executable, "-m", "orchestration.instance", "sh", "-c", 'echo "$DAGSTER_POSTGRES_URL"']
    done = subprocess.run(command, cwd=PROJECT, env=environ, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "postgresql+psycopg2://dagster:open%20sesame@db/dagster"
    assert "sesame" not in (tmp_path / "dagster.yaml").read_text(encoding="utf-8")


def test_a_driver_with_which_every_event_would_fail_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"DAGSTER_POSTGRES_URL names no driver .*: begin it with postgresql\+psycopg2://"
    ):
        instance_config({"DAGSTER_POSTGRES_URL": "postgresql://dagster:sesame@db/dagster"})


def ask(server: DagsterServer, query: str) -> dict[str, Any]:
    """One GraphQL query."""
    request = urllib.request.Request(
        f"{server.address}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        data: dict[str, Any] = json.load(response)["data"]
    return data


def status(server: DagsterServer, path: str, headers: dict[str, str], body: bytes | None = None) -> int:
    """The HTTP status of an answer."""
    request = urllib.request.Request(server.address + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def assert_only_its_own_pages_can_ask(server: DagsterServer) -> None:
    """Another site's page, or one of a name that was rebound, neither operates it nor reads it."""
    stop = "mutation { __typename }"
    document = json.dumps({"query": stop}).encode()
    sent = {"content-type": "application/json"}
    own = {"origin": server.address}
    assert status(server, "/graphql", sent | own, document) == 200
    assert status(server, "/graphql", sent | {"origin": "https://evil.example"}, document) == 403
    assert status(server, "/graphql", sent | {"origin": "http://127.0.0.1:1"}, document) == 403
    assert status(server, "/graphql", sent | {"host": "evil.example"}, document) == 403
    assert status(server, f"/graphql?query={quote(stop)}", {}) == 403
    assert status(server, f"/graphql?query={quote('{ version }')}", {}) == 200
    assert status(server, "/", {"host": "evil.example"}) == 403
    handshake = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    handshake |= {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-protocol": "graphql-ws"}
    assert status(server, "/graphql", handshake | {"origin": "https://evil.example"}) == 403


ROWS = """
{ assetOrError(assetKey: {path: ["landing", "web_logs"]}) { ... on Asset {
    assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }
"""


def rows_shown(server: DagsterServer) -> int | None:
    """Rows of the newest materialization of landing/web_logs that the page shows."""
    asset = ask(server, ROWS)["assetOrError"]
    for materialization in asset.get("assetMaterializations", []):
        return next(e["intValue"] for e in materialization["metadataEntries"] if e["label"] == "rows")
    return None


def test_dagster_dev_shows_what_landed_on_loopback_only_and_stops_without_a_trace(
    warehouse: Settings, land: Land
) -> None:
    land("web_logs", [{"event_id": str(number)} for number in range(7)])
    children = Children(warehouse.home / "serve")
    server = start_dagster(warehouse, children)
    try:
        server.wait()
        deadline = time.monotonic() + 180
        while (rows := rows_shown(server)) is None and time.monotonic() < deadline:
            time.sleep(0.5)
        assert rows == 7
        assert (warehouse.home / "heartbeats" / "dagster.SENSOR").exists()

        assert_only_its_own_pages_can_ask(server)

        family = [psutil.Process(pid) for pid in server.child.members()]
        assert len(family) >= 3, "webserver, daemon and code server"
        leader = psutil.Process(server.child.process.pid)
        assert set(family) == {leader, *leader.children(True)}
        listening = [c.laddr.ip for p in family for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert set(listening) == {"127.0.0.1"}
    finally:
        children.stop()
    assert server.child.members() == []
    assert [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
