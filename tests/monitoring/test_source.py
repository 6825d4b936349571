"""A source that hangs, fails and comes back, and what a scrape gets of it meanwhile."""

import threading
from collections.abc import Callable

import pytest

from monitoring.histogram import Histogram, share_up_to
from monitoring.source import Source

SOON = 0.01


def test_a_source_that_hangs_is_asked_once_and_answers_when_it_wakes() -> None:
    awake, asked = threading.Event(), []

    def read() -> str:
        asked.append(1)
        assert awake.wait(30)
        return "figures"

    source = Source("kafka", read)
    assert [source.answer(SOON), source.answer(SOON)] == [None, None]
    awake.set()
    assert source.answer(30) == "figures"
    assert len(asked) == 1, "while one read hangs, no second one begins"


def test_a_slow_source_shows_its_last_answer_while_it_reads_anew() -> None:
    gate = threading.Semaphore(1)
    answers = iter(range(1, 9))

    def read() -> int:
        assert gate.acquire(timeout=30)
        return next(answers)

    source = Source("quality", read, pace=1e-9)
    assert source.answer(30) == 1
    assert source.answer(SOON) == 1, "the second read waits for the gate"
    gate.release()
    assert eventually(lambda: source.answer(SOON) == 2)


def test_a_slow_source_is_left_alone_for_a_while() -> None:
    answers = iter(range(1, 9))
    source = Source("quality", lambda: next(answers), pace=1e9)
    assert [source.answer(30) for _ in range(5)] == [1] * 5


def test_an_error_is_no_answer_and_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[Exception | str] = [OSError("away"), OSError("away"), "figures", "figures"]

    def read() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    source = Source("postgres", read)
    assert [source.answer(30) for _ in range(4)] == [None, None, "figures", "figures"]
    assert [record.getMessage() for record in caplog.records] == ["postgres: OSError: away", "postgres: answers again"]


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it holds at one of many looks; each of them waits a little itself."""
    return any(condition() for _ in range(1000))


@pytest.mark.parametrize(("bound", "share"), [(0.5, 0.0), (1, 0.0), (2, 0.5), (3, 1.0), (9, 1.0)])
def test_records_of_a_slice_are_spread_over_its_span(bound: float, share: float) -> None:
    assert share_up_to(bound, 1, 3) == share


def test_a_histogram_is_cumulative_and_takes_clocks_that_differ_for_zero() -> None:
    histogram = Histogram((1, 2))
    histogram.add_spread(0, 2, 10)
    histogram.add(-5)
    assert histogram.buckets() == [("1.0", 6), ("2.0", 11), ("+Inf", 11)]
    assert histogram.sum == 10
