"""What decides the meaning of a text: one set of rules a table, each with a version that stands in the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from enrichment.tables import Table
from landfall.settings import Settings


class Rules(Protocol):
    """Rules of one table. `version`: changes whenever they may say something else.

    `corrects`: whether rows of other versions are to be looked at again.
    """

    @property
    def table(self) -> Table: ...
    @property
    def version(self) -> str: ...
    @property
    def corrects(self) -> bool: ...

    def judge(self, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """For each text the values of the table's columns and details. One that makes it raise is set apart."""
        ...

    def reload(self) -> None:
        """Take over a new version of what the rules are read from, if there is one."""
        ...


def all_rules(settings: Settings, *, geo_file_required: bool = True) -> list[Rules]:
    """The rules of every table. Raises UserError when the geo file cannot be used, unless it is not required."""
    # Imported here for start-up time.
    from enrichment.addresses import AddressRules
    from enrichment.referrers import ReferrerRules
    from enrichment.user_agents import UserAgentRules

    return [UserAgentRules(), AddressRules(settings.geoip_database, required=geo_file_required), ReferrerRules()]
