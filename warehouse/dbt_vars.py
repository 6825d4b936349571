"""Variables of the dbt project that Python goes by too."""

from functools import cache
from typing import Any

import yaml

from landfall.layout import PROJECT


@cache
def dbt_vars() -> dict[str, Any]:
    """The section `vars` of dbt_project.yml."""
    text = (PROJECT / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)["vars"]
    return found
