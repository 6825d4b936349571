"""The table of settings, made from their declarations, for docs/: `python -m landfall.settings_table` prints it."""

from collections.abc import Iterable

from landfall import kafka_settings
from landfall.declared import Variable, text, variables
from landfall.kafka_settings import KafkaSettings
from landfall.secret_files import SUFFIX
from landfall.settings import DSNS, HOME, PASSWORDS, PREFIX, Settings, secrets

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
    return [
        HOME,
        *DSNS.values(),
        *PASSWORDS.values(),
        *kafka.values(),
        *variables(Settings, PREFIX).values(),
        *ELSEWHERE,
    ]


def names() -> set[str]:
    """Every variable that is read, those that name a secret's file included."""
    return {name for one in declared() for name in one.names} | {name + SUFFIX for name in secrets()}


def table(rows: Iterable[Variable]) -> str:
    """The table, in Markdown; links are written as from the root of the repository."""
    lines = ["| variable | default | sets |", "|---|---|---|"]
    for row in rows:
        names = ", ".join(f"`{name}`" for name in row.names)
        lines.append(f"| {names} | {f'`{row.default}`' if row.default else ''} | {row.sentence} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(declared()), end="")
