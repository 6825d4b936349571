"""Templates of times: what can be read is, and what cannot is told with what to write. What they read: tests/dbt."""

import pytest

from landing_stream.event_time import template_problem


@pytest.mark.parametrize(
    "template",
    [
        "DD/MM/YYYY HH24:MI",
        "dd/mm/yyyy hh24:mi",
        "DD/Mon/YYYY:HH24:MI:SS TZH:TZM",
        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"',
        "FMDD.FMMM.YY",
        "Day, DD Month YYYY HH12:MI PM",
        "YYYYMMDDHH24MISSMS",
    ],
)
def test_a_template_that_says_a_day_or_more_is_read(template: str) -> None:
    assert template_problem(template) is None


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("", "the year is missing; add it"),
        ("HH24:MI", "the year is missing; add it"),
        ("YYYY-MM", "the day is missing; add it"),
        ("DD/MM/YYYY HH:MI", "the hour is HH24 without AM, or HH12 with AM; write one of both"),
        ("DD/MM/YYYY HH24:MI PM", "the hour is HH24 without AM, or HH12 with AM; write one of both"),
        ("DD/MM/YYYY HH24:SS", "it has the second without the minute; add it"),
        ("DD/MM/YYYY HH24:MI.MS", "it has the fraction without the second; add it"),
        ("DD/MM/YYYY AM", "it has the half of the day without the hour; add it"),
        ("DD/MM/YY YYYY", "the year stands in it twice; leave one out"),
        ("DD/MM/YYYY HH24:FMMI", "'FMMI' is not read; write MI"),
    ],
)
def test_what_a_template_lacks_is_told(template: str, problem: str) -> None:
    assert template_problem(template) == problem


@pytest.mark.parametrize(
    ("template", "token"),
    [
        ("YYYY-MM-DDTHH24:MI", "T"),
        ("%d/%m/%Y", "d"),
        ("J", "J"),
        ('YYYY"', '"'),
        ("20YY-MM-DD", "2"),
        ("YYYY\\MM\\DD", "\\"),
    ],
)
def test_what_is_no_word_of_a_template_is_told(template: str, token: str) -> None:
    problem = template_problem(template)
    assert problem is not None
    assert problem.startswith(f"{token!r} is none of the words YYYY, YY, MM,")
