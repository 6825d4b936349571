"""What a user agent says of itself: browser, operating system, device, and whether it is a bot's."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from ua_parser import Parser, load_lazy_builtins
from ua_parser.core import Result
from ua_parser.regex import Resolver

from enrichment.bots import BotRules
from enrichment.tables import USER_AGENTS

PACKAGES = ("ua-parser", "ua-parser-builtins", "crawler-user-agents")
OTHER = "Other"


class UserAgentRules:
    """Reads user agents with uap-core's rules, and finds bots with those and BotRules."""

    table = USER_AGENTS
    corrects = True

    def __init__(self) -> None:
        self._parser = Parser(Resolver(load_lazy_builtins()))
        self._bots = BotRules()
        packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
        self.version = f"{packages}, rules {self._bots.digest}"

    def reload(self) -> None:
        """The rules are part of the program."""

    def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        return [self.read(text) for text in texts]

    def read(self, user_agent: str) -> tuple[str, str | None, str, str | None, str, bool, str | None, str | None]:
        """(browser, its version, operating system, its version, device, is it a bot, class, reason)."""
        found: Result = self._parser.parse(user_agent)
        browser, system, device = found.user_agent, found.os, found.device
        family = device.family if device else OTHER
        verdict = self._bots.judge(user_agent, is_spider=family == "Spider")
        return (
            browser.family if browser else OTHER,
            dotted(browser.major, browser.minor, browser.patch) if browser else None,
            system.family if system else OTHER,
            dotted(system.major, system.minor, system.patch) if system else None,
            family,
            verdict is not None,
            verdict.bot_class if verdict else None,
            verdict.reason if verdict else None,
        )


def dotted(*parts: str | None) -> str | None:
    """A version of its parts, up to the first that is missing; None when the first is."""
    known = []
    for part in parts:
        if not part:
            break
        known.append(part)
    return ".".join(known) or None
