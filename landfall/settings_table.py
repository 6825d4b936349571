"""The table of settings in README.md, made from their declarations: `python -m landfall.settings_table` writes it."""

import re
from collections.abc import Iterable

from landfall import kafka_settings
from landfall.declared import Variable, text, variables
from landfall.kafka_settings import KafkaSettings
from landfall.layout import PROJECT
from landfall.settings import DSNS, HOME, PREFIX, Settings

BEGIN = "<!-- Made by `python -m landfall.settings_table`: edit where the settings are declared. -->\n"
END = "<!-- End of the table of settings. -->\n"
ELSEWHERE = (
    Variable(
        text,
        "source of `reference load`, where its password is not to stand in the list of processes",
        names=("LANDFALL_REFERENCE_URL",),
    ),
    Variable(
        text,
        "names the schemas of `dbt build --target dev`; by default the user",
        names=("LANDFALL_DEVELOPER",),
    ),
    Variable(
        text,
        "what `make setup` made: jars, and a JDK where it took one; in the project's folder",
        names=("LANDFALL_BUILD",),
        default="build",
    ),
)
"""Read by what they are for alone: the command line, dbt's profile, set-up."""


def declared() -> list[Variable]:
    """Every variable that sets something, in the order of the table."""
    kafka = variables(KafkaSettings, kafka_settings.PREFIX)
    return [HOME, *DSNS.values(), *kafka.values(), *variables(Settings, PREFIX).values(), *ELSEWHERE]


def table(rows: Iterable[Variable]) -> str:
    """The table, in Markdown."""
    lines = ["| variable | default | sets |", "|---|---|---|"]
    for row in rows:
        names = ", ".join(f"`{name}`" for name in row.names)
        lines.append(f"| {names} | {f'`{row.default}`' if row.default else ''} | {row.sentence} |")
    return "\n".join(lines) + "\n"


def with_table(readme: str) -> str:
    """The text of README.md with the table as it is to be."""
    block = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    made, places = block.subn(lambda _: BEGIN + "\n" + table(declared()) + "\n" + END, readme)
    if places != 1:
        raise ValueError(f"README.md has {places} places for the table of settings, not one.")
    return made


if __name__ == "__main__":
    path = PROJECT / "README.md"
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
