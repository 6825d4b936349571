"""Make a stream of your own from a sample: contract, models, tests and a dashboard, as files to edit."""

import subprocess
import sys
from pathlib import Path

import click

from cli.options import DELIMITER
from landfall.errors import UserError
from landfall.plain_text import printable


@click.command(name="new-stream")
@click.argument("name")
@click.argument("sample", type=click.Path(path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="FIELD", help="Field of the event key; several are one key.")
@click.option("--no-key", is_flag=True, help="No field is a key: each record is an event, known by its place.")
@click.option("--time", "time", metavar="FIELD", help="Field of the event time; inside an object with dots.")
@click.option("--time-unit", metavar="UNIT", help="How it is written: epoch_seconds, epoch_milliseconds, … iso8601.")
@click.option("--time-format", metavar="FORMAT", help="How it is written, such as 'DD/MM/YYYY HH24:MI'.")
@click.option("--time-zone", metavar="ZONE", help="Zone of a clock that names none, such as Europe/Paris.")
@click.option("--personal", multiple=True, metavar="FIELD", help="A field that is personal and does not look so.")
@click.option("--not-personal", multiple=True, metavar="FIELD", help="A field that looks personal and is not.")
@click.option("--group", "groups", multiple=True, metavar="FIELD", help="Count by this field; two at most.")
@DELIMITER
@click.option("--dry-run", is_flag=True, help="Tell what would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Take the proposal of each question that has one.")
def command(
    name: str,
    sample: Path,
    keys: tuple[str, ...],
    no_key: bool,
    time: str | None,
    time_unit: str | None,
    time_format: str | None,
    time_zone: str | None,
    personal: tuple[str, ...],
    not_personal: tuple[str, ...],
    groups: tuple[str, ...],
    delimiter: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make the stream NAME from SAMPLE, a file of its records as `landfall replay` reads them. All of it is read.

    It tells what each field was taken for, and asks on a terminal what it cannot know. Without a terminal what stays
    open is one sentence with the option that answers it. It writes the contract, the source, a staging view, facts
    (marts.fct_NAME), hourly counts (marts.kpi_NAME_hourly), their tests and a dashboard: files of the project, yours to
    edit. Nothing is overwritten.

    \b
    landfall new-stream door_openings doors.jsonl
    landfall new-stream trips trips.csv.gz --key ride_id --time started_at --time-zone America/Chicago
    landfall new-stream payments payments.csv --time-format 'DD/MM/YYYY HH24:MI' --dry-run

    \b
    Exit codes: 0 written; 1 the sample cannot be read, or the name is taken;
                2 a question stayed open, or an option does not fit the sample. Nothing is written then.
    """
    # Imported here for start-up time.
    from new_stream.files import remove
    from new_stream.make import made
    from new_stream.options import Options
    from new_stream.questions import nobody, proposals
    from new_stream.report import next_steps, written

    options = Options(
        keys, no_key, time, time_unit, time_format, time_zone, personal, not_personal, groups, delimiter
    )  # fmt: skip
    ask = asked if sys.stdin.isatty() and sys.stdout.isatty() else nobody
    stream = made(name, sample, options, proposals(ask) if yes else ask)
    for line in stream.report:
        click.echo(printable(line))
    click.echo("")
    click.echo("would write" if dry_run else "writes")
    for line in written(stream.files):
        click.echo(line)
    if dry_run:
        return
    stream.write()
    click.echo("Parsing the models ...", err=True)
    try:
        parse()
    except UserError:
        remove(list(stream.files))
        raise
    click.echo("")
    for line in next_steps(name, sample, delimiter):
        click.echo(line)


def asked(question: "Question") -> str:  # type: ignore[name-defined]  # noqa: F821
    """The answer of somebody at the terminal: a number of the choices, or a value of their own."""
    click.echo(printable(f"{question.what} {question.why[:1].upper()}{question.why[1:]}."))
    for number, choice in enumerate(question.choices, start=1):
        click.echo(printable(f"  {number}  {choice.words}"))
    answer: str = click.prompt(f"Your choice ({question.option})", default=question.proposal)
    if answer.isdigit() and 1 <= int(answer) <= len(question.choices):
        return question.choices[int(answer) - 1].value
    return answer


def parse() -> None:
    """Parse dbt's project anew, as set-up does. Raises UserError with what dbt says."""
    # Imported here for start-up time.
    import os

    from landfall.layout import venv_bin
    from warehouse.dbt_manifest import DBT_PROJECT

    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
    environ["DBT_PROFILES_DIR"] = str(DBT_PROJECT)
    command = [str(venv_bin() / "dbt"), "--quiet", "--no-use-colors", "--no-partial-parse", "parse"]
    done = subprocess.run(command, cwd=DBT_PROJECT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"dbt cannot parse the stream's models, so nothing of them was left: {done.stdout} {done.stderr}"
        )
    (DBT_PROJECT / "target" / "manifest.json").touch()
