"""A stream from a sample: read, decided, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landfall.errors import UserError
from landing_stream.event_time import template_problem
from new_stream.decide import decided
from new_stream.files import check, files_of, write
from new_stream.names import KEYWORDS, YAML_WORDS
from new_stream.options import Options
from new_stream.plan import Account, Plan, account_of
from new_stream.profile import profiled
from new_stream.questions import Ask, WrongAnswer
from new_stream.report import findings
from new_stream.sample import open_sample
from new_stream.times import UNITS


@dataclass(frozen=True)
class Made:
    """A stream that could be written. `files`: texts by their paths in the project."""

    plan: Plan
    account: Account
    report: tuple[str, ...]
    files: Mapping[str, str]

    def write(self) -> None:
        """Write all of its files, or none."""
        write(self.files)


def made(stream: str, path: Path, options: Options, ask: Ask) -> Made:
    """The stream of a sample; nothing is written.

    Raises UserError for a sample that cannot be read and a name that is taken, OpenQuestion for what nobody answers,
    WrongAnswer for an option that does not fit the sample.
    """
    check_options(options)
    if stream in YAML_WORDS | KEYWORDS:
        raise UserError(f"{stream!r} is a word of YAML or SQL: choose another name for the stream.")
    sample = open_sample(path, options.delimiter)
    profiles = profiled(sample, [options.notation] if options.notation else ())
    plan = decided(stream, profiles, options, ask)
    account = account_of(sample, plan)
    if unread := {name for name in account.unread if plan.column(name).kind == "time"}:
        # a time that is no event time may be out of its bounds
        plan = plan.as_text(unread)
        account.unread = type(account.unread)({k: v for k, v in account.unread.items() if k not in unread})
    check_account(plan, account)
    files = files_of(plan, account)
    check(plan, files)
    return Made(plan, account, tuple(findings(path, profiles, plan, account)), files)


def check_options(options: Options) -> None:
    """Raise WrongAnswer where options contradict each other, or name no unit and no format."""
    if options.keys and options.no_key:
        raise WrongAnswer("--key and --no-key contradict each other: say one.")
    if options.time_unit is not None and options.time_unit not in UNITS:
        raise WrongAnswer(f"--time-unit {options.time_unit} is no unit: write one of {', '.join(UNITS)}.")
    if options.time_unit == "format" and options.time_format is None:
        raise WrongAnswer("--time-unit format needs --time-format FORMAT.")
    if options.time_format is not None:
        if options.time_unit not in (None, "format"):
            raise WrongAnswer("--time-format and --time-unit contradict each other: say one.")
        if (problem := template_problem(options.time_format)) is not None:
            raise WrongAnswer(f"--time-format {options.time_format!r} is none: {problem}.")


def check_account(plan: Plan, account: Account) -> None:
    """Raise WrongAnswer where a key would merge records that differ, or nothing would be counted."""
    if account.conflicting:
        raise WrongAnswer(
            f"{account.conflicting:,} records have the key ({' and '.join(plan.keys)}) of another and say something"
            " else: they would be taken for the same event. Name more fields with --key, or say --no-key."
        )
    if not account.events:
        raise UserError(
            f"No record would be counted: of {account.landed:,}, {account.missing_key:,} have no key and"
            f" {account.bad_event_time:,} no time between 1970 and a year from now."
        )
