"""Master data of a fictional recruitment platform, which the ids of the stream `job_tracking` refer to.

The same in every run, whatever the seed of the events: `landfall simulate --write-reference DIR` writes it once, and
`landfall reference load DIR` loads it.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

COMPANIES, CAMPAIGNS, GROUPS, JOBS, PUBLISHERS = 40, 120, 90, 900, 24

_BEGINNING = datetime(2025, 1, 6, 8, 0, 0)
_MAJORS = {
    "Information Technology": (
        "Backend Developer",
        "Data Engineer",
        "QA Engineer",
        "UI Designer",
        "Systems Administrator",
    ),
    "Healthcare": ("Registered Nurse", "Psychologist", "Dental Assistant", "Care Assistant"),
    "Finance": ("Accountant", "Underwriter", "Financial Analyst", "Payroll Clerk"),
    "Retail": ("Store Manager", "Cashier", "Visual Merchandiser"),
    "Transportation & Logistics": ("Truck Driver", "Dispatcher", "Forklift Operator", "Warehouse Associate"),
    "Construction / Facilities": ("Foreman", "Electrician", "Plumber", "Facilities Coordinator"),
    "Education / Higher Education": ("Teacher", "Tutor", "Lecturer"),
    "Restaurant / Hospitality": ("Chef", "Barista", "Hotel Receptionist"),
}
_COMPANY_WORDS = ("Alder", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbour")
_COMPANY_KINDS = ("Logistics", "Clinics", "Software", "Foods", "Energy")
_PUBLISHERS = ("JobHive", "CareerLane", "WorkFinder", "HireWave", "TalentPost", "DailyJobs", "Vacantly", "ShiftBoard")
# How often reference rows carry the odd values of real master data.
_CASE_DRIFT = ("FULL_TIME", "Full Time", "PART_TIME", "Part Time")

Row = dict[str, object]


@dataclass(frozen=True)
class Ad:
    """A job that is advertised, with the ids that its events carry."""

    job_id: int
    campaign_id: int
    group_id: int | None
    title: str


@cache
def tables() -> dict[str, tuple[Row, ...]]:
    """The rows of every reference table, by file name without `.csv`; blanks are None."""
    rng = random.Random("reference")
    minors = [(major, minor) for major, names in enumerate(_MAJORS.values(), 1) for minor in names]
    companies = tuple(_company(rng, number) for number in range(1, COMPANIES + 1))
    campaigns = tuple(_campaign(rng, number) for number in range(1, CAMPAIGNS + 1))
    groups = tuple(_group(rng, number, rng.choice(campaigns)) for number in range(1, GROUPS + 1))
    by_campaign = {row["campaign_id"]: row for row in groups}
    jobs = tuple(_job(rng, number, rng.choice(campaigns), by_campaign, minors) for number in range(1, JOBS + 1))
    return {
        "company": companies,
        "campaign": campaigns,
        "group": groups,
        "job": jobs,
        "master_publisher": tuple(_publisher(rng, number) for number in range(1, PUBLISHERS + 1)),
        "master_major_category": tuple({"id": number, "name": name} for number, name in enumerate(_MAJORS, 1)),
        "master_minor_category": tuple(
            {"id": number, "name": name, "major_id": major} for number, (major, name) in enumerate(minors, 1)
        ),
    }


def ads() -> Iterator[Ad]:
    """Every job with its campaign and group."""
    for row in tables()["job"]:
        group_id = row["group_id"]
        yield Ad(
            int(str(row["id"])),
            int(str(row["campaign_id"])),
            int(str(group_id)) if group_id else None,
            str(row["title"]),
        )


def write(folder: Path) -> list[Path]:
    """Write every table as CSV with a header into `folder` (made when absent); blanks are empty. Gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in tables().items():
        path = folder / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        written.append(path)
    return written


def _dates(rng: random.Random) -> Row:
    created = _BEGINNING + timedelta(seconds=rng.randrange(150 * 86_400), microseconds=rng.randrange(10**6))
    modified = created + timedelta(seconds=rng.randrange(60 * 86_400))
    return {"created_date": str(created), "last_modified_date": str(modified), "is_active": int(rng.random() < 0.9)}


def _company(rng: random.Random, number: int) -> Row:
    name = f"{_COMPANY_WORDS[(number - 1) % 8]} {_COMPANY_KINDS[(number - 1) // 8]}"
    return {
        "id": number,
        **_dates(rng),
        "name": name,
        "manage_type": rng.choice((1, 2)),
        "customer_type": rng.choice((1, 2, 3)),
        "status": 1,
        "flat_rate": rng.choice((None, None, 250)),
        "percentage_of_click": rng.choice((None, None, 15)),
    }


def _campaign(rng: random.Random, number: int) -> Row:
    start = _BEGINNING + timedelta(days=rng.randrange(200))
    return {
        "id": number,
        **_dates(rng),
        "campaign_name": f"Campaign {number}",
        "budget_total": rng.choice((500, 2_000, 10_000, 77_000)),
        "unit_budget": "USD",
        "start_date": str(start),
        "end_date": str(start + timedelta(days=rng.choice((30, 90, 365)))),
        "close_date": None,
        "campaign_status": rng.choice((0, 1, 1, 1)),
        "pacing_unit": rng.choice(("Daily", "daily", "Monthly")),
        "company_id": rng.randrange(1, COMPANIES + 1),
        "number_of_pacing": rng.choice((0, 0, 5)),
        "bid_set": rng.choice((None, None, 1, 2)),
    }


def _group(rng: random.Random, number: int, campaign: Row) -> Row:
    return {
        "id": number,
        **_dates(rng),
        "name": f"Group {number}",
        "budget_group": rng.choice((100, 400, 1_000, 4_000)),
        "status": rng.choice((1, 1, 2)),
        "company_id": campaign["company_id"],
        "campaign_id": campaign["id"],
        "number_of_pacing": 0,
    }


def _job(
    rng: random.Random, number: int, campaign: Row, groups: dict[object, Row], minors: list[tuple[int, str]]
) -> Row:
    minor = rng.randrange(len(minors))
    group = groups.get(campaign["id"]) if rng.random() < 0.8 else None
    return {
        "id": number,
        **_dates(rng),
        "title": minors[minor][1],
        "work_schedule": rng.choice(_CASE_DRIFT),
        "role_location": rng.choice(("REMOTE", "IN_PERSON", "In Person", None)),
        "resume_option": rng.choice(("REQUIRED", "Required", "OPTIONAL")),
        "budget": rng.choice((None, None, 50, 200)),
        "status": rng.choice((1, 1, 2, 3)),
        "start_date": None,
        "end_date": None,
        "close_date": None,
        "group_id": group["id"] if group else None,
        "minor_id": minor + 1,
        "campaign_id": campaign["id"],
        "company_id": campaign["company_id"],
    }


def _publisher(rng: random.Random, number: int) -> Row:
    name = _PUBLISHERS[(number - 1) % len(_PUBLISHERS)] + ("" if number <= len(_PUBLISHERS) else f" {number}")
    return {
        "id": number,
        **_dates(rng),
        "publisher_name": name,
        "publisher_type": rng.choice((0, 1)),
        "publisher_status": 1,
        "publisher_frequency": rng.choice((0, 5)),
        "curency": 1,
        "time_zone": rng.choice(("SE Asia Standard Time", "UTC", "-12")),
        "cpc_increment": 0,
        "bid_reading": 1,
        "min_bid": 1,
        "max_bid": rng.choice((2, 7, 10)),
        "countries": rng.choice(("VN", "DE", "US", "Germany")),
    }
