"""Who was erased since a backup is nowhere in what it brings back, though nothing beside it names anybody."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.backups import back_up, restore
from database.connect import connect
from erasure.erase import erase
from erasure.erase_restored import erase_restored
from erasure.journal import Journal
from landfall.errors import UserError
from landfall.settings import Settings
from landing_stream.contract import load_contracts
from tests.conftest import at_database, create, drop
from tests.dbt.conftest import Warehouse
from tests.dbt.erased_person import EMAIL, EVENTS, HOME, LAPTOP, PHONE, USER, counts, fill, places_of
from warehouse.dbt_arguments import pass_arguments
from warehouse.shorten import shorten_identifiers


@pytest.fixture
def filled(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse with the person in it, whose journal of erasures is in a file of its own."""
    fill(warehouse)
    warehouse.settings = replace(warehouse.settings, erasure_journal=tmp_path / "erasures.jsonl")
    return warehouse


@pytest.fixture
def empty_database(settings: Settings) -> Iterator[Settings]:
    """A database with nothing in it."""
    name = f"restored_{uuid.uuid4().hex[:12]}"
    create(settings, name)
    yield at_database(settings, name)
    with connect(settings.as_admin, autocommit=True) as admin:
        drop(admin, name)


def forget_landing(filled: Warehouse) -> None:
    """Leaves of the person what retention leaves: facts with keys in place of the ids."""
    for table in (*EVENTS, "quarantine"):
        filled.landing.execute(f"delete from landing.{table}")
    filled.landing.execute("update landing.loads set landed_at = landed_at - interval '100 days'")
    shorten_identifiers(filled.reader, load_contracts(), 90)


def leave_all(filled: Warehouse) -> None:
    """Leaves everything as it is."""


@pytest.mark.parametrize("meanwhile", [leave_all, forget_landing])
def test_a_restored_backup_has_nothing_of_who_was_erased_since(
    filled: Warehouse, empty_database: Settings, tmp_path: Path, meanwhile: Callable[[Warehouse], None]
) -> None:
    meanwhile(filled)
    back_up(filled.settings, tmp_path / "backup.dump")
    erased = erase(
        filled.settings, {"user": {USER}, "device": {PHONE, PHONE.upper(), LAPTOP}, "email": {EMAIL.lower()}}
    )
    assert erased is not None
    filled.enricher.run_once()
    filled.run()
    journal = Journal.of(filled.settings)
    written = journal.path.read_text(encoding="utf-8").lower()
    assert not [text for text in (USER, EMAIL.lower(), PHONE, LAPTOP, HOME) if text in written]
    assert journal.path.stat().st_mode & 0o777 == 0o600

    done = restore(empty_database, tmp_path / "backup.dump", journal, jobs=1)
    restored = Warehouse(empty_database)
    try:
        assert done.erased
        assert places_of(restored) == []
        assert restored.one("select min(token) from ops.erasures") == erased.token
        restored.enricher.run_once()
        restored.run(*pass_arguments(EVENTS))
        assert places_of(restored) == []
        assert counts(restored) == counts(filled)
        assert erase_restored(empty_database, journal) == {}
    finally:
        restored.close()


def test_a_journal_of_another_database_is_refused(filled: Warehouse) -> None:
    erase(filled.settings, {"user": {USER}})
    filled.reader.execute("update ops.pseudonym_salt set salt = 'another'")
    with pytest.raises(UserError, match="is of another database: its hashes are made with another salt"):
        erase_restored(filled.settings, Journal.of(filled.settings))


def test_nobody_is_erased_whom_the_journal_cannot_know(filled: Warehouse) -> None:
    journal = Journal.of(filled.settings)
    journal.path.mkdir()
    before = filled.tables()
    with pytest.raises(UserError, match=r"erasures\.jsonl cannot be written: Is a directory.*nothing was changed"):
        erase(filled.settings, {"user": {USER}})
    assert filled.tables() == before


def test_a_journal_survives_a_line_broken_off_and_says_nothing_twice(
    filled: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal.of(filled.settings)
    erase(filled.settings, {"device": {"x3"}}, links="none")
    [first] = journal.read()
    with journal.path.open("a", encoding="utf-8") as file:
        file.write('{"salt": "broken o')
    erase(filled.settings, {"device": {"x4"}}, links="none")
    assert journal.read()[0] == first
    assert len(journal.read()) == 2
    assert f"{journal.path}, line 2 is no entry" in caplog.text
    size = journal.path.stat().st_size
    journal.add(journal.read())
    assert journal.path.stat().st_size == size
