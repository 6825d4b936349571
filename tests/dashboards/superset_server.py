"""A running Superset of the tests, as a person who logs in finds it."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import CookieJar
from pathlib import Path
from threading import Event
from typing import Any

from cli.children import Children
from cli.superset_server import SupersetServer, start_superset
from dashboards.superset.state import ADMIN, PASSWORD, folder_of
from landfall.processes import free_port
from landfall.settings import Settings


@dataclass(frozen=True)
class Answer:
    """What the server said. `where`: the address that redirections led to."""

    status: int
    headers: Mapping[str, str]
    text: str
    where: str

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)


@dataclass
class Superset:
    """Superset over the marts of `settings`, with its state in `settings.home`."""

    settings: Settings
    children: Children
    port: int = field(default_factory=lambda: free_port(None))
    server: SupersetServer = field(init=False)

    @property
    def folder(self) -> Path:
        """LANDFALL_HOME/superset."""
        return folder_of(self.settings.home)

    @property
    def address(self) -> str:
        """http://127.0.0.1:PORT"""
        return f"http://127.0.0.1:{self.port}"

    @property
    def user(self) -> str:
        """Who logs in."""
        return ADMIN

    @property
    def password(self) -> str:
        """With what."""
        return (self.folder / PASSWORD).read_text(encoding="utf-8").strip()

    def start(self) -> list[str]:
        """Start it and wait until it answers; what it said that it did."""
        said: list[str] = []
        self.server = start_superset(self.settings, self.children, self.port)
        assert self.server.wait(Event(), said.append)
        return said

    def stop(self) -> None:
        """Stop it."""
        self.children.stop()

    def restart(self) -> list[str]:
        """Stop it and start it again."""
        self.stop()
        return self.start()

    @cached_property
    def _token(self) -> str:
        given = {"username": self.user, "password": self.password, "provider": "db"}
        return str(ask(self.address + "/api/v1/security/login", given).json()["access_token"])

    def api(self, path: str, given: object = None) -> Any:
        """What the API answers the administrator; must go well."""
        answer = ask(self.address + path, given, {"Authorization": f"Bearer {self._token}"}, csrf=self.address)
        assert answer.status in (200, 201), (path, answer.status, answer.text[:500])
        return answer.json()


def ask(address: str, given: object = None, headers: Mapping[str, str] | None = None, csrf: str = "") -> Answer:
    """One request, with JSON where something is given. `csrf`: the server to get a token from before."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    sent = {**(headers or {}), "Content-Type": "application/json", "Referer": address}

    def send(address: str, given: object) -> Answer:
        body = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(address, body, sent)
        try:
            with opener.open(request, timeout=120) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read().decode(errors="replace"), answer.url)
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read().decode(errors="replace"), address)

    if csrf and given is not None:
        sent["X-CSRFToken"] = send(csrf + "/api/v1/security/csrf_token/", None).json()["result"]
    return send(address, given)
