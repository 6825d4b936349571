"""Pages of Dagster and metrics are for those who ask by their own names, and for pages of their own."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from starlette.types import Message, Receive, Scope, Send

from landfall.errors import UserError
from landfall.own_names import refusal
from landfall.settings import Settings
from monitoring.exporter import for_own_names
from orchestration.web_guard import OwnPagesOnly, is_query

OWN = "localhost:3000"


@pytest.mark.parametrize(
    "host", [OWN, "LOCALHOST", "127.0.0.1:1", "127.9.9.9", "[::1]:3000", "dagster.our.example", "Dagster.our.EXAMPLE:1"]
)
def test_loopback_and_the_names_that_were_set_are_answered(host: str) -> None:
    assert refusal([host], [], ["Dagster.our.example"]) is None
    assert refusal([host], [f"http://{host}"], ["Dagster.our.example"]) is None


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.example:3000"],
        ["localhost.evil.example"],
        ["127.0.0.1.evil.example"],
        ["evil.example@localhost.evil"],
        ["10.0.0.1"],
        ["[::2]"],
        ["[::1"],
        [OWN, "evil.example"],
        ["0.0.0.0"],
    ],
)
def test_other_names_are_not(hosts: list[str]) -> None:
    assert "add the name to LANDFALL_HOST_NAMES" in (refusal(hosts, [], []) or "")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:8000", "http://localhost", "file://", "//localhost:3000", "x"],
)
def test_pages_of_other_origins_are_not_answered(origin: str) -> None:
    assert "may ask nothing here" in (refusal([OWN], [origin], []) or "")


def test_a_name_with_a_scheme_or_a_port_is_refused_by_the_setting() -> None:
    assert Settings.load({"LANDFALL_HOST_NAMES": " a.example , b "}).host_names == ("a.example", "b")
    with pytest.raises(UserError, match=r"LANDFALL_HOST_NAMES is 'https://a\.example': write names without scheme"):
        Settings.load({"LANDFALL_HOST_NAMES": "https://a.example"})


@pytest.mark.parametrize(
    ("document", "reads"),
    [
        ("{ version }", True),
        ("query A { version } query B { version }", True),
        ("mutation { stopSensor(id: 1) { id } }", False),
        ("query A { version } mutation B { stopSensor(id: 1) { id } }", False),
        ("# {\nmutation{a}", False),
        ("subscription { a }", False),
        ("no GraphQL", False),
        ("{" * 5_000, False),
    ],
)
def test_what_only_reads_is_told_from_what_does_not(document: str, reads: bool) -> None:
    assert is_query(document) == reads


def asked(kind: str, method: str = "", query: str = "", **headers: str) -> str:
    """What the guard lets through, or how it refuses."""
    sent: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        sent.append({"type": "let through"})

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in ({"host": OWN} | headers).items()],
    }
    asyncio.run(OwnPagesOnly(app)(scope, receive, send))
    return str(sent[0].get("status", sent[0]["type"]))


STOP = quote("mutation { stopSensor(id: 1) { id } }")
READ = quote("{ version }")


@pytest.mark.parametrize(
    ("method", "query", "headers", "answer"),
    [
        ("POST", "", {}, "let through"),
        ("POST", "", {"origin": f"http://{OWN}"}, "let through"),
        ("POST", "", {"origin": "https://evil.example"}, "403"),
        ("POST", "", {"host": "evil.example"}, "403"),
        ("GET", "", {}, "let through"),
        ("GET", f"query={READ}", {}, "let through"),
        ("GET", f"query={STOP}", {}, "403"),
        ("GET", f"query={READ}&query={STOP}", {}, "403"),
        ("GET", f"a=b&quer%79={STOP}", {}, "403"),
        ("HEAD", f"query={STOP}", {}, "403"),
    ],
)
def test_a_mutation_goes_by_post_and_from_an_own_page_alone(
    method: str, query: str, headers: dict[str, str], answer: str
) -> None:
    assert asked("http", method, query, **headers) == answer


def test_a_socket_is_for_own_pages_alone() -> None:
    assert asked("websocket", origin=f"http://{OWN}") == "let through"
    assert asked("websocket", origin="https://evil.example") == "websocket.close"
    assert asked("websocket", host="evil.example") == "websocket.close"


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"HTTP_HOST": "127.0.0.1:9464"}, "200 OK"),
        ({"HTTP_HOST": "evil.example:9464"}, "403 Forbidden"),
        ({"HTTP_HOST": "127.0.0.1:9464", "HTTP_ORIGIN": "https://evil.example"}, "403 Forbidden"),
        ({}, "403 Forbidden"),
    ],
)
def test_metrics_are_read_by_their_own_name(environ: dict[str, Any], status: str) -> None:
    seen: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"metrics"]

    body = b"".join(for_own_names(app, ())(environ, lambda status, headers: seen.append(status)))
    assert seen == [status]
    assert (body == b"metrics") == (status == "200 OK")
