"""The `landfall` command: finds its subcommands by file name and imports only the one that is called."""

import ast
import importlib
import sys
from pathlib import Path

import click

from landfall.errors import UserError
from landfall.surroundings import insist_on_utf8, write_what_can_be_written

COMMANDS_DIR = Path(__file__).parent / "commands"

# The order of a first day with the product, not of the alphabet; what is not named here is listed last.
SECTIONS: dict[str, tuple[str, ...]] = {
    "All of it": ("demo",),
    "Servers": ("up", "down", "status", "doctor", "env", "migrate", "acls"),
    "Events and reference data": ("simulate", "replay", "reference", "new-stream"),
    "Landing and models": ("serve", "land", "package", "ingest", "refresh", "quarantine", "report"),
    "History and people": ("backup", "restore", "retention", "erase"),
    "Seen from outside": ("dashboards", "metrics", "export", "explain"),
}


def module_of(command: str) -> str:
    """Name of the module that holds a command: `new_stream` of `new-stream`."""
    return command.replace("-", "_")


class LazyCommands(click.Group):
    """Lists commands without importing them: Spark, dbt and Dagster cost seconds each."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = {path.stem.replace("_", "-") for path in COMMANDS_DIR.glob("*.py") if not path.stem.startswith("_")}
        listed = [name for names in SECTIONS.values() for name in names if name in found]
        return listed + sorted(found - set(listed))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"cli.commands.{module_of(cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        sections = dict(SECTIONS)
        sections["More"] = tuple(name for name in names if not any(name in known for known in SECTIONS.values()))
        for title, members in sections.items():
            rows = [(name, one_line(COMMANDS_DIR / f"{module_of(name)}.py")) for name in members if name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def one_line(module_file: Path) -> str:
    """First line of a module's docstring, read without importing the module."""
    docstring = ast.get_docstring(ast.parse(module_file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="landfall")
def group() -> None:
    """Lands event streams in Postgres exactly once and keeps KPI tables fresh.

    \b
    A first look:   landfall demo --duration 60
    Step by step:   landfall up; landfall simulate --count 10000; landfall land --once; landfall refresh
    By hand:        eval "$(landfall env)"; then dbt, psql, dagster and spark-submit reach the same servers

    State is kept in LANDFALL_HOME (default: .landfall in the project's folder); several can run side by side.

    With LANDFALL_POSTGRES_DSN, LANDFALL_LANDING_DSN, LANDFALL_ADMIN_DSN and LANDFALL_KAFKA_BOOTSTRAP_SERVERS set,
    the same commands work on servers of your own, after `landfall migrate`.
    """


def main() -> None:
    """Entry point. Ends with 0, with 1 and one sentence for a user's mistake, or with 2 for a wrong option."""
    insist_on_utf8()
    write_what_can_be_written((sys.stdout, sys.stderr))
    try:
        group(prog_name="landfall")
    except Exception as error:
        if not is_lost_connection(error):
            raise
        refusal = UserError(refused_by_postgres(error))
        refusal.show()
        sys.exit(refusal.exit_code)


def is_lost_connection(error: Exception) -> bool:
    """Whether this is psycopg's "cannot connect", asked without importing psycopg for commands that need none."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.OperationalError)


def refused_by_postgres(error: Exception) -> str:
    """What Postgres or the way to it said, on one line, and what to do."""
    # Imported here for start-up time.
    from landfall.failures import classify
    from landfall.pooler import in_words

    said = in_words(str(error)) or " ".join(str(error).split()).rstrip(".")
    advice = classify(error).advice or "Is it running? See `landfall status`."
    return f"Postgres does not answer or refused: {said}. {advice}"
