"""What comes out of a sample: right, asked, or refused; and never a file where something stays open."""

from pathlib import Path

import pytest
import yaml

from database.connect import connect
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import read_contract
from new_stream.make import Made, made
from new_stream.names import KEYWORDS
from new_stream.questions import OpenQuestion, nobody
from tests.new_stream.samples import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_sample_gives_what_a_careful_developer_would_write(case: Case, tmp_path: Path) -> None:
    path = case.write(tmp_path)
    if case.asked or case.refused:
        with pytest.raises(UserError) as error:
            made("samples", path, case.options, nobody)
        assert isinstance(error.value, OpenQuestion) is bool(case.asked)
        assert (case.asked or case.refused) in error.value.format_message()
        return

    stream = made("samples", path, case.options, nobody)
    plan, account = stream.plan, stream.account
    assert plan.keys == case.key
    assert (".".join(plan.time.path), plan.time.notation.words, plan.time.zone) == (case.time, case.written, case.zone)
    assert {name: plan.column(name).kind for name in case.kinds} == case.kinds
    assert {name: plan.column(name).name for name in case.columns} == case.columns
    assert {column.field for column in plan.columns if column.person} == case.personal
    assert {c.field: c.identifier for c in plan.columns if c.identifier} == case.identifies or not case.identifies
    assert case.groups is None or plan.groups == case.groups
    assert (account.events, account.rejected, account.duplicates, account.quarantined) == (
        case.events,
        case.rejected,
        case.duplicates,
        case.quarantined,
    )
    check_files(case, stream, tmp_path)


def check_files(case: Case, stream: Made, folder: Path) -> None:
    """The files say what was decided, are YAML where they are to be, and show no value of a person."""
    file = folder / "samples.yaml"
    file.write_text(stream.files["landing_stream/contracts/samples.yaml"], encoding="utf-8")
    contract = read_contract(file)
    assert contract.field_names == tuple(column.field for column in stream.plan.columns)
    assert contract.columns == tuple(column.name for column in stream.plan.columns)
    assert {field.name for field in contract.fields if field.pii} == case.personal
    said = "\n".join([*stream.report, *stream.files.values()])
    assert not [value for value in ("letters.test", "Ada", "10.0.0.", "+336", "Lyon", "1980-02-29") if value in said]
    for name, text in stream.files.items():
        if name.endswith((".yml", ".yaml")):
            yaml.safe_load(text)


def test_every_question_is_one_sentence_and_what_is_asked_is_answered_by_its_option(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "day or month first")
    with pytest.raises(OpenQuestion) as error:
        made("samples", case.write(tmp_path), case.options, nobody)
    assert error.value.exit_code == 2
    assert error.value.format_message() == (
        "How is at written? every value can be read by more than one notation, such as day or month first (format"
        " DD/MM/YYYY HH24:MI, format MM/DD/YYYY HH24:MI): say --time-format FORMAT or --time-unit UNIT."
    )


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    path = CASES[0].write(tmp_path)
    for name, said in (
        ("web_logs", "landing_stream/contracts/web_logs.yaml is there already"),
        ("jobs", "dbt_project/models/marts/recruitment/kpi_jobs_hourly.sql has the name"),
        ("trust", "is there already"),
        ("Doors", "write a text that matches"),
        ("loads", "is a table of the ledger"),
    ):
        with pytest.raises(UserError) as error:
            made(name, path, CASES[0].options, nobody)
        assert said in error.value.format_message()


def test_every_word_of_postgres_that_is_more_than_a_name_is_known(settings: Settings) -> None:
    with connect(settings.as_transformer, autocommit=True) as reader:
        words = reader.execute("select word from pg_get_keywords() where catcode in ('R', 'T', 'C')").fetchall()
    assert {word for (word,) in words} <= KEYWORDS
