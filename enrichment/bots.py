"""Which user agents are bots', of which class and why."""

from __future__ import annotations

from dataclasses import dataclass

import crawleruseragents
from ua_parser_rs import UserAgentExtractor


@dataclass(frozen=True)
class Verdict:
    """Why a user agent is a bot's. `bot_class`: search, seo, ai, monitoring, preview, feed, library, headless, scanner
    or other.
    """

    bot_class: str
    reason: str


class BotRules:
    """The list of known crawlers, and uap-core's word for one."""

    digest = "1"

    def __init__(self) -> None:
        self._crawlers = crawleruseragents.CRAWLER_USER_AGENTS_DATA
        self._known = UserAgentExtractor(
            (f"({crawler['pattern']})", str(number), None, None, None, None)
            for number, crawler in enumerate(self._crawlers)
        )

    def judge(self, user_agent: str, *, is_spider: bool) -> Verdict | None:
        """Whether it is a bot's; None when not."""
        if match := self._known.extract(user_agent):
            return Verdict("other", self._crawlers[int(match.family)]["description"])
        return Verdict("other", "uap-core calls it a spider") if is_spider else None
