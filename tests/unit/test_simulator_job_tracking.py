"""What the simulated ad events look like, and that their ids are those of the master data."""

import csv
import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landing_stream.contract import load_contracts
from simulator import reference
from simulator.identifiers import GREGORIAN_TO_UNIX_TICKS, TICKS_PER_SECOND
from simulator.job_tracking import TRACKS, JobTracking

COUNT = 30_000
SECONDS = 1_750_000_000.0 + np.arange(COUNT) / 500


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    batch = JobTracking(5).batch(SECONDS)
    return [json.loads(value) for value in batch.values if value is not None]


def test_events_have_the_29_fields_of_the_contract(events: list[dict[str, Any]]) -> None:
    assert set(events[0]) == set(load_contracts()["job_tracking"].field_names)
    assert len(events[0]) == 29


def test_create_time_is_a_version_1_uuid_whose_clock_is_the_events(events: list[dict[str, Any]]) -> None:
    good = 0
    for event, second in zip(events, SECONDS.tolist(), strict=True):
        decoded = uuid.UUID(event["create_time"])
        assert decoded.variant == uuid.RFC_4122
        if decoded.version == 1:
            clock = (decoded.time - GREGORIAN_TO_UNIX_TICKS) / TICKS_PER_SECOND
            assert clock == pytest.approx(second, abs=2e-6)
            good += 1
    assert good >= 0.998 * COUNT
    assert len({event["create_time"] for event in events}) == COUNT


def test_events_whose_create_time_is_no_clock_are_known_by_place(events: list[dict[str, Any]]) -> None:
    batch = JobTracking(5).batch(SECONDS)
    assert batch.unusable == [
        place for place, event in enumerate(events) if uuid.UUID(event["create_time"]).version != 1
    ]
    assert batch.unusable


def test_tracks_have_their_shares(events: list[dict[str, Any]]) -> None:
    counts = Counter(event["custom_track"] or "" for event in events)
    for track, share in TRACKS.items():
        assert counts[track] / COUNT == pytest.approx(share, abs=0.01)
    assert {None, ""} <= {event["custom_track"] for event in events}


def test_ids_come_as_text_floats_digits_numbers_and_null(events: list[dict[str, Any]]) -> None:
    jobs = {type(event["job_id"]) for event in events}
    assert jobs == {str, int, type(None)}
    assert sum(str(event["job_id"]).endswith(".0") for event in events) > 0.5 * COUNT
    assert any(event["bid"] is None for event in events)
    assert any(event["bid"] == "1.0" for event in events)


def test_ids_are_those_of_the_reference_data_but_for_a_few_jobs(events: list[dict[str, Any]]) -> None:
    def known(table: str) -> set[int]:
        return {int(str(row["id"])) for row in reference.tables()[table]}

    def named(field: str) -> set[int]:
        return {int(float(event[field])) for event in events if event[field] is not None}

    assert named("campaign_id") <= known("campaign")
    assert named("group_id") <= known("group")
    assert named("publisher_id") <= known("master_publisher")
    unknown = [e for e in events if e["job_id"] is not None and int(float(e["job_id"])) not in known("job")]
    assert 0 < len(unknown) < 0.02 * COUNT


def test_the_reference_data_refers_to_itself() -> None:
    tables = reference.tables()
    ids = {name: {row["id"] for row in rows} for name, rows in tables.items()}
    for job in tables["job"]:
        campaign = next(row for row in tables["campaign"] if row["id"] == job["campaign_id"])
        assert job["company_id"] == campaign["company_id"]
        assert job["company_id"] in ids["company"]
        assert job["group_id"] is None or job["group_id"] in ids["group"]
        assert job["minor_id"] in ids["master_minor_category"]
    assert {row["major_id"] for row in tables["master_minor_category"]} == ids["master_major_category"]


def test_the_reference_files_have_a_header_and_blanks_for_nulls(tmp_path: Path) -> None:
    names = [path.name for path in reference.write(tmp_path / "new")]
    assert sorted(names) == [
        "campaign.csv",
        "company.csv",
        "group.csv",
        "job.csv",
        "master_major_category.csv",
        "master_minor_category.csv",
        "master_publisher.csv",
    ]
    with (tmp_path / "new" / "job.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == reference.JOBS
    assert rows[0]["close_date"] == ""
    again = reference.write(tmp_path / "again")
    assert [path.read_bytes() for path in again] == [(tmp_path / "new" / path.name).read_bytes() for path in again]
