"""What a micro-batch reads: spans of offsets, shared out over tasks."""

import json
from pathlib import Path

from landing_stream.ledger import Span
from landing_stream.plan import planned_ends, shares, spans


def test_the_planned_ends_are_the_last_line_of_sparks_offsets_file(tmp_path: Path) -> None:
    (tmp_path / "offsets").mkdir()
    metadata = json.dumps({"batchWatermarkMs": 0, "conf": {"other": {"0": 7}}})
    (tmp_path / "offsets" / "12").write_text(f'v1\n{metadata}\n{{"views":{{"1":5,"0":100,"10":0}}}}')
    assert planned_ends(tmp_path, 12, "views") == {0: 100, 1: 5, 10: 0}


def test_a_span_goes_from_the_end_before_to_the_end_planned() -> None:
    assert spans({0: 10, 1: 5}, {0: 30, 1: 6}) == {0: Span(0, 10, 30), 1: Span(1, 5, 6)}


def test_a_partition_with_nothing_to_read_has_no_span() -> None:
    assert spans({0: 10, 1: 5}, {0: 10, 1: 4}) == {}


def test_a_partition_that_is_new_is_read_from_its_first_offset() -> None:
    assert spans({0: 10}, {0: 10, 6: 3}) == {6: Span(6, 0, 3)}


def test_tasks_get_shares_of_about_equal_size() -> None:
    planned = {p: Span(p, 0, size) for p, size in enumerate([10, 500, 40, 300, 200, 50])}
    sizes = [sum(span.until_offset for span in share) for share in shares(planned, 2)]
    assert sizes == [550, 550]


def test_every_span_is_in_one_share_the_largest_first() -> None:
    planned = {p: Span(p, 7, 7 + 10 * (p + 1)) for p in range(6)}
    shared = shares(planned, 4)
    assert len(shared) == 4
    assert sorted((span for share in shared for span in share), key=lambda s: s.kafka_partition) == list(
        planned.values()
    )
    assert [share[0].kafka_partition for share in shared] == [5, 4, 3, 2]


def test_there_are_no_more_shares_than_spans() -> None:
    assert shares({3: Span(3, 0, 1)}, 8) == [[Span(3, 0, 1)]]
